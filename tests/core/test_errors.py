"""The tree of errors: out as a problem document, and back as the same class."""

from __future__ import annotations

import json
from typing import Any

import pytest

from radical_edge_core import errors
from radical_edge_core.errors import (
    BY_CODE,
    Conflict,
    EdgeAway,
    EdgeError,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    PluginFailure,
    from_problem,
)

OWN = sorted(code for code, cls in BY_CODE.items() if cls.__module__ == errors.__name__)


@pytest.mark.parametrize("code", OWN)
def test_every_error_survives_the_wire(code: str) -> None:
    """A client raises the class that the server raised, with its data."""
    error = BY_CODE[code]("what happened", edge="here", n=3)
    document = json.loads(json.dumps(error.problem()))
    again = from_problem(document, error.status_code)
    assert type(again) is type(error)
    assert (again.detail, again.status_code, again.transient) == (
        "what happened",
        error.status_code,
        error.transient,
    )
    assert (again.data["edge"], again.data["n"]) == ("here", 3)


@pytest.mark.parametrize("code", OWN)
def test_a_problem_document_has_the_fields_of_the_contract(code: str) -> None:
    """Each document has error, status_code, code, detail and transient, whatever data is beside them."""
    cls = BY_CODE[code]
    document = cls("text", error=False, status_code=1, detail="other").problem()
    assert document["error"] is True
    assert document["status_code"] == cls.status_code
    assert (document["code"], document["detail"]) == (code, "text")
    assert isinstance(document["transient"], bool)


def test_codes_are_unique() -> None:
    """A code names one class."""
    classes: list[type[EdgeError]] = [EdgeError]
    for cls in classes:
        classes += cls.__subclasses__()
    own = [cls.code for cls in classes if cls.__module__ == errors.__name__]
    assert len(own) == len(set(own))


def test_the_text_begins_with_the_status() -> None:
    """What a caller prints tells the status first."""
    assert str(NotFound("no such thing")) == "HTTP 404: no such thing"


@pytest.mark.parametrize(
    ("document", "status", "cls"),
    [
        ({"code": "edge_away"}, 503, EdgeAway),
        ({"code": "unheard of"}, 404, NotFound),
        ({}, 409, Conflict),
        (None, 500, PluginFailure),
        ("<html>", 404, NotFound),
        ([], 599, EdgeError),
        ({"code": ["list"]}, 404, NotFound),
        ({"code": "outcome_unknown"}, 409, OutcomeUnknown),
    ],
)
def test_any_answer_becomes_an_error(document: Any, status: int, cls: type[EdgeError]) -> None:
    """The code decides, else the status; what is no problem document is an error all the same."""
    error = from_problem(document, status)
    assert type(error) is cls
    assert error.status_code == status
    assert error.detail


def test_the_status_that_came_wins() -> None:
    """A document can't claim another status than it travelled under."""
    assert from_problem({"code": "not_found", "status_code": 200}, 502).status_code == 502


@pytest.mark.parametrize("problems", [[], [{"path": "$.a", "message": "expected int"}], "text", None, 5])
def test_problems_of_a_request_come_back(problems: Any) -> None:
    """What is wrong with each field is kept; whatever stands in its place is survived."""
    error = from_problem({"code": "invalid", "detail": "x", "problems": problems}, 422)
    assert isinstance(error, InvalidRequest)
    assert all(set(problem) == {"path", "message"} for problem in error.problems)


def test_an_invalid_request_always_has_problems() -> None:
    """Its text is made of its problems, or its problems of its text."""
    assert InvalidRequest("bad").problems == [{"path": "$", "message": "bad"}]
    made = InvalidRequest(problems=[{"path": "$.a", "message": "x"}, {"path": "$.b", "message": "y"}])
    assert made.detail == "$.a: x; $.b: y"
