"""One call of one operation, and the single place that every call goes through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, Protocol

from attrs import frozen

from radical_edge_core.caller import Caller
from radical_edge_core.plugin.operation import Operation


@frozen(kw_only=True)
class OperationCall:
    """
    A call whose arguments are checked and whose caller is allowed.

    Attributes:
        caller: Who asks.
        edge: The edge's name.
        plugin: The plugin's public name.
        operation: What is called.
        sid: The session, where the path names one.
        arguments: By parameter name, ``sid`` excepted.
        key: The caller's ``Idempotency-Key``.
    """

    caller: Caller
    edge: str
    plugin: str
    operation: Operation
    sid: str | None
    arguments: Mapping[str, object]
    key: str | None


class Answer(NamedTuple):
    """What a call is answered: an HTTP status and a JSON document."""

    status: int
    body: bytes


Announce = Callable[[OperationCall], None]
Act = Callable[[], Awaitable[Answer]]
Adopt = Callable[[], Awaitable[Answer | None]]


class KeepsCalls(Protocol):
    """Remembers calls that carry a key, so that each takes effect once."""

    async def answer(self, call: OperationCall, act: Act, adopt: Adopt) -> Answer:
        """
        Answer a call that carries a key: act, or tell what came of it before.

        Args:
            call: What is called.
            act: Runs the operation.
            adopt: Asks the plugin what became of an earlier attempt; ``None``: it never began.
        """


async def run_call(
    call: OperationCall, invoke: Callable[[], Awaitable[object]], announce: Announce
) -> object:
    """
    Carry out one call: tell the observers, then run the operation.

    Args:
        call: What is called, by whom.
        invoke: Runs the operation and returns its result.
        announce: Fires the hook ``edge_call``; does not raise.
    """
    announce(call)
    return await invoke()
