"""Stream ids ascend, begin again when they run out, and tell the ended from the never opened."""

from __future__ import annotations

import pytest

from radical_edge_core.link.ids import Ids

TOP = 2**32 - 1


def test_ids_ascend_by_one() -> None:
    """Each side can say which ids were opened without keeping any but the last."""
    ids = Ids()
    assert [ids.mint(()) for _ in range(3)] == [1, 2, 3]
    assert [ids.was_opened(one) for one in (0, 1, 3, 4, TOP)] == [False, True, True, False, False]


def test_ids_begin_again_past_those_alive() -> None:
    """After the last id of 32 bits comes the first one that no stream has."""
    ids = Ids()
    ids.last = TOP - 1
    assert [ids.mint({1, 2}), ids.mint({1, 2, TOP}), ids.mint({1, 2})] == [TOP, 3, 4]
    assert ids.was_opened(TOP)
    assert ids.was_opened(2)
    assert not ids.was_opened(5)
    assert not ids.was_opened(0)


def test_the_answering_side_follows_the_turn() -> None:
    """It accepts what comes after the last id, also across the end of the range, and nothing else."""
    ids = Ids()
    ids.last = TOP - 1
    assert ids.accept(TOP)
    assert ids.accept(3)
    assert not ids.accept(3)
    assert not ids.accept(0)
    assert not ids.accept(TOP)
    assert ids.was_opened(TOP)
    assert not ids.was_opened(4)


@pytest.mark.parametrize("stream", [0, 2**31, 2**31 + 5, TOP])
def test_no_id_is_skipped_by_half_the_range(stream: int) -> None:
    """So a first id far away is no id, and does not count as opened afterwards."""
    ids = Ids()
    assert not ids.accept(stream)
    assert not ids.was_opened(stream)
    assert ids.last == 0
