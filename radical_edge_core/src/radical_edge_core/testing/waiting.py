"""Waiting for a condition, with a deadline, instead of sleeping for long enough."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")
_PAUSE_S = 0.005


@overload
async def wait_until(condition: Callable[[], Awaitable[T]], deadline_s: float = 10.0) -> T: ...


@overload
async def wait_until(condition: Callable[[], T], deadline_s: float = 10.0) -> T: ...


async def wait_until(condition: Callable[[], Any], deadline_s: float = 10.0) -> Any:
    """
    Ask ``condition`` again and again until what it returns (or resolves to) is true, and return that.

    Raises:
        AssertionError: It was not true within ``deadline_s``; the text has what it returned last.
    """
    found: Any = None
    try:
        async with asyncio.timeout(deadline_s):
            while True:
                asked = condition()
                found = await asked if inspect.isawaitable(asked) else asked
                if found:
                    return found
                await asyncio.sleep(_PAUSE_S)
    except TimeoutError:
        raise AssertionError(f"not within {deadline_s:g} s; last was {found!r}") from None
