"""
Asynchronous things, seen from a thread.

Nothing here knows what it wraps: the synchronous clients have the methods, signatures and documentation of
the asynchronous ones because they are made from them.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from types import TracebackType
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar, overload

from radical_edge_client.loop_thread import LoopThread

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
_END: Final = object()


class Blocking:
    """Any asynchronous object: the same attributes, but its methods wait and return their results."""

    def __init__(self, loop: LoopThread, target: Any) -> None:
        self._loop = loop
        self._target = target

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
            )
        value = getattr(self._target, name)
        return bound(self._loop, value) if inspect.isroutine(value) else adapted(self._loop, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in dir(self._target) if not name.startswith("_"))})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._target!r}>"


@overload
def blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Any, P], R]: ...
@overload
def blocking(method: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]: ...
def blocking(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make a method of a ``Blocking`` subclass from one of its target's class; types are kept."""

    @functools.wraps(method)
    def call(self: Blocking, *args: object, **kwargs: object) -> Any:
        return self._loop.call(method, self._target, *args, **kwargs)

    return call


def bound(loop: LoopThread, method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the same signature and documentation that runs a bound method in the loop."""

    @functools.wraps(method)
    def call(*args: object, **kwargs: object) -> Any:
        return adapted(loop, loop.call(method, *args, **kwargs))

    with suppress(ValueError, TypeError):  # a built-in without a signature
        call.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]  # inspect reads it
    return call


def adapted(loop: LoopThread, value: Any) -> Any:
    """Return the blocking form of what an asynchronous method returned; plain data comes back as it is."""
    if isinstance(value, AsyncIterator):
        return BlockingIterator(loop, value)
    if isinstance(value, AbstractAsyncContextManager):
        return BlockingContext(loop, value)
    methods = (method for _, method in inspect.getmembers_static(type(value), inspect.isfunction))
    if any(inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method) for method in methods):
        return Blocking(loop, value)
    return value


class BlockingIterator(Iterator[T], Generic[T]):
    """An asynchronous iterator, for ``for``."""

    def __init__(self, loop: LoopThread, source: AsyncIterator[T]) -> None:
        self._loop = loop
        self._source = source

    def __next__(self) -> T:
        item: Any = self._loop.call(_next, self._source)
        if item is _END:
            raise StopIteration
        found: T = item
        return found

    def close(self) -> None:
        """Stop early."""
        if hasattr(self._source, "aclose"):
            self._loop.call(self._source.aclose)


class BlockingContext(AbstractContextManager[Any]):
    """An asynchronous context manager, for ``with``."""

    def __init__(self, loop: LoopThread, manager: AbstractAsyncContextManager[Any]) -> None:
        self._loop = loop
        self._manager = loop.context(manager)

    def __enter__(self) -> Any:
        return adapted(self._loop, self._manager.__enter__())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return self._manager.__exit__(kind, error, trace)


async def _next(source: AsyncIterator[Any]) -> Any:
    return await anext(source, _END)
