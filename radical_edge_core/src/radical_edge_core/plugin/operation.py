"""One operation, as everything that is derived from it sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import frozen

from radical_edge_core.plugin.declare import Hints

Owner = Literal["standard", "plugin", "session"]


@frozen(kw_only=True)
class Operation:
    """
    A checked declaration.

    Attributes:
        name: The method's name; also that of the client's method and of the command line's operation.
        owner: Whose method it is: every plugin's, this plugin's, or its sessions'.
        method: ``GET`` or ``POST``.
        path: The template as declared.
        segments: The template, split.
        effect: What it does to the world; decides, with ``verb``, who may call it.
        verb: The scope it needs.
        retry: What a repeat may do when the first outcome is unknown; ``None`` for reads.
        hints: How it is shown.
        summary: The first paragraph of its docstring.
        model: An attrs class of all its parameters but ``sid``.
        path_parameters: Which segments are parameters: index and name.
        path_types: The parameters in the path, ``sid`` included, and their types.
        query_types: The parameters that come from the query; empty for POST.
        returns: Its return annotation.
        is_async: Whether it runs in the event loop; else in a worker thread.
        hidden: Whether forms and lists leave it out.
    """

    name: str
    owner: Owner
    method: Literal["GET", "POST"]
    path: str
    segments: tuple[str, ...]
    effect: str
    verb: str
    retry: str | None
    hints: Hints
    summary: str
    model: type[Any]
    path_parameters: tuple[tuple[int, str], ...]
    path_types: Mapping[str, Any]
    query_types: Mapping[str, Any]
    returns: Any
    is_async: bool
    hidden: bool

    @property
    def title(self) -> str:
        """Return the declared title, or one made from the name."""
        return self.hints.title or self.name.replace("_", " ").capitalize()
