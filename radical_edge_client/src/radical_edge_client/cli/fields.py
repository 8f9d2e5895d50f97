"""
Command-line options made from an operation's input schema.

Each field is ``--field-name value``; underscores are accepted too. Text, numbers and choices are typed as
they are, a switch alone or with ``true`` or ``false``, an array as JSON or by repeating the option, an object
as JSON. ``@file`` stands for JSON read from that file. What a field's own checks say is left to the edge.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
from attrs import frozen

RESERVED: Final = frozenset({"help", "json", "input", "url", "cert"})
_MISSING: Final = object()
_METAVARS: Final = {
    "array": "ITEM…",
    "boolean": "[true|false]",
    "integer": "INT",
    "number": "NUMBER",
    "object": "JSON",
    "string": "TEXT",
}


@frozen(kw_only=True)
class Field:
    """
    One field of an input, as an option.

    Attributes:
        name: The field's name.
        kinds: Its JSON types but ``null``; empty where the schema names none.
        items: For arrays, the types of an item.
        choices: The values of an enumeration.
        nullable: Whether it may be ``null``.
        required: Whether a call needs it.
        help: What the option's help says.
    """

    name: str
    kinds: frozenset[str]
    items: frozenset[str] = frozenset()
    choices: tuple[object, ...] = ()
    nullable: bool = False
    required: bool = False
    help: str = ""

    @property
    def flags(self) -> list[str]:
        """The option's spellings."""
        prefix = "field-" if self.name in RESERVED else ""
        return list(dict.fromkeys([f"--{prefix}{self.name.replace('_', '-')}", f"--{prefix}{self.name}"]))

    def option(self, parameter: str) -> click.Option:
        """Return the option; its value arrives under ``parameter``, as typed."""
        switch: dict[str, Any] = {"is_flag": False, "flag_value": "true"} if self.kinds == {"boolean"} else {}
        return click.Option(
            [*self.flags, parameter],
            multiple="array" in self.kinds,
            metavar=self._metavar(),
            help=self.help,
            **switch,
        )

    def value(self, typed: str | Sequence[str]) -> object:
        """
        Return the JSON value of what was typed.

        Raises:
            click.BadParameter: It does not fit the field's type.
        """
        if isinstance(typed, str):
            return self._one(typed, self.kinds)
        if len(typed) == 1 and typed[0].startswith(("[", "@")):
            return self._json(typed[0])
        return [self._one(item, self.items) for item in typed]

    def _one(self, text: str, kinds: frozenset[str]) -> object:
        for choice in self.choices:
            if text in {choice, json.dumps(choice)}:
                return choice
        if text == "null" and self.nullable and "string" not in kinds:
            return None
        if kinds & {"object", "array"} and text.startswith(("@", "{", "[")):
            return self._json(text)
        for kind, read in _READERS.items():
            if kind in kinds and (found := read(text)) is not _MISSING:
                return found
        if "string" in kinds:
            return text
        if not kinds and not self.choices:
            return _or_text(text)
        if self.choices:
            raise self._bad(f"{text!r} is none of {', '.join(map(str, self.choices))}")
        raise self._bad(f"{text!r} is no {' or '.join(sorted(kinds))}")

    def _json(self, text: str) -> object:
        try:
            return read_json(text)
        except ValueError as error:
            raise self._bad(str(error)) from error

    def _bad(self, message: str) -> click.BadParameter:
        return click.BadParameter(message, param_hint=self.flags[0])

    def _metavar(self) -> str:
        if self.choices:
            booleans = ["true", "false"] if "boolean" in self.kinds else []
            return "[" + "|".join([*booleans, *map(str, self.choices)]) + "]"
        return "|".join(_METAVARS[kind] for kind in sorted(self.kinds)) or "VALUE"


def fields_of(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[Field]:
    """Return the fields of an operation's input, those that are required first."""
    required = set(schema.get("required", ()))
    found = [
        _field(name, told, name in required, definitions)
        for name, told in schema.get("properties", {}).items()
    ]
    return sorted(found, key=lambda field: not field.required)


def read_json(text: str) -> object:
    """
    Return the JSON value of a text, or of the file that ``@path`` names.

    Raises:
        ValueError: It is no JSON, or the file can't be read; the text says which.
    """
    try:
        raw = Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text
    except OSError as error:
        raise ValueError(f"{text[1:]} can't be read: {error.strerror}") from error
    try:
        return json.loads(raw, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error}") from error


def _field(name: str, told: Mapping[str, Any], required: bool, definitions: Mapping[str, Any]) -> Field:
    branches = _branches(told, definitions)
    kinds = {kind for branch in branches if "enum" not in branch for kind in _kinds(branch)}
    items: Mapping[str, Any] = next((branch["items"] for branch in branches if "items" in branch), {})
    return Field(
        name=name,
        kinds=frozenset(kinds & _METAVARS.keys()),
        items=frozenset(kind for branch in _branches(items, definitions) for kind in _kinds(branch)),
        choices=tuple(choice for branch in branches for choice in branch.get("enum", ())),
        nullable="null" in kinds,
        required=required,
        help=_help(told, branches, required),
    )


def _branches(told: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the alternatives of a schema, references followed."""
    if "$ref" in told:
        target = definitions.get(str(told["$ref"]).rpartition("/")[2], {})
        return _branches(target, definitions) if target is not told else []
    alternatives = told.get("anyOf") or told.get("oneOf")
    if alternatives:
        return [branch for each in alternatives for branch in _branches(each, definitions)]
    return [told]


def _kinds(branch: Mapping[str, Any]) -> list[str]:
    kind = branch.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


def _help(told: Mapping[str, Any], branches: Sequence[Mapping[str, Any]], required: bool) -> str:
    text = next((each["description"] for each in (told, *branches) if each.get("description")), "")
    default = told.get("default")
    mark = "required" if required else f"default {json.dumps(default)}" if default is not None else ""
    return " ".join(filter(None, [str(text), f"[{mark}]" if mark else ""]))


def _or_text(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _no_constant(name: str) -> object:
    raise ValueError(f"no JSON: it has no {name}")


def _boolean(text: str) -> object:
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
        text.lower(), _MISSING
    )


def _integer(text: str) -> object:
    try:
        return int(text)
    except ValueError:
        return _MISSING


def _number(text: str) -> object:
    try:
        number = float(text)
    except ValueError:
        return _MISSING
    return number if math.isfinite(number) else _MISSING  # JSON has no other numbers


_READERS: Final = {"integer": _integer, "number": _number, "boolean": _boolean}
