"""What tests of a bridge, an edge, or the link between them share; each folder says which of it is for every test."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from radical_edge_core.testing.bridges import RunningBridge, running_bridge
from radical_edge_core.testing.leaks import no_leaked_tasks


@pytest.fixture
async def guarded(monkeypatch: pytest.MonkeyPatch, no_leaks: None, settled: None) -> AsyncIterator[None]:
    """No setting comes from outside, and neither task, thread nor child stays."""
    for name in os.environ:
        if name.startswith("RADICAL_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    async with no_leaked_tasks():
        yield


@pytest.fixture(scope="session")
def settled() -> None:
    """What was imported so far is not looked at again by each test's collection of garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A state folder, in memory where the system has such a place: a test needs no disk to wait for."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path / "home"
        return
    with TemporaryDirectory(dir=memory) as folder:
        yield Path(folder) / "home"


@pytest.fixture
async def bridge(home: Path) -> AsyncIterator[RunningBridge]:
    """A bridge with the protocol's own times."""
    async with running_bridge(home) as running:
        yield running
