"""Tables that nobody's job name can break."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radical_edge_core.schedulers import OutputUnreadable
from radical_edge_core.schedulers.tables import new_separator, read_blocks, read_pairs, read_table

COLUMNS = ("id", "name", "comment", "user")
plain = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1)


@given(st.lists(st.tuples(plain, st.text(), st.text(), plain)))
def test_rows_survive_whatever_users_write(rows) -> None:
    """Separators of others, line ends, what looks like the next row."""
    separator = new_separator()
    text = "".join(separator.join(row) + "\n" for row in rows)
    assert [tuple(row.values()) for row in read_table(text, COLUMNS, separator)] == rows


def test_a_name_cannot_forge_a_row() -> None:
    """The separator of a call can't be known to who named a job before it."""
    seen, now = new_separator(), new_separator()
    forged = f"x\n99{seen}forged{seen}{seen}root"
    (row,) = read_table(f"1{now}{forged}{now}{now}me\n", COLUMNS, now)
    assert row == {"id": "1", "name": forged, "comment": "", "user": "me"}


def test_warnings_before_rows_are_left_out() -> None:
    """Some sites' wrappers print one."""
    text = "CLUSTER: c\n1|a|b|me\nwarning\n2|c|d|me\n"
    assert [row["id"] for row in read_table(text, COLUMNS, "|")] == ["1", "2"]


@pytest.mark.parametrize("text", ["garbage\n", "1|2|3\n", "1|2|3|4|5\n", "\x00\x01"])
def test_another_number_of_columns_is_unreadable(text: str) -> None:
    """And is never taken for an empty table."""
    with pytest.raises(OutputUnreadable):
        read_table(text, COLUMNS, "|")


@pytest.mark.parametrize("text", ["", "\n", "  \n"])
def test_nothing_is_an_empty_table(text: str) -> None:
    """No jobs."""
    assert read_table(text, COLUMNS, "|") == ()


def test_values_of_pairs_may_hold_blanks() -> None:
    """Up to the next key."""
    pairs = read_pairs(
        "NodeName=c1 OS=Linux 6.1 #1 SMP  State=DOWN AllocTRES= Reason=Not responding [root@1]"
    )
    assert pairs["OS"] == "Linux 6.1 #1 SMP"
    assert pairs["AllocTRES"] == ""
    assert pairs["Reason"] == "Not responding [root@1]"


def test_blocks_join_what_is_continued() -> None:
    """With a tab, as qstat breaks long values."""
    text = "Job Id: 1.s\n    Job_Name = a\n    exec_host = n1/0*4+n\n\t2/0*4\n    empty = \n\nJob Id: 2.s\n    x = y\n"
    assert read_blocks(text) == (
        ("Job Id: 1.s", {"Job_Name": "a", "exec_host": "n1/0*4+n2/0*4", "empty": ""}),
        ("Job Id: 2.s", {"x": "y"}),
    )


@given(st.text())
def test_no_text_raises(text: str) -> None:
    """But for what is no table, which is told."""
    read_pairs(text)
    read_blocks(text)
