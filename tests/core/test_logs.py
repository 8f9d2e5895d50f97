"""Logging as the scripts set it up."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from radical_edge_core.logs import LEVELS, JsonLines, configure


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """The process's own logging is as it was."""
    root = logging.getLogger()
    names = ("asyncio", "hypercorn.error", "aiohttp.client")
    before = root.handlers[:], root.level, [logging.getLogger(name).level for name in names]
    yield
    root.handlers[:], level, levels = before
    root.setLevel(level)
    for name, was in zip(names, levels, strict=True):
        logging.getLogger(name).setLevel(was)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_an_object() -> None:
    """Where nobody looks on, a line is JSON with time, level, logger, message, and what was given beside it."""
    stream = io.StringIO()
    configure("INFO", stream)
    logging.getLogger("some.where").info("edge %s: %s", "one", "two\nlines", extra={"edge": "one", "n": 3})
    (line,) = lines(stream)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO", "logger": "some.where", "message": "edge one: two\nlines", "edge": "one", "n": 3,
    }  # fmt: skip


def test_an_exception_is_part_of_its_line() -> None:
    """A traceback does not break the rule of one line each."""
    stream = io.StringIO()
    configure("INFO", stream)
    try:
        raise KeyError("x")
    except KeyError:
        logging.getLogger("x").exception("failed")
    (line,) = lines(stream)
    assert "KeyError" in line["exception"]


def test_what_has_no_json_form_is_text() -> None:
    """Any object may be given beside a message."""
    record = logging.makeLogRecord({"msg": "x", "thing": {1}, "name": "n", "levelname": "INFO"})
    assert json.loads(JsonLines().format(record))["thing"] == "{1}"


def test_a_terminal_gets_text() -> None:
    """Where somebody looks on, a line is short and plain."""
    stream = Terminal()
    configure("INFO", stream)
    logging.getLogger("x").warning("look %s", "out")
    assert stream.getvalue().rstrip().endswith("WARNING look out")
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize("level", LEVELS)
def test_the_level_holds_back_what_is_below(level: str) -> None:
    """Each level writes itself and what is above."""
    stream = io.StringIO()
    configure(level, stream)
    for name in LEVELS:
        logging.getLogger("x").log(logging.getLevelName(name), name)
    assert [line["message"] for line in lines(stream)] == list(LEVELS[LEVELS.index(level) :])


def test_libraries_talk_from_warnings_on() -> None:
    """The libraries' own chatter is left out, also in DEBUG."""
    stream = io.StringIO()
    configure("DEBUG", stream)
    logging.getLogger("asyncio").info("using a selector")
    logging.getLogger("hypercorn.error").warning("careful")
    assert [line["message"] for line in lines(stream)] == ["careful"]


def test_configuring_twice_writes_once() -> None:
    """Another call replaces the first."""
    stream = io.StringIO()
    configure("INFO", io.StringIO())
    configure("INFO", stream)
    logging.getLogger("x").info("once")
    assert len(lines(stream)) == 1
