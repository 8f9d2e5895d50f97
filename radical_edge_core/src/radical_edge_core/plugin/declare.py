"""
The ``operation`` decorator: what an author says about one method, kept on the method until the class is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar

from attrs import field, frozen

Effect = Literal["read", "write", "destructive", "function"]
Retry = Literal["safe", "adopt", "never"]
Stream = Literal["text", "bytes"]

EFFECTS: Final = ("read", "write", "destructive", "function")
RETRIES: Final = ("safe", "adopt", "never")
STREAMS: Final = ("text", "bytes")
VERB_OF: Final[Mapping[str, str]] = {
    "read": "read",
    "write": "write",
    "destructive": "write",
    "function": "function",
}
MARK: Final = "__radical_edge_operation__"

F = TypeVar("F", bound=Callable[..., Any])


class PluginDefinitionError(TypeError):
    """A plugin is declared wrongly; the text names the plugin, the method and what to change."""


@frozen(kw_only=True)
class Hints:
    """
    How the portal and the command line show an operation; all optional.

    Attributes:
        title: A few words, sentence case; made from the method's name where empty.
        result: How the answer is shown, for example ``"table"``.
        live_topic: The notification topic that keeps the answer current.
        stream: The answer is a byte stream: ``"text"`` (UTF-8) or ``"bytes"``.
        examples: Inputs that work: ``{"title": ..., "input": {...}}``.
        ui: Form hints: field order, advanced fields, widgets, choices.
        then: What opens after success: ``{"open": resource, "key": pointer}``.
        confirm: What is asked before a destructive operation: ``{"retype": pointer}``.
    """

    title: str = ""
    result: str | None = None
    live_topic: str | None = None
    stream: Stream | None = None
    examples: tuple[Mapping[str, object], ...] = field(default=(), converter=tuple)
    ui: Mapping[str, object] | None = None
    then: Mapping[str, object] | None = None
    confirm: Mapping[str, object] | None = None


@frozen(kw_only=True)
class Declaration:
    """One use of the decorator, unchecked: ``collect.py`` checks it when the class is complete."""

    method: Literal["GET", "POST"]
    path: str
    effect: str
    retry: str | None
    hints: Hints
    verb: str | None = None
    hidden: bool = False


class _Operation:
    """``@operation.get(path)`` reads, ``@operation.post(path)`` changes something."""

    def get(
        self,
        path: str,
        *,
        title: str = "",
        effect: Effect | None = None,
        retry: Retry | None = None,
        result: str | None = None,
        live_topic: str | None = None,
        stream: Stream | None = None,
        examples: Sequence[Mapping[str, object]] = (),
        ui: Mapping[str, object] | None = None,
        then: Mapping[str, object] | None = None,
        confirm: Mapping[str, object] | None = None,
    ) -> Callable[[F], F]:
        """
        Declare a method as an operation called by GET; what the path does not name comes from the query.

        Args:
            path: Template relative to the plugin, for example ``status/{sid}/{job_id}``; ``{sid}`` on a
                session's method and nowhere else.
            title: See ``Hints``, as for all parameters below that are not explained here.
            effect: ``read`` unless given.
            retry: For a mutating effect: may an attempt whose outcome is unknown run again (``safe``), be
                looked up first (``adopt``), or not at all (``never``, the default)?
            result: See ``Hints``.
            live_topic: See ``Hints``.
            stream: The method returns ``AsyncIterator[bytes]``. An empty chunk opens the answer before there
                is data.
            examples: See ``Hints``.
            ui: See ``Hints``.
            then: See ``Hints``.
            confirm: See ``Hints``.
        """
        hints = Hints(
            title=title,
            result=result,
            live_topic=live_topic,
            stream=stream,
            examples=tuple(examples),
            ui=ui,
            then=then,
            confirm=confirm,
        )
        return _marking(
            Declaration(method="GET", path=path, effect=effect or "read", retry=retry, hints=hints)
        )

    def post(
        self,
        path: str,
        *,
        title: str = "",
        effect: Effect | None = None,
        retry: Retry | None = None,
        result: str | None = None,
        live_topic: str | None = None,
        stream: Stream | None = None,
        examples: Sequence[Mapping[str, object]] = (),
        ui: Mapping[str, object] | None = None,
        then: Mapping[str, object] | None = None,
        confirm: Mapping[str, object] | None = None,
    ) -> Callable[[F], F]:
        """
        Declare a method as an operation called by POST: as ``get``, with a JSON body, ``write`` unless given.
        """
        hints = Hints(
            title=title,
            result=result,
            live_topic=live_topic,
            stream=stream,
            examples=tuple(examples),
            ui=ui,
            then=then,
            confirm=confirm,
        )
        return _marking(
            Declaration(method="POST", path=path, effect=effect or "write", retry=retry, hints=hints)
        )


def standard(method: Literal["GET", "POST"], path: str, *, effect: Effect = "read") -> Callable[[F], F]:
    """Declare an operation that every plugin has: hidden in forms, and allowed to whoever may read."""
    return _marking(
        Declaration(
            method=method, path=path, effect=effect, retry=None, hints=Hints(), verb="read", hidden=True
        )
    )


def _marking(declaration: Declaration) -> Callable[[F], F]:
    def mark(function: F) -> F:
        setattr(function, MARK, declaration)
        return function

    return mark


operation: Final = _Operation()
