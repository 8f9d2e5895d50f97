"""The places where a test may let a process die: named, listed, passed, and of no effect unless asked for."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from radical_edge_core import crash_points

ROOT = Path(__file__).parents[3]
CALL = re.compile(r"\bcrash_point\(\s*\"([^\"]+)\"\s*\)")


def named_in_sources() -> list[str]:
    sources = [*ROOT.glob("radical_edge_*/src/**/*.py"), *ROOT.glob("radical_edge_plugins/*/src/**/*.py")]
    assert sources
    return [name for path in sources for name in CALL.findall(path.read_text(encoding="utf-8"))]


def test_the_list_is_what_the_sources_have() -> None:
    """Each listed point is in the sources once, each one there is listed, and the table tells of each."""
    assert sorted(named_in_sources()) == sorted(crash_points.POINTS)
    assert len(crash_points.POINTS) >= 8
    assert crash_points.__doc__ is not None
    told = re.findall(r"^``([a-z_]+\.[a-z_]+)``", crash_points.__doc__, re.MULTILINE)
    assert told == list(crash_points.POINTS)


def run(script: str, point: str | None) -> int:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RADICAL_")}
    if point is not None:
        environ["RADICAL_EDGE_CRASH_POINT"] = point
    script = f"from radical_edge_core.crash_points import ENABLED, crash_point\n{script}"
    return subprocess.run([sys.executable, "-c", script], check=False, env=environ).returncode


@pytest.mark.parametrize(
    ("point", "passages", "dies"),
    [("key.begun", 1, True), ("key.begun:3", 2, False), ("key.begun:3", 3, True), ("key.acted", 5, False)],
)
def test_the_process_dies_at_the_asked_passage(point: str, passages: int, dies: bool) -> None:
    """It is killed as by ``kill -9``, at the first or the n-th passage of the point that was named."""
    code = run(f"for _ in range({passages}): crash_point('key.begun')", point)
    assert code == (-signal.SIGKILL if dies else 0)


def test_nothing_happens_unless_asked() -> None:
    """Without the variable the constant is false and no point does anything."""
    assert run("assert not ENABLED\nfor _ in range(9): crash_point('key.begun')", None) == 0
