"""The fields of a record class, whichever of the three kinds it is: attrs, dataclass or ``TypedDict``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NotRequired, Required, get_args, get_origin, get_type_hints, is_typeddict

import attrs
from attrs import frozen


@frozen(kw_only=True)
class Field:
    """
    One field of a record.

    Attributes:
        argument: What the class's constructor calls it (attrs drops leading underscores).
        type: Its resolved type, with ``Annotated`` kept.
        required: Whether it has no default.
    """

    argument: str
    type: Any
    required: bool


def is_record(cls: object) -> bool:
    """Say whether ``cls`` is an attrs class, a dataclass or a ``TypedDict``."""
    return isinstance(cls, type) and (attrs.has(cls) or dataclasses.is_dataclass(cls) or is_typeddict(cls))


def fields_of(cls: Any) -> Mapping[str, Field]:
    """
    Return the fields of a record class by the names that they have on the wire, in their order.

    Raises:
        NameError: An annotation names a type that its module does not have.
    """
    return _fields_of(cls)


@lru_cache(maxsize=1024)
def _fields_of(cls: Any) -> Mapping[str, Field]:
    hints = get_type_hints(cls, include_extras=True)
    if attrs.has(cls):
        return {
            field.name: Field(
                argument=field.alias or field.name,
                type=hints.get(field.name, field.type or Any),
                required=field.default is attrs.NOTHING,
            )
            for field in attrs.fields(cls)
            if field.init
        }
    if is_typeddict(cls):
        return {
            name: Field(argument=name, type=_bare(hint), required=_is_required(cls, name, hint))
            for name, hint in hints.items()
        }
    return {
        field.name: Field(
            argument=field.name,
            type=hints[field.name],
            required=field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(cls)
        if field.init
    }


def _is_required(cls: Any, name: str, hint: Any) -> bool:
    # ``__required_keys__`` can't see a marker in an annotation that is still text.
    if get_origin(hint) is NotRequired:
        return False
    return get_origin(hint) is Required or name in cls.__required_keys__


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) in {Required, NotRequired} else hint
