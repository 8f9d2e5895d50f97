"""The fixtures that pytest finds by itself; everything heavy is imported only where a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from radical_edge_core.testing.tally import Tally


@pytest.fixture
def tally() -> Iterator[Tally]:
    """Count the faults of one test; it fails where there was none. The seed is printed with a failure."""
    from radical_edge_core.testing.tally import Tally  # noqa: PLC0415 - pytest loads this module at every start

    counted = Tally()
    yield counted
    print(counted)  # noqa: T201 - pytest shows it where the test fails
    counted.check()


@pytest.fixture
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """
    Fail a test that leaves a thread, a child process or a changed environment behind.

    Where a test has ``monkeypatch``, that puts the environment right, which may be later than this.
    """
    from radical_edge_core.testing.leaks import no_leaked_threads  # noqa: PLC0415 - as above

    with no_leaked_threads(environment="monkeypatch" not in request.fixturenames):
        yield
