"""The boundary between JSON and typed values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
import pytest
from attrs import field, frozen, validators
from cattrs import Converter
from hypothesis import given
from hypothesis import strategies as st

from radical_edge_core.converter import build_converter, dumps, loads, parse
from radical_edge_core.errors import BadRequest, InvalidRequest

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class Colour(Enum):
    RED = "red"
    ONE = 1


@frozen(kw_only=True)
class Inner:
    walltime_s: int


@dataclass(frozen=True)
class Data:
    x: int
    y: str = "y"


class Typed(TypedDict):
    need: int
    may: NotRequired[str]


@pytest.fixture
def converter() -> Converter:
    return build_converter()


ACCEPTED: list[tuple[Any, Any, Any]] = [
    (int, 3, 3),
    (int, 10**40, 10**40),
    (float, 3, 3.0),
    (float, 0.5, 0.5),
    (bool, True, True),
    (str, "", ""),
    (None, None, None),
    (Any, {"a": [1, None]}, {"a": [1, None]}),
    (object, 3, 3),
    (list[int], [1, 2], [1, 2]),
    (tuple[int, ...], [1, 2], (1, 2)),
    (Sequence[int], [1], (1,)),
    (tuple[int, str], [1, "a"], (1, "a")),
    (tuple[()], [], ()),
    (set[int], [1, 2], {1, 2}),
    (frozenset[str], ["a"], frozenset({"a"})),
    (dict[str, int], {"a": 1}, {"a": 1}),
    (Mapping[str, float], {"a": 1}, {"a": 1.0}),
    (dict[str, Any], {"a": None}, {"a": None}),
    (list[Any], [1, "a"], [1, "a"]),
    (list, [1, "a"], [1, "a"]),
    (dict, {"a": 1}, {"a": 1}),
    (int | str, "1", "1"),
    (int | str, 1, 1),
    (float | int, 1, 1),
    (str | None, None, None),
    (list[int] | str, "ab", "ab"),
    (Inner | Data, {"x": 1}, Data(1)),
    (Literal["a", 1, True], 1, 1),
    (Literal["a"] | None, None, None),
    (Colour, "red", Colour.RED),
    (Colour, 1, Colour.ONE),
    (Literal[Colour.RED], "red", Colour.RED),
    (bytes, "YWI=", b"ab"),
    (bytes, b"ab", b"ab"),
    (datetime, "2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
    (datetime, "2026-01-31T13:00:00+01:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
    (Inner, {"walltime_s": 1}, Inner(walltime_s=1)),
    (Data, {"x": 1}, Data(1)),
    (Typed, {"need": 1}, {"need": 1}),
    (Port, 80, 80),
    (Annotated[str, msgspec.Meta(min_length=1, max_length=2, pattern="^a")], "ab", "ab"),
    (Annotated[list[int], msgspec.Meta(max_length=1)], [1], [1]),
    (Annotated[float, msgspec.Meta(gt=0, lt=1)], 0.5, 0.5),
    (Annotated[int, msgspec.Meta(multiple_of=5)], 15, 15),
]

REFUSED: list[tuple[Any, Any, dict[str, str]]] = [
    (int, True, {"$": "expected int, got bool"}),
    (int, 1.0, {"$": "expected int, got float"}),
    (int, "1", {"$": "expected int, got str"}),
    (int, None, {"$": "expected int, got null"}),
    (float, True, {"$": "expected float, got bool"}),
    (float, "1", {"$": "expected float, got str"}),
    (float, float("nan"), {"$": "expected a finite number"}),
    (float, float("inf"), {"$": "expected a finite number"}),
    (float, 10**400, {"$": "the number is too large"}),
    (bool, 1, {"$": "expected bool, got int"}),
    (bool, "false", {"$": "expected bool, got str"}),
    (str, 1, {"$": "expected str, got int"}),
    (str, ["a"], {"$": "expected str, got list"}),
    (None, 0, {"$": "expected null, got int"}),
    (list[int], "12", {"$": "expected list, got str"}),
    (list[int], {"0": 1}, {"$": "expected list, got object"}),
    (list[int], [1, "2", None], {"$[1]": "expected int, got str", "$[2]": "expected int, got null"}),
    (tuple[int, str], [1], {"$": "expected 2 items, got 1"}),
    (tuple[int, str], ["a", 1], {"$[0]": "expected int, got str", "$[1]": "expected str, got int"}),
    (set[int], [1, 1], {"$": "expected items that differ from each other"}),
    (dict[str, int], [["a", 1]], {"$": "expected object, got list"}),
    (
        dict[str, int],
        {"a": "1", "b c": None},
        {"$.a": "expected int, got str", '$["b c"]': "expected int, got null"},
    ),
    (int | str, 1.5, {"$": "expected int or str, got float"}),
    (str | None, 1, {"$": "expected str, got int"}),
    (Inner | None, {"walltime_s": "1"}, {"$.walltime_s": "expected int, got str"}),
    (list[int] | str, [1, "2"], {"$[1]": "expected int, got str"}),
    (Inner | Data, [], {"$": "expected Inner or Data, got list"}),
    (
        Port | Literal["a", "b"] | dict[str, int] | Inner,
        "c",
        {"$": "expected int or one of 'a', 'b' or object or Inner, got str"},
    ),
    (Literal["a", 1], True, {"$": "expected one of 'a', 1"}),
    (Literal["a", "b"], "c", {"$": "expected one of 'a', 'b'"}),
    (Colour, "RED", {"$": "expected one of 'red', 1"}),
    (Colour, True, {"$": "expected one of 'red', 1"}),
    (bytes, "YWI", {"$": "expected base64 text"}),
    (bytes, "Ää", {"$": "expected base64 text"}),
    (bytes, 1, {"$": "expected base64 text, got int"}),
    (datetime, "yesterday", {"$": "expected an ISO 8601 time such as 2026-01-31T12:00:00Z"}),
    (datetime, "2026-01-31T12:00:00", {"$": "expected a time with an offset such as 2026-01-31T12:00:00Z"}),
    (datetime, 0, {"$": "expected an ISO 8601 time, got int"}),
    (Inner, {}, {"$.walltime_s": "required field is missing"}),
    (Inner, {"walltime_s": 1, "wall": 2}, {"$.wall": "unknown field"}),
    (Data, {"x": 1, "z": 2}, {"$.z": "unknown field"}),
    (Typed, {"may": 1}, {"$.need": "required field is missing", "$.may": "expected str, got int"}),
    (Typed, [], {"$": "expected object, got list"}),
    (Port, 0, {"$": "must be at least 1"}),
    (Port, 70000, {"$": "must be at most 65535"}),
    (Port, "80", {"$": "expected int, got str"}),
    (Annotated[str, msgspec.Meta(min_length=2)], "a", {"$": "must have a length of at least 2"}),
    (Annotated[str, msgspec.Meta(max_length=2)], "abc", {"$": "must have a length of at most 2"}),
    (Annotated[str, msgspec.Meta(pattern="^a$")], "b", {"$": "must match '^a$'"}),
    (Annotated[float, msgspec.Meta(gt=0)], 0, {"$": "must be greater than 0"}),
    (Annotated[float, msgspec.Meta(lt=1)], 1, {"$": "must be less than 1"}),
    (Annotated[int, msgspec.Meta(multiple_of=5)], 7, {"$": "must be a multiple of 5"}),
    (Port | None, 0, {"$": "must be at least 1"}),
]


@pytest.mark.parametrize(("model", "payload", "value"), ACCEPTED)
def test_what_fits_is_taken(converter: Converter, model: Any, payload: Any, value: Any) -> None:
    """The value has exactly the declared type."""
    made = parse(payload, model, converter)
    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(("model", "payload", "problems"), REFUSED)
def test_what_does_not_fit_is_told(
    converter: Converter, model: Any, payload: Any, problems: dict[str, str]
) -> None:
    """Nothing is coerced, and the text says what was expected where."""
    with pytest.raises(InvalidRequest) as caught:
        parse(payload, model, converter)
    assert {p["path"]: p["message"] for p in caught.value.problems} == problems


@frozen(kw_only=True)
class Checked:
    low: int = field(validator=validators.ge(0))
    high: int = field()

    @high.validator
    def _above(self, _: object, value: int) -> None:
        if value < self.low:
            raise ValueError("high must not be below low")


def test_validators_of_a_class_are_problems(converter: Converter) -> None:
    """Their text arrives, at the object that they belong to."""
    with pytest.raises(InvalidRequest) as caught:
        parse([{"low": 3, "high": 2}], list[Checked], converter)
    assert caught.value.problems == [{"path": "$[0]", "message": "high must not be below low"}]


def test_a_plugin_may_add_types_of_its_own(converter: Converter) -> None:
    """A hook registered on one converter is used there and nowhere else."""

    def to_path(value: Any, _: Any) -> Path:
        if not isinstance(value, str) or not value.startswith("/"):
            raise ValueError("expected an absolute path")
        return Path(value)

    converter.register_structure_hook(Path, to_path)
    assert parse(["/a"], list[Path], converter) == [Path("/a")]
    with pytest.raises(InvalidRequest) as caught:
        parse(["a"], list[Path], converter)
    assert caught.value.problems == [{"path": "$[0]", "message": "expected an absolute path"}]


def test_the_sentence_has_its_bounds(converter: Converter) -> None:
    """Many problems are counted, and long names are cut."""
    with pytest.raises(InvalidRequest) as caught:
        parse({"x" * 5000: 1, **{f"f{i}": 1 for i in range(50)}}, Inner, converter)
    assert caught.value.detail.endswith("and 42 more")
    assert max(len(p["path"]) for p in caught.value.problems) <= 256


def test_a_type_that_the_converter_does_not_know_is_a_bug(converter: Converter) -> None:
    """It is not blamed on the caller."""
    with pytest.raises(Exception, match="Decimal"):
        parse(["1"], list[Decimal], converter)


class Custom:
    pass


def test_answers_are_valid_json_whatever_they_hold() -> None:
    """Records, paths, mappings, odd floats, big numbers and broken text can be written."""
    value = {
        "record": Inner(walltime_s=1),
        "data": Data(1),
        "path": Path("/a"),
        "view": MappingProxyType({"a": (1, 2)}),
        "set": {1},
        "enum": Colour.RED,
        "when": datetime(2026, 1, 31, tzinfo=UTC),
        "bytes": b"ab",
        "nan": float("nan"),
        "error": ValueError("x"),
        3: "key",
    }
    expected = {
        "record": {"walltime_s": 1},
        "data": {"x": 1, "y": "y"},
        "path": "/a",
        "view": {"a": [1, 2]},
        "set": [1],
        "enum": "red",
        "when": "2026-01-31T00:00:00Z",
        "bytes": "YWI=",
        "nan": None,
        "error": "ValueError: x",
        "3": "key",
    }
    assert json.loads(dumps(value)) == expected
    odd = {**value, "text": "a\ud800\udcffb", "big": 2**90, "\udc80": [-(2**90), float("inf")]}
    more = {"text": "a\ufffd\ufffdb", "big": 2**90, "\ufffd": [-(2**90), None]}
    assert json.loads(dumps(odd)) == {**expected, **more}
    with pytest.raises(TypeError, match="Custom has no JSON form"):
        dumps({"x": Custom()})
    with pytest.raises(TypeError, match="Custom has no JSON form"):
        dumps({"x": "\ud800", "y": Custom()})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_json_survives(value: Any) -> None:
    """What is written is read again as it was; text escapes included."""
    assert loads(dumps(value)) == value
    assert loads(json.dumps(value, ensure_ascii=True).encode()) == value


@given(st.binary(max_size=200), st.sampled_from(["application/json", "application/msgpack", ""]))
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str) -> None:
    """No body crashes the reader."""
    with suppress(BadRequest):
        loads(body, content_type)


def test_content_types() -> None:
    """Msgpack is read where it is named, whatever its parameters; all else is JSON."""
    packed = msgspec.msgpack.encode({"a": b"x"})
    for kind in ("application/msgpack", "Application/MsgPack; v=1", "application/x-msgpack"):
        assert loads(packed, kind) == {"a": b"x"}
    for kind in ("", "application/json; charset=utf-8", "application/x-www-form-urlencoded"):
        assert loads(b'{"a": 1}', kind) == {"a": 1}
    with pytest.raises(BadRequest, match="deeply"):
        loads(b"\x91" * 100_000, "application/msgpack")
