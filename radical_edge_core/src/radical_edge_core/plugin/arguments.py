"""From path, query and body to the checked arguments of one operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cattrs import Converter

from radical_edge_core.converter import parse, path_text
from radical_edge_core.errors import InvalidRequest
from radical_edge_core.plugin.operation import Operation
from radical_edge_core.plugin.text import from_text
from radical_edge_core.records import fields_of


def bind(
    operation: Operation,
    in_path: Mapping[str, str],
    query: Iterable[tuple[str, str]],
    body: object,
    converter: Converter,
) -> Any:
    """
    Return an instance of the operation's model.

    Args:
        operation: What is called.
        in_path: The decoded segments that its path names.
        query: The parameters of the query, in their order, repeated ones as often as they came.
        body: The decoded body; ignored for GET.
        converter: The plugin's own.

    Raises:
        InvalidRequest: Anything is wrong; every problem is named, whichever part of the request it is in.
    """
    problems: list[dict[str, str]] = []
    payload: dict[str, object] = {}
    given: dict[str, list[str]] = {}
    for name, text in query:
        given.setdefault(name, []).append(text)
    for name, texts in given.items():
        if name in operation.query_types:
            payload[name] = from_text(texts, operation.query_types[name])
        else:
            problems.append({"path": path_text([name]), "message": "unknown query parameter"})
    if operation.method == "POST":
        if not isinstance(body, dict):
            parse(body, operation.model, converter)
        for name, value in body.items():  # type: ignore[attr-defined]
            if name in operation.path_types:
                problems.append({"path": path_text([name]), "message": "this field belongs into the path"})
            else:
                payload[name] = value
    known = fields_of(operation.model)
    for name, text in in_path.items():
        if name in known:
            payload[name] = from_text([text], operation.path_types[name])
    try:
        model = parse(payload, operation.model, converter)
    except InvalidRequest as error:
        problems.extend(error.problems)
    if problems:
        raise InvalidRequest(problems=problems)
    return model
