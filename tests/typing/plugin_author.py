"""What a plugin's author writes keeps its types; this module is type-checked, and never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import Future
from typing import ClassVar, assert_type

from attrs import frozen
from starlette.routing import BaseRoute

from radical_edge_core.caller import Caller
from radical_edge_core.errors import EdgeError, NotFound, from_problem
from radical_edge_core.hooks import hookimpl
from radical_edge_core.plugin import (
    Plugin,
    PluginClient,
    PluginContext,
    PluginSession,
    current_caller,
    operation,
)


@frozen(kw_only=True)
class Answer:
    """What the operations return."""

    value: int


class Session(PluginSession):
    """Operations of both kinds, and a stream."""

    @operation.get("peek/{sid}")
    def peek(self, which: int = 0) -> Answer:
        """Return one answer, from a worker thread."""
        return Answer(value=which)

    @operation.post("poke/{sid}/{which}", effect="destructive", retry="safe", confirm={"retype": "/which"})
    async def poke(self, which: int, words: Sequence[str] = ()) -> dict[str, int]:
        """Return one answer, from the loop."""
        return {"which": which + len(words)}

    @operation.get("follow/{sid}", stream="text")
    async def follow(self) -> AsyncIterator[bytes]:
        """Return bytes as they come."""

        async def pieces() -> AsyncIterator[bytes]:
            yield b"piece"

        return pieces()


class MyPlugin(Plugin):
    """Everything an author may set."""

    name: ClassVar[str] = "mine"
    version: ClassVar[str] = "1"
    session_class: ClassVar[type[PluginSession] | None] = Session
    hosts: ClassVar[frozenset[str]] = frozenset({"edge", "bridge"})
    topics: ClassVar[Mapping[str, str]] = {"changed": "durable"}

    async def start(self) -> None:
        """Use what the context gives."""
        assert_type(self.context, PluginContext)
        assert_type(self.context.edge, str)
        self.notify("changed", {"value": 1}, owner="someone")

    def routes(self) -> Sequence[BaseRoute]:
        """Return none."""
        return ()


@hookimpl
def edge_plugin(context: PluginContext) -> Plugin | None:
    """Offer the plugin by a hook."""
    return MyPlugin(context) if context.host == "edge" else None


class MyClient(PluginClient):
    """A client with a method of its own."""

    async def twice(self) -> list[object]:
        """Call an operation two times."""
        return [await self.call("peek", which=number) for number in (1, 2)]


async def declared_methods_keep_their_types(session: Session) -> None:
    """The decorator leaves the method as it was written."""
    assert_type(session.peek(which=1), Answer)
    assert_type(await session.poke(1), dict[str, int])
    assert_type(await session.follow(), AsyncIterator[bytes])


def the_caller_is_known() -> None:
    """Who calls is a record."""
    caller = current_caller()
    assert_type(caller, Caller)
    assert_type(caller.may("read", "hpc1", "mine"), bool)
    assert_type(caller.subject, str)


def errors_are_classes_with_data(document: object) -> None:
    """An error carries its code, its status and what made it happen."""
    error = from_problem(document, 404)
    assert_type(error, EdgeError)
    assert_type(NotFound("no such thing", thing="x").problem(), dict[str, object])
    assert_type(error.data, dict[str, object])


def publishing_tells_when_it_is_kept(session: Session) -> None:
    """What publishing returns can be waited for, in a thread."""
    assert_type(session.notify("changed", {"value": 1}), Future[None])
