"""Command-line options from schemas, and durations, without a bridge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radical_edge_client.cli.durations import duration, seconds_of
from radical_edge_client.cli.fields import fields_of

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["text"],
    "properties": {
        "optional_number": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None},
        "text": {"type": "string", "description": "Some text."},
        "either": {"anyOf": [{"type": "boolean"}, {"enum": ["forward", "reverse"]}]},
        "point": {"$ref": "#/$defs/Point"},
        "points": {"type": "array", "items": {"$ref": "#/$defs/Point"}},
        "anything": {},
        "level": {"enum": [1, 2]},
        "json": {"type": "integer", "default": 3},
        "loop": {"$ref": "#/$defs/Loop"},
    },
}
DEFINITIONS = {"Point": {"type": "object", "properties": {"x": {"type": "integer"}}}, "Loop": {}}
FIELDS = {field.name: field for field in fields_of(SCHEMA, DEFINITIONS)}


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("optional_number", "1.5", 1.5),
        ("optional_number", "null", None),
        ("text", "null", "null"),
        ("text", '{"not": "parsed"}', '{"not": "parsed"}'),
        ("either", "true", True),
        ("either", "forward", "forward"),
        ("point", '{"x": 1}', {"x": 1}),
        ("points", ['{"x": 1}', '{"x": 2}'], [{"x": 1}, {"x": 2}]),
        ("points", ["[]"], []),
        ("anything", "12", 12),
        ("anything", "words", "words"),
        ("level", "2", 2),
        ("json", "-1", -1),
    ],
)
def test_what_is_typed_becomes_json(name: str, typed: Any, value: object) -> None:
    """Each kind of field reads its own kind of text."""
    found = FIELDS[name].value(typed)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "typed"),
    [("optional_number", "many"), ("either", "sideways"), ("point", "{"), ("level", "3"), ("json", "1.5")],
)
def test_what_does_not_fit_is_told(name: str, typed: str) -> None:
    """The option is named."""
    with pytest.raises(click.BadParameter) as caught:
        FIELDS[name].value(typed)
    assert caught.value.param_hint == FIELDS[name].flags[0]


def test_options_are_spelt_with_dashes_and_underscores() -> None:
    """The required ones come first, and names that the command itself uses are set apart."""
    assert FIELDS["optional_number"].flags == ["--optional-number", "--optional_number"]
    assert FIELDS["json"].flags == ["--field-json"]
    assert next(iter(FIELDS)) == "text"
    assert FIELDS["text"].help == "Some text. [required]"
    assert FIELDS["json"].help == "[default 3]"


def test_json_from_a_file(tmp_path: Path) -> None:
    """``@file`` stands for its content."""
    path = tmp_path / "point.json"
    path.write_text('{"x": 7}')
    assert FIELDS["point"].value(f"@{path}") == {"x": 7}
    with pytest.raises(click.BadParameter, match="can't be read"):
        FIELDS["point"].value(f"@{tmp_path}/missing.json")


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text(), max_size=3))
def test_objects_survive(value: dict[str, object]) -> None:
    """Any object written as JSON arrives as it was."""
    assert FIELDS["point"].value(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90), ("90s", 90), ("1.5h", 5400), ("15m", 900), ("15 min", 900), ("1h30m", 5400), ("2d", 172800),
        ("01:30:00", 5400), ("00:10", 600), ("1W", 604800),
    ],
)  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    """As people type them."""
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5x", "1h30", "-5", "1:2", "h"])
def test_no_durations(text: str) -> None:
    """What is none is told with examples."""
    with pytest.raises(click.BadParameter, match="1h30m"):
        duration(text)
