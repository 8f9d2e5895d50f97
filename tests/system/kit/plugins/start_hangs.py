"""A plugin that never gets ready."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from radical_edge_core.plugin import Plugin


class StartHangs(Plugin):
    """Hangs."""

    name: ClassVar[str] = "start_hangs"

    async def start(self) -> None:
        """Wait for what never comes."""
        await asyncio.Event().wait()
