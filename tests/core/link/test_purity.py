"""The link does no I/O and holds no clock."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import radical_edge_core.link

SOURCES = sorted(Path(radical_edge_core.link.__file__).parent.glob("*.py"))
BANNED = {
    "aiohttp",
    "anyio",
    "asyncio",
    "datetime",
    "os",
    "select",
    "socket",
    "starlette",
    "threading",
    "time",
    "uvloop",
}
ALLOWED_INSIDE = {"radical_edge_core.link"}


def imported(source: str) -> set[str]:
    """Absolute names of the modules that a source imports; relative ones stay inside the package."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "") if node.level == 0 else names.add(
                "radical_edge_core.link" if node.level == 1 else "outside"
            )
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_module_of_the_link_does_io(path: Path) -> None:
    """No event loop, socket, clock, thread or file comes into the link, and nothing of the rest of the core."""
    names = imported(path.read_text())
    assert not {name.partition(".")[0] for name in names} & BANNED
    assert "outside" not in names
    assert {name for name in names if name.startswith("radical_edge_core")} <= ALLOWED_INSIDE


def test_the_check_sees_every_form_of_import() -> None:
    """A check that finds nothing because it looks for the wrong thing would be worse than none."""
    source = "import time, os.path\nfrom asyncio.tasks import x\nfrom . import mux\nfrom ..bridge import y\n"
    assert imported(source) == {"time", "os.path", "asyncio.tasks", "radical_edge_core.link", "outside"}
    assert len(SOURCES) > 10
