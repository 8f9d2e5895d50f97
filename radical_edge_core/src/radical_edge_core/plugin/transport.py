"""What a plugin's client needs of whatever carries its calls."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

Callback = Callable[[str, str, str, object], object]
Content = bytes | AsyncIterable[bytes]


class StreamedResponse(Protocol):
    """An answer whose body arrives piece by piece."""

    @property
    def status(self) -> int:
        """The HTTP status; errors are raised and never seen here."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by lower-case name."""

    def iter_chunks(self) -> AsyncIterator[bytes]:
        """Yield the body; raises where it breaks off."""


class Transport(Protocol):
    """
    Carries calls to ``/{edge}/{plugin}/...`` and events back.

    Errors are raised as classes of ``errors.py``. ``repeat`` says that the call may be sent again where its
    first attempt got no answer; ``deadline_s`` bounds the whole call.
    """

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, object] | None = None,
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool = False,
        deadline_s: float | None = None,
    ) -> object:
        """
        Send one call and return the decoded answer. ``path`` is percent-encoded; list values repeat a
        parameter.
        """

    def stream(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, object] | None = None,
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool = False,
        deadline_s: float | None = None,
    ) -> AbstractAsyncContextManager[StreamedResponse]:
        """Send one call and hand out its answer as it arrives; leaving the context lets go of it."""

    def subscribe(self, edge: str | None, plugin: str | None, topic: str | None, callback: Callback) -> None:
        """Call ``callback(edge, plugin, topic, data)`` for each event that fits; ``None`` fits everything."""

    def unsubscribe(
        self, edge: str | None, plugin: str | None, topic: str | None, callback: Callback
    ) -> None:
        """Undo ``subscribe`` with the same arguments."""
