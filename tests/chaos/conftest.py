"""Faults at the worst moments, on real processes; every test counts them and fails at none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.stand import Stand

from radical_edge_core.testing.tally import Tally

_STANDS = pytest.StashKey[Stand]()
_TAIL = 4000


@pytest.fixture
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    """A state folder and processes of this test's own."""
    made = request.node.stash[_STANDS] = Stand(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Count the faults, with the test's seed where it has one; the test fails where there was none."""
    callspec = getattr(request.node, "callspec", None)
    counted = Tally(callspec.params.get("seed") if callspec is not None else None)
    yield counted
    print(counted)
    counted.check()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show what the last processes of a failed test have printed."""
    report = yield
    made = item.stash.get(_STANDS, None)
    if report.failed and made is not None:  # type: ignore[attr-defined]
        for process in made.processes[-4:]:
            state = "runs" if process.running else f"ended with {process.wait(0)}"
            report.sections.append((f"{process.name} ({state})", process.output[-_TAIL:]))  # type: ignore[attr-defined]
    return report
