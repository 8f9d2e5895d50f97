"""
What callers get beside the generated methods.

A plugin needs no client at all: ``add``, ``list_notes``, ``remove`` and ``capacity`` are there without it.
"""

from __future__ import annotations

from radical_edge_core.plugin import PluginClient


class NotesClient(PluginClient):
    """The generated methods, and one that is convenient."""

    async def texts(self, tag: str | None = None) -> list[str]:
        """Return the texts of the notes, those with one tag where ``tag`` is given."""
        found = await self.call("list_notes", tag=tag)
        assert isinstance(found, dict)
        return [note["text"] for note in found["notes"]]
