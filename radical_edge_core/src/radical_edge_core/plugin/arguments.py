"""From path, query and body to the checked arguments of one operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import anyio.to_thread
import attrs
from cattrs import Converter
from starlette.requests import Request

from radical_edge_core.converter import loads, parse, path_text, told
from radical_edge_core.errors import BadRequest, InvalidRequest
from radical_edge_core.plugin.body import read_body
from radical_edge_core.plugin.operation import Operation
from radical_edge_core.plugin.text import from_text
from radical_edge_core.records import fields_of

_IN_A_THREAD: Final = 128 * 1024  # decoding and checking this much would hold the event loop for milliseconds
_MAX_PARAMETERS: Final = 1000


async def read_arguments(
    operation: Operation, in_path: Mapping[str, str], request: Request, converter: Converter, body_limit: int
) -> dict[str, Any]:
    """
    Return the arguments of a request by name, ``sid`` excepted.

    Raises:
        BadRequest: The body or the query can't be decoded.
        InvalidRequest: Anything does not fit; every problem is named, whichever part of the request it is in.
        TooLarge: The body is too long.
    """
    query = request.scope.get("query_string", b"")
    if operation.method == "GET":
        return bind(operation, in_path, query, {}, converter)
    raw = await read_body(request, body_limit)
    kind = request.headers.get("content-type", "")

    def decode_and_bind() -> dict[str, Any]:
        return bind(operation, in_path, query, loads(raw, kind) if raw else {}, converter)

    if len(raw) > _IN_A_THREAD:
        return await anyio.to_thread.run_sync(decode_and_bind)
    return decode_and_bind()


def bind(
    operation: Operation, in_path: Mapping[str, str], query: bytes, body: object, converter: Converter
) -> dict[str, Any]:
    """
    Check decoded segments, a raw query and a decoded body against an operation's model.

    Raises:
        BadRequest: The query can't be decoded.
        InvalidRequest: Anything does not fit.
    """
    payload: dict[str, object] = {}
    problems: list[Mapping[str, str]] = []
    for name, texts in _query(query).items():
        if name in operation.query_types:
            payload[name] = from_text(texts, operation.query_types[name])
        else:
            problems.append({"path": path_text([name])[:256], "message": "unknown query parameter"})
    if not isinstance(body, dict):
        parse(body, operation.model, converter)  # raises, in the words of any other problem
    elif operation.method == "POST":
        for name, value in body.items():
            if name in operation.path_types:
                problems.append({"path": path_text([name]), "message": "this field belongs into the path"})
            else:
                payload[name] = value
    known = fields_of(operation.model)
    payload |= {
        name: from_text([text], operation.path_types[name]) for name, text in in_path.items() if name in known
    }
    try:
        model = parse(payload, operation.model, converter)
    except InvalidRequest as error:
        problems.extend(error.problems)
    if problems:
        raise InvalidRequest(told(problems), problems=problems)
    return {field.name: getattr(model, field.name) for field in attrs.fields(operation.model)}


def _query(query: bytes) -> dict[str, list[str]]:
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except ValueError:
        raise BadRequest(
            "malformed query: write it as name=value&name=value, percent-encoded UTF-8"
        ) from None
    given: dict[str, list[str]] = {}
    for name, text in pairs:
        given.setdefault(name, []).append(text)
    return given
