"""What a host keeps for its plugins across restarts: the contracts that the edge's journal fulfils."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol


class KeptSession(NamedTuple):
    """
    A session as it is kept.

    Attributes:
        options, data: JSON; ``options`` is ``None`` where the session class takes none.
    """

    sid: str
    owner: str
    name: str | None
    options: bytes | None
    data: bytes


class KeepsSessions(Protocol):
    """Keeps the sessions of one plugin."""

    async def save(self, session: KeptSession) -> None:
        """Keep a session; it is on disk when this returns."""

    async def forget(self, sid: str) -> None:
        """Drop a session that has ended."""

    async def load(self) -> list[KeptSession]:
        """Return the sessions of earlier processes."""


class KeepsDocuments(Protocol):
    """Keeps the documents of one plugin: JSON values by key."""

    async def put(self, key: str, value: object) -> None:
        """Keep a value under a key; it is on disk when this returns."""

    async def delete(self, key: str) -> None:
        """Forget a key."""

    async def all(self) -> dict[str, Any]:
        """Return every value by key."""
