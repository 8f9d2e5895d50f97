"""Bytes to decoded values and back: strict on the way in, never invalid JSON on the way out."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import PurePath
from typing import Any, Final

import msgspec

from radical_edge_core.errors import BadRequest

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
MSGPACK_TYPES: Final = frozenset({"application/msgpack", "application/x-msgpack", "application/vnd.msgpack"})


def loads(body: bytes, content_type: str = "application/json") -> object:
    """
    Decode a request body: msgpack where the content type says so, else JSON.

    JSON is read strictly: UTF-8 only, no NaN, no number beyond a double's range, no lone surrogate, and no
    name twice in one object (readers disagree about which one counts).

    Raises:
        BadRequest: The body can't be decoded; the text says where and why.
    """
    kind = content_type.partition(";")[0].strip().lower()
    try:
        return _load_msgpack(body) if kind in MSGPACK_TYPES else _load_json(body)
    except RecursionError:
        raise BadRequest("malformed body: it is nested too deeply") from None


def dumps(value: object) -> bytes:
    """
    Encode a value as JSON.

    Attrs classes, dataclasses and what JSON has are written as they are; NaN and infinities become ``null``,
    paths text, and what is no valid Unicode (file names, for example) is replaced character by character.

    Raises:
        TypeError: The value holds something that has no JSON form.
    """
    try:
        return _ENCODER.encode(value)
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(_plain(value), allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def _other(value: object) -> object:
    """Give msgspec something it knows for what it does not know."""
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (Sequence, AbstractSet)):
        return list(value)
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    raise TypeError(f"{type(value).__name__} has no JSON form")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_other)


def _plain(value: object) -> object:
    """Copy a value into what the standard library writes; the slow way, for values msgspec refuses."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return msgspec.to_builtins(value)
    if isinstance(value, (Sequence, AbstractSet)):
        return [_plain(item) for item in value]
    fields: Any = getattr(type(value), "__attrs_attrs__", None) or getattr(
        value, "__dataclass_fields__", None
    )
    if fields is not None:
        names = [field if isinstance(field, str) else field.name for field in fields]
        return {name: _plain(getattr(value, name)) for name in names if not name.startswith("_")}
    return _plain(msgspec.to_builtins(value, enc_hook=_other))


def _load_json(body: bytes) -> object:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest(f"malformed JSON: invalid UTF-8 at byte {error.start}") from None
    try:
        value = _DECODER.decode(text)
        if "\\u" in text or "\\U" in text:
            msgspec.json.decode(body)  # the standard library lets lone surrogates pass
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise BadRequest(f"malformed JSON at {where}: {error.msg[:1].lower()}{error.msg[1:]}") from None
    except msgspec.DecodeError:
        raise BadRequest("malformed JSON: a \\u escape that is no character") from None
    except ValueError as error:
        raise BadRequest(f"malformed JSON: {error}") from None
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        again = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"the name {again[:64]!r} occurs twice in one object")
    return made


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is out of range")
    return number


def _whole(text: str) -> int:
    if len(text) > 400:
        raise ValueError("a number is out of range")
    return int(text)


def _constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON value")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_constant, parse_float=_finite, parse_int=_whole
)


def _load_msgpack(body: bytes) -> object:
    try:
        value = msgspec.msgpack.decode(body)
    except UnicodeDecodeError:
        raise BadRequest("malformed msgpack: invalid UTF-8 in a text") from None
    except (msgspec.DecodeError, ValueError, TypeError) as error:
        raise BadRequest(f"malformed msgpack: {str(error)[:1].lower()}{str(error)[1:]}") from None
    _check_msgpack(value)
    return value


def _check_msgpack(value: object) -> None:
    """Refuse what msgpack can say and JSON can't, bytes and instants excepted."""
    if isinstance(value, dict):
        for key, item in value.items():
            if type(key) is not str:
                raise BadRequest(
                    f"malformed msgpack: the names of an object are texts, not {type(key).__name__}"
                )
            _check_msgpack(item)
    elif isinstance(value, list):
        for item in value:
            _check_msgpack(item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise BadRequest("malformed msgpack: a number is not finite")
    elif isinstance(value, msgspec.msgpack.Ext):
        raise BadRequest("malformed msgpack: extension types are not known here")
