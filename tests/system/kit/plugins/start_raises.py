"""A plugin that can't start."""

from __future__ import annotations

from typing import ClassVar

from radical_edge_core.plugin import Plugin


class StartRaises(Plugin):
    """Raises."""

    name: ClassVar[str] = "start_raises"

    async def start(self) -> None:
        """Try to end the edge."""
        raise SystemExit("boom in start")
