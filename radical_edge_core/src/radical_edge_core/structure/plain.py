"""Structure hooks of the plain types."""

from __future__ import annotations

import base64
import binascii
import math
from datetime import datetime
from enum import Enum, EnumType
from typing import get_args

import msgspec

from radical_edge_core.structure.mismatch import JSON_NAMES, Mismatch, wrong


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
    """Take one of the values of a ``Literal`` or of an ``Enum``; ``1`` and ``true`` are two values."""
    members = list(target) if isinstance(target, EnumType) else get_args(target)
    plain = [member.value if isinstance(member, Enum) else member for member in members]
    for member, allowed in zip(members, plain, strict=True):
        if type(allowed) is type(value) and allowed == value:
            return member
    raise Mismatch([((), f"expected one of {', '.join(map(repr, plain))}")])
