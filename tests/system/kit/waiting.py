"""Waiting for a condition with a deadline: the only pause there is in these tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PAUSE_S = 0.02


def until(
    condition: Callable[[], T | None], within_s: float = 20.0, what: str = "", *, pause_s: float = PAUSE_S
) -> T:
    """
    Return the first result of ``condition`` that counts as true; it is asked again after ``pause_s``.

    Raises:
        AssertionError: There was none within ``within_s``; names ``what`` was waited for.
    """
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what or condition} did not come true within {within_s:g} s")
        time.sleep(pause_s)
    return found


def settled(measure: Callable[[], T], for_s: float = 0.5, within_s: float = 20.0) -> T:
    """Return what ``measure`` says once it has said the same for ``for_s``."""
    last, since = measure(), time.monotonic()

    def calm() -> bool:
        nonlocal last, since
        if (now := measure()) != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since >= for_s

    until(calm, within_s, f"a steady value of {measure}")
    return last
