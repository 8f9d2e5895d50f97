"""Fixtures for tests of whole systems: the console scripts as processes, each test with its own state folder."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from kit.hosts import Bridge, Edge
from kit.processes import Process
from kit.slurm import Cluster, cluster
from kit.stand import Stand

_STANDS = pytest.StashKey[list[Stand]]()
# How much of each process's output a failing test shows.
_TAIL = 6000


@pytest.fixture
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    """A state folder and processes of this test's own."""
    yield from _standing(request.node, tmp_path)


@pytest.fixture(scope="module")
def shared_stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A state folder and processes that the tests of one file share."""
    yield from _standing(request.node, tmp_path_factory.mktemp("stand"))


def _standing(node: pytest.Item | pytest.Collector, folder: Path) -> Iterator[Stand]:
    made = Stand(folder)
    node.stash.setdefault(_STANDS, []).append(made)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def slurm() -> Iterator[Cluster]:
    """A real SLURM cluster, which the tests of one session share; skips where none can be had."""
    yield from cluster()


@pytest.fixture
def home(stand: Stand) -> Path:
    """The test's state folder."""
    return stand.home


@pytest.fixture
def bridge_process(stand: Stand) -> Callable[..., Bridge]:
    """Start a bridge and wait until it is ready; see ``Stand.bridge``."""
    return stand.bridge


@pytest.fixture
def edge_process(stand: Stand) -> Callable[..., Edge]:
    """Start an edge; see ``Stand.edge``."""
    return stand.edge


@pytest.fixture
def console(stand: Stand) -> Callable[..., Process]:
    """Start any of the console scripts; see ``Stand.console``."""
    return stand.console


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the processes of a failed test have printed."""
    report = yield
    if report.failed:
        for node in item.listchain():
            for made in node.stash.get(_STANDS, []):
                for process in made.processes:
                    state = "runs" if process.running else f"ended with {process.wait(0)}"
                    report.sections.append((f"{process.name} ({state})", process.output[-_TAIL:]))
    return report
