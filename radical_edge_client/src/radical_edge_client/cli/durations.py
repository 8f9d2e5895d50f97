"""Durations as people type them."""

from __future__ import annotations

import re
from typing import Final

import click

_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_PARTS: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")


def seconds_of(text: str) -> float:
    """
    Read ``90``, ``90s``, ``15m``, ``1h30m``, ``2d`` or ``HH:MM:SS`` as seconds.

    Raises:
        ValueError: It is none of those.
    """
    text = text.strip().lower()
    if re.fullmatch(r"\d+:\d{2}(:\d{2})?", text):
        hours, minutes, *rest = (int(part) for part in text.split(":"))
        return hours * 3600 + minutes * 60 + sum(rest)
    parts = _PARTS.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        raise ValueError(text)
    if any(unit not in _UNITS and not (unit == "" and len(parts) == 1) for _, unit in parts):
        raise ValueError(text)
    return sum(float(number) * _UNITS.get(unit, 1) for number, unit in parts)


def duration(text: str) -> float:
    """Return an option's value in seconds; the type of such an option."""
    try:
        return seconds_of(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no duration: write it as 90s, 15m, 1h30m, 2d or HH:MM:SS"
        ) from None
