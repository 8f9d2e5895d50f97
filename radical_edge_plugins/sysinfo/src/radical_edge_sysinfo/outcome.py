"""What a measurement gives: a value, and beside it what could not be had."""

from __future__ import annotations

from typing import Generic, TypeVar

from attrs import frozen

T = TypeVar("T")


class ProbeError(Exception):
    """A measurement gave nothing; the text is one line for the user."""


@frozen
class Outcome(Generic[T]):
    """
    A value with its gaps.

    Args:
        value: What was measured.
        gaps: One line for each part that failed; empty when the value is complete.
    """

    value: T
    gaps: tuple[str, ...] = ()
