"""
What the vendors' tools print for a number.

Every one of them has words for "there is none" (``N/A``, ``[Not Supported]``, ``ERR!``, nothing at all),
and some put the unit behind the number.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping

from radical_edge_sysinfo.outcome import ProbeError

_NUMBER = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*([A-Za-z%]*)")
_MIB = {
    "": 1.0,
    "B": 1 / 1024**2,
    "KB": 1 / 1024,
    "KIB": 1 / 1024,
    "MB": 1.0,
    "MIB": 1.0,
    "GB": 1024.0,
    "GIB": 1024.0,
}
_ABSENT = frozenset({"", "n/a", "none", "unknown", "not supported", "unknown error", "err!"})


def text(value: object) -> str:
    """Return a word for showing; what stands for nothing is the empty string."""
    found = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return "" if found.strip("[]").lower() in _ABSENT else found


def percent(value: object) -> float | None:
    """Return a percentage between 0 and 100."""
    found = _split(value)
    return None if found is None or not 0 <= found[0] <= 100 else round(found[0], 1)


def mib(value: object) -> int | None:
    """Return mebibytes; a bare number is one already, and the tools' "MB" are 1024 x 1024 bytes too."""
    found = _split(value)
    if found is None or found[0] < 0 or (scale := _MIB.get(found[1].upper())) is None:
        return None
    return round(found[0] * scale)


def mib_of_bytes(value: object) -> int | None:
    """Return mebibytes of a number of bytes."""
    found = _split(value)
    return None if found is None or found[0] < 0 else round(found[0] / 1024**2)


def free(total: int | None, used: int | None) -> int | None:
    """Return what is left, where both are known."""
    return None if total is None or used is None else max(0, total - used)


def json_in(program: str, printed: str) -> object:
    """
    Return the JSON document in a program's output, which may have warnings before it.

    Raises:
        ProbeError: There is none.
    """
    decoder = json.JSONDecoder()
    for match in re.finditer(r"^[ \t]*[\[{]", printed, re.MULTILINE):
        try:
            return decoder.raw_decode(printed, match.end() - 1)[0]
        except (ValueError, RecursionError):
            continue
    raise ProbeError(f"{program} printed no JSON: {excerpt(printed)}")


def csv_rows(program: str, printed: str) -> list[list[str]]:
    """
    Return the rows of a program's output in CSV, without empty ones.

    Raises:
        ProbeError: It is no CSV.
    """
    try:
        return [
            [cell.strip() for cell in row]
            for row in csv.reader(printed.splitlines(), skipinitialspace=True)
            if row
        ]
    except csv.Error as exc:
        raise ProbeError(f"{program} printed no table of GPUs ({exc}): {excerpt(printed)}") from None


def excerpt(printed: str) -> str:
    """Return the beginning of what a program printed, on one line."""
    return " ".join(printed.split())[:80] or "nothing"


def _split(value: object) -> tuple[float, str] | None:
    if isinstance(value, Mapping):  # amd-smi: {"value": 65520, "unit": "MB"}
        number = _split(value.get("value"))
        return None if number is None else (number[0], str(value.get("unit") or ""))
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return (float(value), "") if math.isfinite(value) else None
    match = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
    return (float(match[1]), match[2]) if match else None
