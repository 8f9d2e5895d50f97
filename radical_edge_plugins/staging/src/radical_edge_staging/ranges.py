"""
Which part of a file a request asks for.

Source: RFC 9110, sections 13.1.5 (If-Range) and 14 (Range Requests).
"""

from __future__ import annotations

import re

from attrs import frozen

from radical_edge_core.errors import RangeNotSatisfiable

_RANGE = re.compile(r"\s*(\d*)\s*-\s*(\d*)\s*")
# A number of more digits is larger than any file, and slow to read.
_MAX_DIGITS = 20


@frozen
class Part:
    """The bytes from ``first`` to ``last``, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many bytes these are."""
        return self.last - self.first + 1


def parse_range(header: str | None, size: int) -> Part | None:
    """
    Return the part that a ``Range`` header asks for, ``None`` for the whole file.

    What is no byte range, and a request for several, is answered with the whole file, as the RFC allows.

    Raises:
        RangeNotSatisfiable: The file ends before the range begins.
    """
    unit, equals, spec = (header or "").partition("=")
    match = _RANGE.fullmatch(spec)
    if not equals or unit.strip().lower() != "bytes" or match is None:
        return None
    first, last = match[1], match[2]
    if max(len(first), len(last)) > _MAX_DIGITS or (not first and not last):
        return None
    if not first:
        length = min(int(last), size)
        if not length:
            raise _beyond(size)
        return Part(size - length, size - 1)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise _beyond(size)
    return Part(int(first), min(int(last), size - 1) if last else size - 1)


def range_holds(if_range: str | None, etag: str) -> bool:
    """
    Tell whether ``If-Range`` lets the range stand; without one it does.

    Only an identical validator counts. A weak one never does, nor does a date, which tells seconds and thus
    no two writes within one apart; with a date the whole file is sent.
    """
    return if_range is None or if_range.strip() == etag


def _beyond(size: int) -> RangeNotSatisfiable:
    return RangeNotSatisfiable(f"the range begins where the file of {size} bytes has ended", size=size)
