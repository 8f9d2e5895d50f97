"""A plugin's own client: one method more than the description gives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from radical_edge_core.plugin import PluginClient


class ExampleClient(PluginClient):
    """Adds conveniences to the generated methods."""

    async def twice(self, text: str) -> str:
        """Return the text two times, from two calls."""
        answers: list[Any] = [await self.call("echo", text=text) for _ in range(2)]
        return "".join(answer["text"] for answer in answers)

    async def count_to(self, last: int) -> AsyncIterator[int]:
        """Yield the numbers from one to ``last``, each from a call of its own."""
        for number in range(1, last + 1):
            answer: Any = await self.call("echo", text="", count=number)
            yield answer["count"]
