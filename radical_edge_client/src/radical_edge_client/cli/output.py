"""Answers for people: tables, facts, and indented JSON for what is neither."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import click

_WIDE: Final = 10_000
_INSTANTS: Final = ("_at", "time", "as_of")
"""How the names of fields end that hold seconds since the epoch; what is smaller than any such is a duration."""
_EARLIEST: Final = 1e9


def print_json(document: object) -> None:
    """Print a document as indented JSON."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def print_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """
    Print records as a table; cells are folded to the terminal's width, and never outside of one.

    Args:
        rows: The records.
        columns: Which fields, in this order; by default all there are, in the order of their first
            appearance.
    """
    from rich.console import Console  # noqa: PLC0415  # slow to import, and --json needs none of it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    records = list(rows)
    names = (
        list(columns) if columns is not None else list(dict.fromkeys(name for row in records for name in row))
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    for row in records:
        table.add_row(*(Text(_field(name, row.get(name))) for name in names))
    Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False).print(table)


def print_facts(record: Mapping[str, Any]) -> None:
    """Print one record, a field a line."""
    width = max((len(name) for name in record), default=0)
    for name, value in record.items():
        click.echo(f"{name:<{width}}  {_field(name, value)}")


def print_answer(answer: object, hint: str | None = None) -> None:
    """
    Print what an operation returned, in the form that suits it.

    Args:
        answer: The document.
        hint: The operation's ``result`` hint; ``table`` where it is a list of records.
    """
    rows = _rows(answer)
    if rows is not None and (hint == "table" or len(rows) != 1):
        print_table(rows)
    elif isinstance(answer, Mapping) and answer and all(_is_plain(value) for value in answer.values()):
        print_facts(answer)
    else:
        print_json(answer)


def local_time(seconds: float) -> str:
    """Return seconds since the epoch as the local date and time."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _rows(answer: object) -> list[Mapping[str, Any]] | None:
    """Return the records in an answer that is a list of them, or an object around one such list or map."""
    inner = answer
    if isinstance(answer, Mapping) and len(answer) == 1:
        inner = next(iter(answer.values()))
    if isinstance(inner, Mapping) and inner and all(isinstance(value, Mapping) for value in inner.values()):
        return [{"name": name, **value} for name, value in inner.items()]
    if isinstance(inner, list) and all(isinstance(value, Mapping) for value in inner):
        return inner
    return None


def _is_plain(value: object) -> bool:
    return not isinstance(value, Mapping | list)


def _field(name: str, value: object) -> str:
    if name.endswith(_INSTANTS) and isinstance(value, int | float) and value >= _EARLIEST:
        return local_time(value)
    return _cell(value)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
