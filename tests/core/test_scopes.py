"""What scopes allow, and which of them a narrower credential may have."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radical_edge_core.caller import Caller
from radical_edge_core.errors import InvalidRequest
from radical_edge_core.scopes import (
    EVERYTHING,
    VERBS,
    Scope,
    allows,
    not_covered,
    parse_scope,
    reaches,
    touches,
)

globs = st.text("ab*?", min_size=1, max_size=5)
names = st.text("ab", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("read:*/queues", Scope("read", "*", "queues")),
        ("write:hpc-*", Scope("write", "hpc-*", "*")),
        ("admin:bridge", Scope("admin", "bridge", "*")),
        ("function:a/b?", Scope("function", "a", "b?")),
        ("read:*", Scope("read", "*", "*")),
    ],
)
def test_a_scope_is_read(text: str, scope: Scope) -> None:
    """A scope is a verb, an edge and a plugin; without a plugin it names all of them."""
    assert parse_scope(text) == scope


@pytest.mark.parametrize(
    "text",
    [
        "", "read", "read:", ":x", "own:x", "READ:x", "read:a/b/c", "read:a b", "read:a/[b]", "read:ä", " read:x",
        "read:a\n", "read:" + "x" * 129, "read:/b", "read *:x",
    ],
)  # fmt: skip
def test_what_is_no_scope_is_refused(text: str) -> None:
    """A text that is no scope is refused with the form it should have."""
    with pytest.raises(InvalidRequest, match="scope"):
        parse_scope(text)


@pytest.mark.parametrize(
    ("scope", "verb", "edge", "plugin", "allowed"),
    [
        ("read:a/p", "read", "a", "p", True),
        ("read:a/p", "read", "a", "q", False),
        ("read:a/p", "read", "b", "p", False),
        ("read:a/p", "write", "a", "p", False),
        ("write:a/p", "read", "a", "p", True),
        ("write:a/p", "function", "a", "p", False),
        ("function:a/p", "write", "a", "p", False),
        ("function:a/p", "read", "a", "p", False),
        ("admin:a", "read", "a", "p", False),
        ("admin:a", "write", "a", "p", False),
        ("admin:*", "admin", "bridge", "*", True),
        ("read:hpc-*", "read", "hpc-1", "anything", True),
        ("read:hpc-*", "read", "HPC-1", "anything", False),
        ("read:a?", "read", "a", "p", False),
        ("read:a?", "read", "ab", "p", True),
    ],
)
def test_a_verb_allows_what_it_says(scope: str, verb: str, edge: str, plugin: str, allowed: bool) -> None:
    """Write includes read on the same target; nothing else includes anything."""
    assert allows((scope,), verb, edge, plugin) is allowed


def test_everything_allows_everything() -> None:
    """The admin's scopes allow every verb everywhere."""
    assert all(allows(EVERYTHING, verb, "any", "any") for verb in VERBS)


def test_no_scope_allows_nothing() -> None:
    """A caller without scopes may do nothing at all."""
    caller = Caller(subject="me", scopes=())
    assert not any(caller.may(verb, "a", "p") for verb in VERBS)
    assert not reaches((), "a", "p")
    assert not touches((), "a")


def test_reaching_a_plugin_is_any_verb_on_it() -> None:
    """A call is let through to an edge where some verb could allow it."""
    assert reaches(("function:a/p",), "a", "p")
    assert not reaches(("function:a/p",), "a", "q")
    assert touches(("function:a/p",), "a")


@pytest.mark.parametrize(
    ("wanted", "held"),
    [
        ("read:a/p", "read:a"),
        ("read:a", "write:*"),
        ("write:hpc-1", "write:hpc-*"),
        ("write:hpc-*", "write:hpc-*"),
        ("write:hpc-?", "write:hpc-*"),
        ("read:*/q", "read:*"),
        ("read:a*b", "read:a*"),
    ],
)
def test_a_narrower_scope_is_covered(wanted: str, held: str) -> None:
    """Whoever holds the wider scope may give the narrower one."""
    assert not_covered([wanted], [held]) == []


@pytest.mark.parametrize(
    ("wanted", "held"),
    [
        ("read:a", "read:a/p"),
        ("write:a", "read:*"),
        ("admin:a", "write:*"),
        ("function:a/p", "write:*"),
        ("write:hpc-*", "write:hpc-1"),
        ("write:hpc-*", "write:hpc-?"),
        ("write:*", "write:?"),
        ("write:h*c", "write:h?c"),
        ("write:a/*", "write:a/?"),
        ("write:**", "write:??"),
    ],
)
def test_a_wider_scope_is_not_covered(wanted: str, held: str) -> None:
    """Nobody may give more than they hold, in whatever glob it is dressed."""
    assert not_covered([wanted], [held]) == [wanted]


@given(globs, globs, names)
def test_what_is_covered_matches_no_more(held: str, wanted: str, name: str) -> None:
    """A covered scope never allows what its holder was not allowed."""
    if not not_covered([f"read:{wanted}"], [f"read:{held}"]):
        assert not fnmatchcase(name, wanted) or fnmatchcase(name, held)
