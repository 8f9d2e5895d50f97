"""What is wrong with a declaration is said where it stands: plugin, method, remedy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import frozen

from radical_edge_core.plugin import Plugin, PluginDefinitionError, PluginSession, operation


def in_plugin(function: Any) -> type[Plugin]:
    return type("Sample", (Plugin,), {"name": "sample", "op": function, "__module__": __name__})


def in_session(function: Any) -> type[PluginSession]:
    return type("SampleSession", (PluginSession,), {"op": function, "__module__": __name__})


def plain(self: Any, a: int = 1) -> None: ...


def untyped(self: Any, a) -> None: ...  # type: ignore[no-untyped-def]


def unanswered(self: Any, a: int):  # type: ignore[no-untyped-def]
    ...


def starred(self: Any, *a: int) -> None: ...


def keyworded(self: Any, **a: int) -> None: ...


def positional(self: Any, a: int, /) -> None: ...


def with_sid(self: Any, sid: str) -> None: ...


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: in_plugin(operation.get("/x")(plain)), "is no template"),
        (lambda: in_plugin(operation.get("x/")(plain)), "is no template"),
        (lambda: in_plugin(operation.get("x/../y")(plain)), "is no template"),
        (lambda: in_plugin(operation.get("x/{a b}")(plain)), "is no template"),
        (lambda: in_plugin(operation.get("x/{a}/{a}")(plain)), "names a parameter twice"),
        (lambda: in_plugin(operation.get("x/{b}")(plain)), "names b, which the method does not take"),
        (lambda: in_plugin(operation.get("x/{sid}")(with_sid)), "belongs on a method of the PluginSession"),
        (lambda: in_plugin(operation.get("describe")(plain)), "plugin's description"),
        (lambda: in_session(operation.get("x")(plain)), "must hold {sid}"),
        (lambda: in_session(operation.get("x/{sid}")(with_sid)), "takes no sid"),
        (lambda: in_plugin(operation.post("x", effect="explode")(plain)), "the effect 'explode' is none of"),  # type: ignore[arg-type]
        (lambda: in_plugin(operation.get("x", effect="write")(plain)), "a GET only reads"),
        (lambda: in_plugin(operation.post("x", retry="often")(plain)), "retry='often' is none of"),  # type: ignore[arg-type]
        (lambda: in_plugin(operation.get("x", retry="safe")(plain)), "retry is for operations that change"),
        (lambda: in_plugin(operation.get("x", stream="video")(plain)), "stream='video' is none of"),  # type: ignore[arg-type]
        (lambda: in_plugin(operation.get("x")(untyped)), "the parameter 'a' has no annotation"),
        (lambda: in_plugin(operation.get("x")(unanswered)), "the return type has no annotation"),
        (lambda: in_plugin(operation.get("x")(starred)), "takes *a"),
        (lambda: in_plugin(operation.get("x")(keyworded)), "takes **a"),
        (lambda: in_plugin(operation.get("x")(positional)), "positional-only a"),
        (lambda: in_plugin(staticmethod(operation.get("x")(plain))), "an ordinary method"),
        (lambda: in_plugin(operation.get("x")(type("C", (), {}))), "only a method"),
    ],
)
def test_a_wrong_declaration_fails_with_its_class(make: Callable[[], object], says: str) -> None:
    """The class can't even be defined, and the text names it and the method."""
    with pytest.raises(PluginDefinitionError) as caught:
        make()
    assert says in str(caught.value)
    assert ".op: " in str(caught.value)


def test_names_that_clients_need_are_refused() -> None:
    """An operation called ``close`` could never be called."""
    for name in ("close", "call", "sid", "_hidden"):
        with pytest.raises(PluginDefinitionError, match="no operation can be called"):
            type("Sample", (Plugin,), {"name": "sample", name: operation.get("x")(plain)})


class Unresolved(Plugin):
    name = "unresolved"

    @operation.get("x")
    def op(self, a: Missing) -> None:  # type: ignore[name-defined]  # noqa: F821 - that is the point
        """Take what there is not."""


class Wordless(Plugin):
    name = "wordless"

    @operation.post("x")
    def op(self, a: Path) -> None:
        """Take what JSON has not."""


class Structured(Plugin):
    name = "structured"

    @operation.get("x")
    def op(self, a: dict[str, int]) -> None:
        """Take an object from the query."""


class Untold(Plugin):
    name = "untold"

    @operation.get("x", stream="text")
    def op(self) -> str:
        """Return no stream."""
        return ""


class Streaming(Plugin):
    name = "streaming"

    @operation.get("x")
    async def op(self) -> AsyncIterator[bytes]:
        """Stream, and not say so."""
        yield b""


class Topicless(Plugin):
    name = "topicless"

    @operation.get("x", live_topic="states")
    def op(self) -> None:
        """Name a topic that is none."""


class OddTopic(Plugin):
    name = "odd"
    topics: ClassVar = {"states": "eternal"}


class Twice(Plugin):
    name = "twice"

    @operation.get("x/{a}")
    def op(self, a: str) -> None:
        """Claim a path."""

    @operation.get("x/{b}")
    def other(self, b: str) -> None:
        """Claim it too."""


class Taker(Plugin):
    name = "taker"

    @operation.get("version")
    def op(self) -> None:
        """Claim what every plugin has."""


class BothSession(PluginSession):
    @operation.get("y/{sid}")
    def op(self) -> None:
        """Be one of two."""


class Both(Plugin):
    name = "both"
    session_class = BothSession

    @operation.get("x")
    def op(self) -> None:
        """Be the other."""


class Nameless(Plugin):
    pass


@frozen(kw_only=True)
class NamedOptions:
    name: str = ""


class NamedSession(PluginSession):
    options_class = NamedOptions


class Renamer(Plugin):
    name = "renamer"
    session_class = NamedSession


@pytest.mark.parametrize(
    ("cls", "says"),
    [
        (Unresolved, "can't be resolved: name 'Missing'"),
        (Wordless, "no JSON form: type <class 'pathlib.Path'>"),
        (Structured, "has no text form; declare the operation with post"),
        (Untold, "go together"),
        (Streaming, "go together"),
        (Topicless, "none of the plugin's topics"),
        (OddTopic, "not durable or ephemeral"),
        (Twice, "claim one path"),
        (Taker, "claim one path"),
        (Both, "both declare 'op'"),
        (Nameless, "has no name"),
        (Renamer, "'name' is the session's own name"),
    ],
)
def test_what_needs_the_types_fails_with_the_plugin(cls: type[Plugin], says: str, context: Any) -> None:
    """What can only be seen when the module is complete is said when the plugin is created."""
    with pytest.raises(PluginDefinitionError) as caught:
        cls(context)
    assert says in str(caught.value)
    assert cls.__name__ in str(caught.value) or "NamedOptions" in str(caught.value)


class Base(Plugin):
    name = "base"

    @operation.get("kept")
    def kept(self) -> dict[str, int]:
        """Stay."""
        return {"n": 1}

    @operation.get("dropped")
    def dropped(self) -> None:
        """Go."""


class Derived(Base):
    name = "derived"
    dropped = None  # type: ignore[assignment]

    def kept(self, n: int = 2) -> dict[str, int]:
        """Stay, changed."""
        return {"n": n}


async def test_a_subclass_overrides_and_drops(serve: Callable[..., Any]) -> None:
    """An override keeps the declaration; ``None`` takes it away."""
    served = serve(Derived)
    assert (await served.get("/kept", "n=5")).json == {"n": 5}
    assert (await served.get("/dropped")).status == 404
    assert (await serve(Base).get("/dropped")).status == 200


def logged(function: Any) -> Any:
    @wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args, **kwargs)

    return wrapper


async def test_a_wrapped_method_is_described_as_itself(serve: Callable[..., Any]) -> None:
    """A decorator between method and declaration changes how it runs, not what it takes."""

    class Wrapped(Plugin):
        name = "wrapped"

        @operation.get("x")
        @logged
        def op(self, a: int) -> dict[str, int]:
            """Take a."""
            return {"a": a}

    assert (await serve(Wrapped).get("/x", "a=4")).json == {"a": 4}


def test_the_plugins_configuration_is_checked(context: Any) -> None:
    """A table that does not fit its class fails the plugin, with every problem."""
    import attrs

    @attrs.frozen(kw_only=True)
    class Settings:
        depth: int = 1

    class Configured(Plugin):
        name = "configured"
        config_class = Settings

    assert Configured(context).config == Settings()
    bad = attrs.evolve(context, config={"depth": "2", "x": 1})
    with pytest.raises(ValueError, match=r"configured does not fit: \$\.depth: expected int.*unknown field"):
        Configured(bad)
