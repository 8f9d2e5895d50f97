"""The ``operation`` decorator: what an author says about one method, kept there until the class is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypedDict, TypeVar, Unpack

from attrs import frozen

Method = Literal["GET", "POST"]
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
    examples: Sequence[Mapping[str, object]] = ()
    ui: Mapping[str, object] | None = None
    then: Mapping[str, object] | None = None
    confirm: Mapping[str, object] | None = None


@frozen(kw_only=True)
class Declaration:
    """One use of the decorator, unchecked: ``collect.py`` checks it when the class is complete."""

    method: Method
    path: str
    effect: str
    retry: str | None
    hints: Hints
    verb: str | None = None
    hidden: bool = False


class HintFields(TypedDict, total=False):
    """The hints as keyword arguments of the decorator; ``Hints`` explains them."""

    title: str
    result: str | None
    live_topic: str | None
    stream: Stream | None
    examples: Sequence[Mapping[str, object]]
    ui: Mapping[str, object] | None
    then: Mapping[str, object] | None
    confirm: Mapping[str, object] | None


class _Operation:
    """``@operation.get(path)`` reads, ``@operation.post(path)`` changes something."""

    def get(
        self,
        path: str,
        *,
        effect: Effect | None = None,
        retry: Retry | None = None,
        **hints: Unpack[HintFields],
    ) -> Callable[[F], F]:
        """
        Declare a method as an operation called by GET; what the path does not name comes from the query.

        Args:
            path: Template relative to the plugin, for example ``status/{sid}/{job_id}``; ``{sid}`` on a
                session's method and nowhere else.
            effect: ``read``, as a GET never changes anything.
            retry: Of no use here; for symmetry with ``post``.
            **hints: See ``Hints``. With ``stream`` the method returns ``AsyncIterator[bytes]``; an empty
                chunk opens the answer before there is data.
        """
        return _marking("GET", path, effect or "read", retry, Hints(**hints))

    def post(
        self,
        path: str,
        *,
        effect: Effect | None = None,
        retry: Retry | None = None,
        **hints: Unpack[HintFields],
    ) -> Callable[[F], F]:
        """
        Declare a method as an operation called by POST; what the path does not name comes from the body.

        Args:
            path: As for ``get``.
            effect: ``write`` unless given.
            retry: May an attempt whose outcome is unknown run again (``safe``), be looked up first
                (``adopt``), or not at all (``never``, the default)?
            **hints: As for ``get``.
        """
        return _marking("POST", path, effect or "write", retry, Hints(**hints))


def standard(
    method: Method, path: str, *, effect: Effect = "read", retry: Retry | None = None
) -> Callable[[F], F]:
    """Declare an operation that every plugin has: hidden in forms, and allowed to whoever may read."""
    return _marking(method, path, effect, retry, Hints(), verb="read", hidden=True)


def _marking(
    method: Method, path: str, effect: str, retry: str | None, hints: Hints, **more: Any
) -> Callable[[F], F]:
    declaration = Declaration(method=method, path=path, effect=effect, retry=retry, hints=hints, **more)

    def mark(function: F) -> F:
        setattr(function, MARK, declaration)
        return function

    return mark


operation: Final = _Operation()
