"""How long to wait before the next attempt; pure arithmetic, the caller sleeps."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime


def jittered(first_s: float = 0.2, factor: float = 2.0, longest_s: float = 15.0) -> Iterator[float]:
    """
    Yield pauses in seconds, for ever: each random between half and all of a step that grows up to
    ``longest_s``.

    The random half keeps clients that lost the same bridge from returning in step.
    """
    step = first_s
    while True:
        yield step * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, keeps no secret
        step = min(step * factor, longest_s)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """
    Return the seconds that a ``Retry-After`` header asks for, ``None`` where there is none that can be read.

    Of the header's two forms a date is measured against the answer's own ``Date``, not against our clock.
    """
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(
            0.0,
            (parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))).total_seconds(),
        )
    except (TypeError, ValueError):
        return None
