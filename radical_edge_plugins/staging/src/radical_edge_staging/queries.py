"""
The query parameters of the streaming routes, judged as strictly as an operation's: every problem is told at
once.
"""

from __future__ import annotations

import re

from attrs import frozen
from starlette.datastructures import Headers, QueryParams

from radical_edge_core.errors import BadRequest, InvalidRequest
from radical_edge_staging.partials import SHA256, Resumption

_OFFSET = re.compile(r"[0-9]{1,18}")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
DIGEST_HEADER = "x-content-sha256"


@frozen(kw_only=True)
class UploadQuery:
    """
    What an upload asks for: the target, whether it may exist, what its bytes must hash to, and for a resumable
    one where it goes on.
    """

    path: str
    overwrite: bool
    sha256: str | None
    resumption: Resumption | None


def upload_query(query: QueryParams, headers: Headers, *, keyed: bool = False) -> UploadQuery:
    """
    Read the parameters of ``PUT file/{sid}``; the hash may come as a parameter or as the header
    ``X-Content-SHA256``.

    Args:
        query: The request's parameters.
        headers: Its headers.
        keyed: Whether the host took an ``Idempotency-Key`` out of them.

    Raises:
        InvalidRequest: A parameter is missing, unknown, given twice or no value of its kind.
        BadRequest: There is an ``Idempotency-Key``, which a streamed body can't be held to.
    """
    if "idempotency-key" in headers or keyed:
        raise BadRequest(
            "a streamed upload takes no Idempotency-Key: it is atomic, so send it again, with overwrite=true"
        )
    values, problems = _once(query, {"path", "overwrite", "sha256", "offset"})
    overwrite = _BOOLEANS.get(values.get("overwrite", "false").lower())
    if overwrite is None:
        problems["overwrite"] = f"expected true or false, got {values['overwrite']!r}"
    named, headed = values.get("sha256"), headers.get(DIGEST_HEADER)
    sha256 = named or headed
    if sha256 is not None and not SHA256.fullmatch(sha256):
        problems["sha256"] = "expected 64 hexadecimal digits"
    if named and headed and named.lower() != headed.lower():
        problems["sha256"] = f"differs from the header {DIGEST_HEADER}"
    offset = values.get("offset")
    if offset is not None and not _OFFSET.fullmatch(offset):
        problems["offset"] = "expected a number of bytes"
    if offset is not None and sha256 is None:
        problems["sha256"] = "required with offset: the file is known by it"
    _refuse(problems)
    resumption = None if offset is None or sha256 is None else Resumption(sha256=sha256, offset=int(offset))
    return UploadQuery(path=values["path"], overwrite=bool(overwrite), sha256=sha256, resumption=resumption)


def download_query(query: QueryParams) -> str:
    """
    Read the parameters of ``GET file/{sid}`` and return the path.

    Raises:
        InvalidRequest: ``path`` is missing or given twice, or there is another parameter.
    """
    values, problems = _once(query, {"path"})
    _refuse(problems)
    return values["path"]


def _once(query: QueryParams, known: set[str]) -> tuple[dict[str, str], dict[str, str]]:
    problems: dict[str, str] = {}
    for name in query:
        if name not in known:
            problems[name] = f"unknown parameter; known are {', '.join(sorted(known))}"
        elif len(query.getlist(name)) > 1:
            problems[name] = "given more than once"
    if "path" not in query:
        problems["path"] = "required parameter is missing"
    return dict(query), problems


def _refuse(problems: dict[str, str]) -> None:
    if problems:
        raise InvalidRequest(
            problems=[{"path": f"$.{name}", "message": text} for name, text in sorted(problems.items())]
        )
