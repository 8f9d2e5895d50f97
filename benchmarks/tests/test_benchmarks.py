"""The benchmarks run to their end, and read their samples rightly; how fast anything is stays open."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent
QUICK = ("--rounds", "1", "--seconds", "0.3", "--connections", "1,4", "--mib", "2")


def test_a_run_measures_everything_it_names() -> None:
    """One command starts the console scripts, measures both sides, and ends."""
    command = (sys.executable, str(BENCHMARKS / "run.py"), *QUICK, "--json")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [row["connections"] for row in found["small"]] == [1, 4]
    assert all(row["ratio"] > 0 for row in found["small"] + found["large"])
    assert set(found["configuration"]) == {"radical-edge-bridge", "radical-edge-service", "hypercorn"}


@pytest.mark.parametrize(
    ("frame", "package"),
    [
        ("run (asyncio/runners.py:118)", "asyncio"),
        ("send (h11/_connection.py)", "h11"),
        ("data (hypercorn/protocol/h11.py:12)", "hypercorn"),
        ("write (radical_edge_core/link/mux.py:7)", "radical_edge_core.link"),
        ("load (radical_edge_core/config.py:7)", "radical_edge_core.config"),
        ("get_type_hints (typing.py:9)", "typing"),
    ],
)
def test_a_frame_belongs_to_its_package(frame: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Self time is added up by package, and by room in our own code."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from stages import package_of

    assert package_of(frame) == package
