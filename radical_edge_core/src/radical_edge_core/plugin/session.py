"""One user's session with one plugin."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import frozen

from radical_edge_core.plugin import collect

if TYPE_CHECKING:
    from radical_edge_core.plugin.base import Plugin


@frozen(kw_only=True)
class SessionRequest:
    """
    What is known when a session is asked for.

    Attributes:
        sid: Its id; opaque, one path segment.
        owner: The subject that it belongs to.
        name: The caller's own name for it; ``None`` for an unnamed one.
        options: An instance of the session class's ``options_class``; ``None`` where it has none.
    """

    sid: str
    owner: str
    name: str | None = None
    options: object | None = None


class PluginSession:
    """
    The state of one subject's session; its ``@operation`` methods have ``{sid}`` in their path.

    Attributes:
        options_class: An attrs class of what ``register_session`` takes beside ``name``.
        lock: For sessions that need one call at a time; nothing here takes it.
    """

    options_class: ClassVar[type[Any] | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        collect.check(cls, "session")

    def __init__(self, plugin: Plugin, sid: str, owner: str, options: object | None = None) -> None:
        self.plugin = plugin
        self.sid = sid
        self.owner = owner
        self.options = options
        self.lock = asyncio.Lock()

    async def open(self) -> None:
        """
        Prepare the session; ``register_session`` answers when this returns. A session that raises is not
        kept.
        """

    async def close(self) -> None:
        """Let go of what the session holds; bounded in time by the host, called once."""

    def registered(self) -> Mapping[str, object]:
        """Return what ``register_session`` answers beside ``sid``."""
        return {}

    def busy(self) -> bool:
        """Say whether work is in progress; a busy session never expires."""
        return False

    def snapshot(self) -> object | None:
        """
        Return, as JSON values, what ``restore`` needs after a restart of the edge.

        Asked when the session opens and after each operation that is no read. ``None``: the session ends with the
        process. The default suits a session that has no state of its own beside its options.
        """
        return {}

    def restore(self, data: object) -> None:
        """Take back what ``snapshot`` returned; called before ``open`` in the new process."""

    def notify(self, topic: str, data: object, *, once: str | None = None) -> Future[None]:
        """Publish an event to the session's owner; see ``Plugin.notify``."""
        return self.plugin.notify(topic, data, owner=self.owner, once=once)
