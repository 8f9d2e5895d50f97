"""The schema and the converter are two readings of one type."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import attrs
import msgspec
import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from radical_edge_core.converter import build_converter, parse
from radical_edge_core.errors import InvalidRequest
from radical_edge_core.schema import json_schema, schemas_for


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


@frozen(kw_only=True)
class Leaf:
    value: Annotated[int, msgspec.Meta(ge=0, le=20)]
    label: str | None = None


@frozen(kw_only=True)
class Branch:
    size: Size
    leaves: tuple[Leaf, ...] = ()
    inner: Branch | None = None
    weights: Mapping[str, float] = field(factory=dict)


class Marked(TypedDict):
    value: int
    label: NotRequired[str]


# JSON Schema counts 1.0 as an integer; the converter does not, as nothing that writes JSON writes 1 like that.
Validator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int),
)

SCALARS: list[Any] = [
    int,
    float,
    str,
    bool,
    type(None),
    Size,
    Literal["a", "b"],
    Literal[1, 2],
    Literal["a"] | None,
    Annotated[int, msgspec.Meta(ge=2, le=5)],
    Annotated[int, msgspec.Meta(gt=2, lt=5)],
    Annotated[int, msgspec.Meta(multiple_of=3)],
    Annotated[float, msgspec.Meta(gt=0.5, le=4)],
    Annotated[str, msgspec.Meta(min_length=1, max_length=2)],
    Annotated[str, msgspec.Meta(pattern="a")],
    Leaf,
    Branch,
    Marked,
    object,
]
HASHABLE: list[Any] = [int, str, Literal["a", "b"], Size]


def _lists(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        inner.map(lambda t: list[t]),  # type: ignore[valid-type]
        inner.map(lambda t: tuple[t, ...]),
        inner.map(lambda t: dict[str, t]),  # type: ignore[valid-type]
        inner.map(lambda t: t | None),
        st.tuples(inner, inner).map(lambda p: tuple[p[0], p[1]]),  # type: ignore[name-defined]
        inner.map(lambda t: Annotated[list[t], msgspec.Meta(min_length=1, max_length=2)]),  # type: ignore[valid-type]
        inner.map(lambda t: Annotated[dict[str, t], msgspec.Meta(min_length=1)]),  # type: ignore[valid-type]
    )


TYPES = st.recursive(
    st.sampled_from(
        [*SCALARS, int | str, int | float | None, Leaf | None, list[int] | str, Leaf | list[Leaf]]
    )
    | st.sampled_from(HASHABLE).map(lambda t: set[t]),  # type: ignore[valid-type]
    _lists,
    max_leaves=3,
)


@st.composite
def models(draw: st.DrawFn) -> type:
    """An attrs class of some fields, required or with a default."""
    fields = {
        name: attrs.field(type=draw(TYPES), default=attrs.NOTHING if draw(st.booleans()) else None)
        for name in draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=3))
    }
    return attrs.make_class("Model", fields, frozen=True, kw_only=True)


NAMES = st.sampled_from(["a", "b", "c", "d", "value", "label", "size", "leaves", "inner", "weights", "x"])
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 25),
        st.sampled_from([0.5, 1.0, 4.0, 4.5, -1.5]),
        st.sampled_from(["", "a", "b", "s", "l", "ab", "abc"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def _fitting(schema: Any, root: Any, draw: st.DrawFn, depth: int = 0) -> Any:
    """Draw a value that probably fits: random values alone would nearly always be refused."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if depth > 5 or draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    if "anyOf" in schema:
        return _fitting(draw(st.sampled_from(schema["anyOf"])), root, draw, depth)
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    match schema.get("type"):
        case "integer":
            return draw(st.integers(schema.get("minimum", 0), schema.get("maximum", 9)))
        case "number":
            return draw(st.sampled_from([1, 2.5, 4]))
        case "string":
            return draw(st.sampled_from(["a", "ab", "b"]))
        case "boolean":
            return draw(st.booleans())
        case "array":
            items = schema.get("prefixItems") or [schema.get("items", {})] * draw(st.integers(0, 3))
            return [_fitting(item, root, draw, depth + 1) for item in items]
        case "object":
            properties = schema.get("properties")
            if properties is None:
                inner = schema.get("additionalProperties", {})
                return {
                    name: _fitting(inner, root, draw, depth + 1) for name in draw(st.lists(NAMES, max_size=2))
                }
            return {
                name: _fitting(part, root, draw, depth + 1)
                for name, part in properties.items()
                if name in schema.get("required", ()) or draw(st.booleans())
            }
        case "null":
            return None
    return draw(VALUES)


@given(st.data())
def test_what_one_accepts_the_other_accepts(data: st.DataObject) -> None:
    """For any class of any fields and any value, schema and converter agree."""
    model = data.draw(models())
    schema = json_schema(model)
    Draft202012Validator.check_schema(schema)
    converter = build_converter()
    for _ in range(5):
        value = _fitting(schema, schema, data.draw)
        by_schema = Validator(schema).is_valid(value)
        try:
            parse(value, model, converter)
            by_converter = True
        except InvalidRequest:
            by_converter = False
        assert by_schema == by_converter, (schema, value)


def test_inputs_are_closed_and_outputs_are_open() -> None:
    """A class that inputs reach is closed wherever it stands; one that only outputs reach may grow."""

    @frozen(kw_only=True)
    class Answer:
        leaf: Leaf

    made = schemas_for([Branch], [Answer, None, list[Answer]])
    assert made.definitions["Leaf"]["additionalProperties"] is False
    assert made.definitions["Branch"]["additionalProperties"] is False
    (answer,) = [schema for name, schema in made.definitions.items() if "Answer" in name]
    assert "additionalProperties" not in answer
    assert made.outputs[1] == {"type": "null"}


def test_optional_stays_a_choice_with_null() -> None:
    """What follows reads ``anyOf [X, null]`` as optional."""
    schema = json_schema(Leaf)
    label = schema["$defs"]["Leaf"]["properties"]["label"]
    assert label == {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}


def test_a_type_without_schema_is_named() -> None:
    """The text names the type."""
    with pytest.raises(TypeError, match="complex"):
        json_schema(complex)
