"""What an edge mounts; the entry point names this class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from attrs import frozen

from radical_edge_core.plugin import Plugin, PluginSession, operation
from radical_edge_notes.models import Capacity
from radical_edge_notes.session import NotesSession


@frozen(kw_only=True)
class NotesConfig:
    """The table ``[plugins.notes]`` of the edge's configuration."""

    max_notes: int = 1000


class NotesPlugin(Plugin):
    """Short notes kept on a resource."""

    name: ClassVar[str] = "notes"
    version: ClassVar[str] = "1.0.0"
    title: ClassVar[str] = "Notes"
    summary: ClassVar[str] = "Short notes kept on a resource."
    session_class: ClassVar[type[PluginSession] | None] = NotesSession
    config_class: ClassVar[type | None] = NotesConfig
    topics: ClassVar[Mapping[str, str]] = {"added": "durable"}

    @operation.get("capacity", title="Capacity")
    async def capacity(self) -> Capacity:
        """Return how many notes one session may hold."""
        return Capacity(max_notes=self.config.max_notes)
