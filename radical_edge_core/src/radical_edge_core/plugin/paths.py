"""
Paths as lists of segments.

Both hosts route on the raw path: it is split at the slashes first, and each segment is percent-decoded once,
so a job id may hold a slash and a ``%2e%2e`` is caught where a ``..`` is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from radical_edge_core.errors import InvalidRequest

_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_TEMPLATE_SEGMENT: Final = re.compile(r"[A-Za-z0-9_]+|\{[A-Za-z_][A-Za-z0-9_]*\}")


def canonical_path(raw: bytes) -> list[str]:
    """
    Split a raw path (still percent-encoded, no query) into its decoded segments; ``/`` and the empty path
    have none.

    Raises:
        InvalidRequest: A segment is empty, ``.`` or ``..`` (also when written with escapes), holds a NUL, or
            is not UTF-8; or a ``%`` does not begin an escape.
    """
    return list(_split(raw))


def raw_path(segments: Iterable[str]) -> str:
    """Write segments as a path, each percent-encoded as one: the inverse of ``canonical_path``."""
    return "/" + "/".join(quote_segment(segment) for segment in segments)


def quote_segment(segment: str) -> str:
    """Percent-encode one segment whole, slashes too."""
    return quote(segment, safe="")


def template_segments(template: str) -> tuple[str, ...] | None:
    """Split a path template such as ``status/{sid}/{job_id}``; ``None`` where it is none."""
    segments = tuple(template.split("/"))
    return segments if all(_TEMPLATE_SEGMENT.fullmatch(segment) for segment in segments) else None


def parameter_of(segment: str) -> str | None:
    """Return the name in ``{name}``; ``None`` for a literal segment."""
    return segment[1:-1] if segment.startswith("{") else None


@lru_cache(maxsize=4096)
def _split(raw: bytes) -> tuple[str, ...]:
    """Split one path; remembered, since the same few paths are asked for again and again, on both hosts."""
    path = raw.removeprefix(b"/")
    if not path:
        return ()
    if _BAD_ESCAPE.search(path):
        raise InvalidRequest("the path holds a '%' that begins no escape; write it as %25")
    return tuple(_segment(part) for part in path.split(b"/"))


def _segment(part: bytes) -> str:
    try:
        text = unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest("a segment of the path is not UTF-8") from None
    if text in {"", ".", ".."}:
        raise InvalidRequest(f"the path holds the segment {text!r}, which names nothing here")
    if "\0" in text:
        raise InvalidRequest("a segment of the path holds a NUL character")
    return text
