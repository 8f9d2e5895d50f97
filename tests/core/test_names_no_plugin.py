"""Core knows plugins as installed distributions, and none by name."""

from __future__ import annotations

import re
from pathlib import Path

import radical_edge_core

SOURCES = Path(radical_edge_core.__file__).parent
PLUGINS = re.compile(r"\b(sysinfo|queue_info|psij|pilot|rhapsody|staging)\b", re.IGNORECASE)


def test_cores_sources_name_no_plugin() -> None:
    """Neither code nor text mentions one: what holds for one plugin belongs into it."""
    found = [
        f"{path.relative_to(SOURCES)}:{number}: {line.strip()}"
        for path in sorted(SOURCES.rglob("*"))
        if path.suffix in {".py", ".sh", ".toml", ".html"}
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if PLUGINS.search(line)
    ]
    assert found == []
