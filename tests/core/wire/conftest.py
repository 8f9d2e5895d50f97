"""The two ends of a link in one loop, and nothing left behind."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _guarded(guarded: None) -> None:
    """Every test here leaves nothing behind."""
