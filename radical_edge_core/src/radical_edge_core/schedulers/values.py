"""
Numbers, times and sizes as schedulers print them.

What is not told, or can't be read, is ``None``; what has no limit is ``math.inf``. Nothing here raises: one odd
cell must not cost the table.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

# Numbers of more digits than these are no numbers of anything here, and would not fit a float.
_COUNT = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{1,18})?)(?![0-9])([KMGT]?)")
_SIZE = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{1,18})?)(?![0-9])\s*([KMGTP]?)", re.IGNORECASE)
_CLOCK = re.compile(r"(?:([0-9]{1,9})-)?([0-9]{1,12}(?::[0-9]{1,9})*)(?:\.[0-9]+)?")
_EPOCH = re.compile(r"[0-9]{1,15}")
_ABSENT = frozenset({"", "n/a", "none", "(null)", "unknown", "not_set", "invalid", "partition_limit", "-"})
_ENDLESS = frozenset({"unlimited", "infinite"})
_THOUSANDS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_MIB = {"K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0**2, "P": 1024.0**3}
_BYTE_MIB = 1 / 1024**2


def present(text: str) -> str:
    """Return the text, or an empty one where it is one of the schedulers' words for nothing."""
    text = text.strip()
    return "" if text.lower() in _ABSENT else text


def count(text: object) -> int | None:
    """Read a number of things: ``4``, ``4+`` (at least), ``1-2`` (a range's begin), ``2K``."""
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return int(text)
    match = _COUNT.match(str(text))
    return int(float(match[1]) * _THOUSANDS[match[2]]) if match else None


def limit(text: str) -> int | None:
    """Read a limit on a number of things; none, or one of less than nothing, is no limit."""
    return None if text.strip().lower() in _ENDLESS or text.strip().startswith("-") else count(text)


def size_mib(text: object, default_unit: str = "M") -> int | None:
    """Read an amount of memory in MiB; a number alone has the default unit, ``""`` for bytes."""
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        text = str(text)
    match = _SIZE.match(str(text))
    if match is None:
        return None
    unit = match[2].upper() or default_unit
    return int(float(match[1]) * _MIB.get(unit, _BYTE_MIB))


def seconds(text: str) -> float | None:
    """
    Read a duration as SLURM and PBS write it: ``[days-]hours:minutes:seconds`` and what is left of that.

    Without days two numbers are minutes and seconds; with days one number is hours, two are hours and minutes.

    Source: "--time" of sbatch(1).
    """
    text = text.strip().lower()
    if text in _ENDLESS:
        return math.inf
    if text in _ABSENT or (match := _CLOCK.fullmatch(text)) is None:
        return None
    parts = [int(part) for part in match[2].split(":")]
    if len(parts) > 3:
        return None
    if match[1] is not None:
        hours, minutes, rest = (*parts, 0, 0)[:3]
        return float(int(match[1]) * 86400 + hours * 3600 + minutes * 60 + rest)
    total = 0
    for part in parts:
        total = total * 60 + part
    return float(total)


def minutes(duration_s: float | None) -> int | None:
    """Return a limit in whole minutes, begun ones counted; ``None`` where there is none or it is not told."""
    return None if duration_s is None or math.isinf(duration_s) else math.ceil(duration_s / 60)


def whole(duration_s: float | None) -> int | None:
    """Return a limit in whole seconds; ``None`` where there is none or it is not told."""
    return None if duration_s is None or math.isinf(duration_s) else int(duration_s)


def epoch(text: str) -> int | None:
    """
    Read an instant: seconds since 1970, ISO 8601 or what ctime(3) writes, both in UTC; ``None`` for never.

    SLURM writes 0 for what has not happened.
    """
    text = text.strip()
    if _EPOCH.fullmatch(text):
        return int(text) or None
    for form in ("%Y-%m-%dT%H:%M:%S", "%a %b %d %H:%M:%S %Y", "%b %d %H:%M:%S %Y", "%b %d %H:%M %Y"):
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
    return None


def names(text: str, separator: str = ",") -> tuple[str, ...]:
    """Read a list of names; its empty places are left out."""
    return tuple(name for part in present(text).split(separator) if (name := part.strip()))
