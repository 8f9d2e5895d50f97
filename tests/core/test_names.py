"""Which names an edge may have."""

from __future__ import annotations

import pytest

from radical_edge_core.errors import InvalidRequest
from radical_edge_core.names import RESERVED, check_edge_name


@pytest.mark.parametrize(
    "name", ["a", "A", "0", "hpc1", "my.edge_1-x", "x" * 63, "a--b", "a..b", "1.", "bridges", "Bridge"]
)
def test_a_good_name_is_returned(name: str) -> None:
    """Letters, digits, dots, underscores and dashes, from a letter or digit on."""
    assert check_edge_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "-a", "_a", ".a", "a b", "a/b", "a%2e", "ä", "x" * 64, "a\n", "a\0", "٣", "a:b", "a@b"],
)
def test_a_bad_name_is_refused_with_the_rule(name: str) -> None:
    """What could not stand in an address is refused."""
    with pytest.raises(InvalidRequest, match="1 to 63 letters"):
        check_edge_name(name)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_the_bridges_own_words_are_reserved(name: str) -> None:
    """No edge stands in the way of the bridge's routes."""
    with pytest.raises(InvalidRequest):
        check_edge_name(name)


def test_the_contracts_reserved_names_are_all_there() -> None:
    """The names that the API contract lists can't be taken."""
    assert {
        "bridge", "edge", "edges", "events", "auth", "ui", "assets", "plugins", "plugin-page", "docs",
        "openapi.json", "register", "healthz", "readyz", "metrics", "tokens", "audit", "mcp",
    } <= RESERVED  # fmt: skip


def test_a_long_name_is_not_repeated_whole() -> None:
    """An error stays readable, whatever was sent."""
    with pytest.raises(InvalidRequest) as error:
        check_edge_name("x" * 10_000)
    assert len(error.value.detail) < 300
