"""A plugin that says what it is told, in every way there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

from attrs import frozen

from radical_edge_core.plugin import Plugin, PluginSession, current_caller, operation


@frozen(kw_only=True)
class Said:
    """What came, who sent it, and in which session."""

    text: str
    subject: str
    sid: str = ""


class EchoSession(PluginSession):
    """One caller's session."""

    @operation.get("recall/{sid}")
    async def recall(self, text: str) -> Said:
        """Say it in a session."""
        return Said(text=text, subject=current_caller().subject, sid=self.sid)


class EchoPlugin(Plugin):
    """Echoes."""

    name: ClassVar[str] = "echo"
    version: ClassVar[str] = "1.0"
    session_class: ClassVar[type[PluginSession] | None] = EchoSession

    @operation.get("say")
    async def say(self, text: str) -> Said:
        """Say it from the event loop."""
        return Said(text=text, subject=current_caller().subject)

    @operation.get("work/{text}")
    def work(self, text: str) -> Said:
        """Say it from a worker thread, with the text in the path."""
        return Said(text=text, subject=current_caller().subject)

    @operation.post("tell", effect="read")
    def tell(self, text: str, times: int = 1) -> Said:
        """Say what the body holds, as often as it wants."""
        return Said(text=text * times, subject=current_caller().subject)

    @operation.get("pour", stream="text")
    async def pour(self, text: str, lines: int) -> AsyncIterator[bytes]:
        """Say it line by line, each with its number."""
        for number in range(lines):
            yield f"{number} {text}\n".encode()
