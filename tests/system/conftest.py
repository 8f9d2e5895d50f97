"""What several files of the system tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit.certificates import make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for this machine, and its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def other_certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One that belongs to no bridge."""
    return make_certificate(tmp_path_factory.mktemp("other-tls"), key_type="rsa:2048")
