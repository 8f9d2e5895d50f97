"""
Values that arrive as text: segments of the path and parameters of the query.

Text becomes what JSON would have held, by the declared type; the strict converter then judges it like any
other value. Text that does not read as the type stays text, so that the converter's message names it.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import datetime
from enum import Enum
from typing import Any, Final, Literal, Union, get_args, get_origin

_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_PLAIN: Final = (str, int, float, bool, datetime, bytes)


def text_problem(target: Any, *, many: bool) -> str | None:
    """Say why a type can't be read from the URL, if it can't; ``many`` allows repeated parameters."""
    target = _bare(target)
    if get_origin(target) in {Union, types.UnionType}:
        members = [member for member in get_args(target) if member is not type(None)]
        return next((p for member in members if (p := text_problem(member, many=many))), None)
    if get_origin(target) is Literal or target in _PLAIN:
        return None
    if isinstance(target, type) and issubclass(target, Enum):
        return None
    if many and (item := _item_of(target)) is not None:
        return text_problem(item, many=False)
    return f"its type {getattr(target, '__name__', target)} has no text form; declare the operation with post"


def from_text(values: Sequence[str], target: Any) -> object:
    """
    Read the texts of one parameter.

    Args:
        values: Every text given for it; a parameter that is not declared as a list takes one.
        target: Its declared type.
    """
    if _wants_list(target):
        item = next(i for member in _members(target) if (i := _item_of(member)) is not None)
        return [_one(text, item) for text in values]
    return _one(values[0], target) if len(values) == 1 else list(values)


def _one(text: str, target: Any) -> object:
    members = _members(target)
    if type(None) in members and not text and str not in members:
        return None
    for choice in _choices(members):
        if text == (str(choice).lower() if isinstance(choice, bool) else str(choice)):
            return choice
    if bool in members and text.lower() in _BOOLEANS and not (int in members and text in {"0", "1"}):
        return _BOOLEANS[text.lower()]
    if int in members or float in members:
        with suppress(ValueError):
            return _number(text, whole=float not in members)
    return text


def _number(text: str, *, whole: bool) -> int | float:
    if not text.isascii() or text != text.strip() or "_" in text:
        raise ValueError(text)
    try:
        return int(text)
    except ValueError:
        if whole:
            raise
        return float(text)


def _choices(members: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for member in members:
        if get_origin(member) is Literal:
            found.extend(c.value if isinstance(c, Enum) else c for c in get_args(member))
        elif isinstance(member, type) and issubclass(member, Enum):
            found.extend(choice.value for choice in member)
    return found


def _members(target: Any) -> list[Any]:
    target = _bare(target)
    if get_origin(target) in {Union, types.UnionType}:
        return [inner for member in get_args(target) for inner in _members(member)]
    return [target]


def _wants_list(target: Any) -> bool:
    return any(_item_of(member) is not None for member in _members(target))


def _item_of(target: Any) -> Any | None:
    origin = get_origin(target)
    if isinstance(origin, type) and issubclass(origin, (Sequence, AbstractSet)):
        args = get_args(target)
        return args[0] if len(args) == 1 or args[1:] == (Ellipsis,) else None
    return None


def _bare(target: Any) -> Any:
    while hasattr(target, "__metadata__"):
        target = target.__origin__
    return target
