"""The structure hook of ``Annotated``: the type's own, then the bounds of ``msgspec.Meta``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from cattrs import Converter

from radical_edge_core.structure.mismatch import Hook, Mismatch


def annotated_hook(target: Any, converter: Converter) -> Hook:
    """Build the hook of ``Annotated[X, msgspec.Meta(...)]``: that of ``X``, then the bounds."""
    inner = target.__origin__
    checks = [meta for meta in target.__metadata__ if isinstance(meta, msgspec.Meta)]

    def structure(value: object, _: object) -> object:
        made = converter.get_structure_hook(inner)(value, inner)
        found = [((), text) for meta in checks if made is not None for text in _broken(meta, made)]
        if found:
            raise Mismatch(found)
        return made

    return structure


def _broken(meta: msgspec.Meta, value: Any) -> Iterable[str]:
    if meta.ge is not None and value < meta.ge:
        yield f"must be at least {meta.ge}"
    if meta.gt is not None and value <= meta.gt:
        yield f"must be greater than {meta.gt}"
    if meta.le is not None and value > meta.le:
        yield f"must be at most {meta.le}"
    if meta.lt is not None and value >= meta.lt:
        yield f"must be less than {meta.lt}"
    if meta.multiple_of is not None and value % meta.multiple_of:
        yield f"must be a multiple of {meta.multiple_of}"
    if meta.min_length is not None and len(value) < meta.min_length:
        yield f"must have a length of at least {meta.min_length}"
    if meta.max_length is not None and len(value) > meta.max_length:
        yield f"must have a length of at most {meta.max_length}"
    if meta.pattern is not None and not re.search(meta.pattern, value):
        yield f"must match {meta.pattern!r}"
