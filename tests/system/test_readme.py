"""The README's walk-through and the tutorial work as they are written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def blocks(language: str, page: str = "README.md") -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder as the first command leaves it: an environment in ``.venv``, and everything up."""
    place = tmp_path_factory.mktemp("readme")
    (place / ".venv").symlink_to(sys.prefix)
    environ = environment(place)
    up = subprocess.Popen(
        (".venv/bin/radical-edge", "up", "--port", "0"),
        cwd=place, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert up.stdout is not None
        printed = []
        for line in up.stdout:
            printed.append(line)
            if line.startswith("sign in: "):
                break
        else:
            pytest.fail("".join(printed))
        yield place
    finally:
        up.terminate()
        up.communicate(timeout=30)


def environment(place: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RADICAL_")}
    return {**kept, "RADICAL_EDGE_HOME": str(place / "state")}


def test_the_shell_walk_through_works(folder: Path) -> None:
    """The blocks after the two commands run in one shell, and show what the text says."""
    script = "".join(blocks("sh")[2:])
    done = subprocess.run(
        ("bash", "-uc", script),
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    # What ends the event stream is the time that the text gives it.
    assert all(line.startswith("curl: (28)") for line in done.stderr.splitlines()), done.stderr
    for expected in (
        "local",
        "sysinfo",
        '"cpu"',
        "started\ndone\n",
        "COMPLETED",
        '"homedir"',
        '"submit_job"',
    ):
        assert expected in done.stdout, f"{expected}\n{done.stdout}\n{done.stderr}"
    assert re.search(r'^data: \{"topic":"topology"', done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^id: \S+\ndata: .*job_status", done.stdout, re.MULTILINE), done.stdout


def test_the_python_walk_through_works(folder: Path) -> None:
    """The Python block runs by itself."""
    (script,) = blocks("python")
    done = subprocess.run(
        (".venv/bin/python", "-c", script),
        cwd=folder, env=environment(folder), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "COMPLETED" in done.stdout


def test_the_tutorial_works(folder: Path) -> None:
    """The blocks for the second terminal run as they are, but for those that start another bridge."""
    found = [
        block for block in blocks("sh", "docs/tutorials/first-steps.md")[1:] if "radical-edge up" not in block
    ]
    done = subprocess.run(
        ("bash", "-euc", "".join(found)),
        cwd=folder, env=environment(folder), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "step 1\nstep 2\nstep 3\n" in done.stdout
    assert (folder / "join.token").stat().st_mode & 0o777 == 0o600
