"""
Tables and blocks that programs print, read so that nobody's job name can break them.

Names and comments of jobs are their users' and hold whatever these like: separators, line ends, what looks like
the next line. So a table has a separator that is made for each call and can't be guessed, and only its first and
last columns, which the scheduler fills itself, may meet a line's end.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence

from radical_edge_core.schedulers.errors import OutputUnreadable, tail

_KEY = re.compile(r"(?:^|(?<=\s))([A-Za-z][A-Za-z0-9_/:.]*)=")


def new_separator() -> str:
    """Return a separator that no text holds unless it was printed for this call."""
    return f"<{secrets.token_hex(6)}>"


def read_table(text: str, columns: Sequence[str], separator: str) -> tuple[dict[str, str], ...]:
    """
    Read a table without a head.

    Args:
        text: What was printed: one row a line, but for the line ends in the inner columns.
        columns: Their names; the first and the last must be free of line ends.
        separator: Between the columns.

    Returns:
        A mapping from column to cell for each row.

    Raises:
        OutputUnreadable: The number of columns is another.
    """
    if not text.strip():
        return ()
    cells = text.strip("\n").split(separator)
    inner = len(columns) - 1
    if len(cells) == 1 or (len(cells) - 1) % inner:
        raise OutputUnreadable(
            f"a table of {len(columns)} columns was asked for, and another came", stdout=tail(text)
        )
    rows = []
    first = cells[0].rpartition("\n")[2]  # a warning may have been printed before
    for begin in range(1, len(cells), inner):
        *middle, border = cells[begin : begin + inner]
        last, _, following = border.partition("\n")
        rows.append(dict(zip(columns, (first, *middle, last), strict=True)))
        first = following.rpartition("\n")[2]
    return tuple(rows)


def read_pairs(line: str) -> Mapping[str, str]:
    """
    Read a line of ``Key=value`` pairs whose values may hold blanks, as ``scontrol -o`` prints it.

    What looks like a key inside a value is taken for one; of two with the same name the first counts.
    """
    found: dict[str, str] = {}
    matches = list(_KEY.finditer(line))
    for match, following in zip(matches, (*matches[1:], None), strict=False):
        end = following.start() if following is not None else len(line)
        found.setdefault(match[1], line[match.end() : end].strip())
    return found


def read_blocks(text: str, separator: str = " = ") -> tuple[tuple[str, dict[str, str]], ...]:
    """
    Read blocks of a name and indented ``key = value`` lines, as PBS prints them.

    A line that begins with a tab continues the one before.
    """
    blocks: list[tuple[str, dict[str, str]]] = []
    key = ""
    for line in text.split("\n"):
        if not line.strip():
            continue
        if not line[0].isspace():
            blocks.append((line.strip(), {}))
            key = ""
        elif blocks:
            name, sign, value = line.strip().partition(separator)
            if line.startswith("\t") and key:
                blocks[-1][1][key] += line.strip()
            elif sign or line.rstrip().endswith(separator.rstrip()):
                key = name.removesuffix(separator.rstrip()).strip()
                blocks[-1][1][key] = value.strip()
    return tuple(blocks)
