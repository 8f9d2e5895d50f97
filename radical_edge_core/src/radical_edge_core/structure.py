"""
Strict structure hooks: how one JSON value becomes one Python value, or a list of everything that is wrong
with it.

Nothing is coerced: an ``int`` is an ``int`` (no ``true``, no ``1.0``, no ``"1"``), a list comes from a list,
an object from an object. The two exceptions have no JSON type of their own: ``bytes`` come as base64 text and
``datetime`` as ISO 8601 text with an offset. A ``float`` also takes an ``int``, and never NaN or an infinity.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Iterable, Mapping, MutableSequence, MutableSet
from collections.abc import Set as AbstractSet
from datetime import datetime
from enum import Enum
from typing import Any, Final, Literal, get_args, get_origin

import msgspec
from cattrs import Converter
from cattrs.errors import BaseValidationError, StructureHandlerNotFoundError
from cattrs.v import transform_error

from radical_edge_core.records import fields_of

JSON_NAMES: Final[Mapping[type, str]] = {dict: "object", list: "list", tuple: "list", type(None): "null"}

MAX_PROBLEMS: Final = 1000

Hook = Callable[[Any, Any], Any]
Steps = tuple[str | int, ...]


class Mismatch(ValueError):
    """One value that does not fit, with every reason: where below the value, and what was expected there."""

    def __init__(self, problems: Iterable[tuple[Steps, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(message for _, message in self.problems))


def wrong(expected: str, value: object) -> Mismatch:
    """Return the mismatch of a value that has another type than expected."""
    return Mismatch([((), f"expected {expected}, got {json_type(value)}")])


def json_type(value: object) -> str:
    """Name the type of a decoded value."""
    return JSON_NAMES.get(type(value), type(value).__name__)


def problems_of(error: Exception) -> tuple[tuple[Steps, str], ...]:
    """Return what an exception from a hook says: our own in full, a stranger's by its first text."""
    if isinstance(error, Mismatch):
        return error.problems
    if isinstance(error, StructureHandlerNotFoundError):
        raise error
    if isinstance(error, BaseValidationError):
        return tuple(((), line) for line in transform_error(error))
    text = error.args[0] if error.args and isinstance(error.args[0], str) else type(error).__name__
    return (((), text),)


class Collector:
    """Gathers the problems of the parts of one value, so that one bad field does not hide the next."""

    def __init__(self) -> None:
        self.found: list[tuple[Steps, str]] = []

    def run(self, step: str | int, hook: Hook, value: object, target: object) -> object:
        """Structure one part; what is wrong with it is noted below ``step``."""
        try:
            return hook(value, target)
        except RecursionError:
            raise
        except Exception as error:  # noqa: BLE001 - a validator may raise anything, and it all means "does not fit"
            self.found.extend(((step, *steps), message) for steps, message in problems_of(error))
            if len(self.found) >= MAX_PROBLEMS:
                self.done()  # a hostile body can be wrong a million times
            return None

    def note(self, step: str, message: str) -> None:
        """Add one problem of a field."""
        self.found.append(((step,), message))
        if len(self.found) >= MAX_PROBLEMS:
            self.done()

    def done(self) -> None:
        """Raise what was gathered, if anything was."""
        if self.found:
            raise Mismatch(self.found)


# -- plain values --------------------------------------------------------------------------------------------


def exactly(value: object, target: type) -> object:
    """Take a value of exactly this type."""
    if type(value) is not target:
        raise wrong(JSON_NAMES.get(target, target.__name__), value)
    return value


def as_float(value: object, _: object) -> float:
    """Take a finite number."""
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise Mismatch([((), "the number is too large")]) from None
    if type(value) is not float:
        raise wrong("float", value)
    if not math.isfinite(value):
        raise Mismatch([((), "expected a finite number")])
    return value


def as_bytes(value: object, _: object) -> bytes:
    """Take bytes as they are (msgpack has them), or as base64 text."""
    if type(value) is bytes:
        return value
    if type(value) is not str:
        raise wrong("base64 text", value)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Mismatch([((), "expected base64 text")]) from None


def as_datetime(value: object, _: object) -> datetime:
    """Take an instant: ISO 8601 with an offset."""
    if type(value) is datetime:
        moment = value
    elif type(value) is str:
        try:
            moment = msgspec.convert(value, datetime)
        except msgspec.ValidationError:
            raise Mismatch([((), "expected an ISO 8601 time such as 2026-01-31T12:00:00Z")]) from None
    else:
        raise wrong("an ISO 8601 time", value)
    if moment.tzinfo is None:
        raise Mismatch([((), "expected a time with an offset such as 2026-01-31T12:00:00Z")])
    return moment


def as_choice(value: object, target: object) -> object:
    """Take one of the values of a ``Literal`` or of an ``Enum``."""
    members: dict[object, object] = (
        {member.value: member for member in target}
        if isinstance(target, type) and issubclass(target, Enum)
        else {choice: choice for choice in get_args(target)}
    )
    for allowed, member in members.items():
        plain = allowed.value if isinstance(allowed, Enum) else allowed
        if type(plain) is type(value) and plain == value:
            return member
    names = ", ".join(repr(a.value if isinstance(a, Enum) else a) for a in members)
    raise Mismatch([((), f"expected one of {names}")])


# -- values made of values -----------------------------------------------------------------------------------


def sequence_hook(target: Any, converter: Converter) -> Hook:
    """Build the hook of ``list[X]``, ``tuple[X, ...]``, ``set[X]`` and their abstract kin."""
    origin = get_origin(target) or target
    item = next(iter(get_args(target)), Any)
    make = _maker(origin)

    def structure(value: Any, _: object) -> object:
        if type(value) is not list:
            raise wrong("list", value)
        collect = Collector()
        hook = converter.get_structure_hook(item)
        made = make(collect.run(index, hook, part, item) for index, part in enumerate(value))
        collect.done()
        if len(made) != len(value):
            raise Mismatch([((), "expected items that differ from each other")])
        return made

    return structure


def fixed_tuple_hook(target: Any, converter: Converter) -> Hook:
    """Build the hook of ``tuple[X, Y]``, one type an item."""
    items = [item for item in get_args(target) if item != ()]

    def structure(value: Any, _: object) -> object:
        if type(value) is not list:
            raise wrong("list", value)
        if len(value) != len(items):
            raise Mismatch([((), f"expected {len(items)} items, got {len(value)}")])
        collect = Collector()
        made = tuple(
            collect.run(index, converter.get_structure_hook(item), part, item)
            for index, (part, item) in enumerate(zip(value, items, strict=True))
        )
        collect.done()
        return made

    return structure


def _maker(origin: Any) -> Callable[[Iterable[object]], Any]:
    """Return what makes the collection: mutable only where the type asks for it, as records are frozen."""
    if issubclass(origin, AbstractSet):
        return set if issubclass(origin, MutableSet) else frozenset
    return list if issubclass(origin, MutableSequence) else tuple


def mapping_hook(target: Any, converter: Converter) -> Hook:
    """Build the hook of ``dict[str, X]`` and ``Mapping[str, X]``."""
    key_type, item = get_args(target) or (str, Any)

    def structure(value: Any, _: object) -> object:
        if type(value) is not dict:
            raise wrong("object", value)
        collect = Collector()
        key_hook, hook = converter.get_structure_hook(key_type), converter.get_structure_hook(item)
        made = {
            collect.run(key, key_hook, key, key_type): collect.run(key, hook, part, item)
            for key, part in value.items()
        }
        collect.done()
        return made

    return structure


def record_hook(target: Any, converter: Converter) -> Hook:
    """Build the hook of an attrs class, a dataclass or a ``TypedDict``; unknown fields are problems."""
    fields = fields_of(target)

    def structure(value: Any, _: object) -> object:
        if type(value) is not dict:
            raise wrong("object", value)
        collect = Collector()
        made: dict[str, object] = {}
        for name, field in fields.items():
            if name in value:
                hook = converter.get_structure_hook(field.type)
                made[field.argument] = collect.run(name, hook, value[name], field.type)
            elif field.required:
                collect.note(name, "required field is missing")
        for name in value:
            if name not in fields:
                collect.note(name, "unknown field")
        collect.done()
        return target(**made)

    return structure


def union_hook(target: Any, converter: Converter) -> Hook:
    """
    Build the hook of a union: the member of exactly the value's type first, then the others in their order.

    Where no member fits, the problems are those of the only member that takes objects (or lists) at all, as
    that is what the caller meant; else the names of all members.
    """
    members = get_args(target)

    def structure(value: object, _: object) -> object:
        if value is None and type(None) in members:
            return None
        failed: list[tuple[Any, Mismatch]] = []
        for member in sorted(members, key=lambda m: m is not type(value)):
            try:
                return converter.get_structure_hook(member)(value, member)
            except RecursionError:
                raise
            except Exception as error:  # noqa: BLE001 - see Collector.run
                failed.append((member, Mismatch(problems_of(error))))
        deep = [error for _, error in failed if any(steps for steps, _ in error.problems)]
        meant = [error for member, error in failed if member is not type(None)]
        if len(deep) == 1:
            raise deep[0]
        if len(meant) == 1:
            raise meant[0]
        raise wrong(" or ".join(_type_name(member) for member in members), value)

    return structure


def _type_name(member: Any) -> str:
    while hasattr(member, "__metadata__"):
        member = member.__origin__
    origin = get_origin(member) or member
    if origin is Literal:
        return "one of " + ", ".join(repr(choice) for choice in get_args(member))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "object"
    return JSON_NAMES.get(origin, getattr(origin, "__name__", str(origin)))


# -- constraints ---------------------------------------------------------------------------------------------


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
