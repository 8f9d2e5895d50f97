"""What commands share: their options, and how they get a client."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from radical_edge_client.bridge import AsyncBridgeClient

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
# Somebody is waiting in front of the screen: a bridge that is not there is told soon.
PATIENCE_S: Final = 3.0
SESSION: Final = "cli"

as_json = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
edge_option = click.option("--edge", metavar="EDGE", help="The edge; not needed where only one is connected.")


def bridge_options(command: F) -> F:
    """Give a command its own ``--url`` and ``--cert``; they count before those of the program."""

    def keep(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
        if value is not None and param.name:
            ctx.obj = {**(ctx.obj or {}), param.name: value}

    for name, metavar in (("cert", "FILE"), ("url", "URL")):
        command = click.option(f"--{name}", metavar=metavar, expose_value=False, callback=keep, hidden=True)(
            command
        )
    return command


def with_bridge(main: Callable[[AsyncBridgeClient], Awaitable[T]]) -> T:
    """Run a coroutine function with a client of the bridge that the options and the environment name."""
    from radical_edge_client.bridge import AsyncBridgeClient  # noqa: PLC0415  # slow to import

    given = click.get_current_context().obj or {}

    async def run() -> T:
        async with AsyncBridgeClient(given.get("url"), given.get("cert"), patience_s=PATIENCE_S) as bridge:
            return await main(bridge)

    return interruptible(run)


def interruptible(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """
    Run a coroutine function in a loop of its own; Ctrl-C cancels it, and is raised when it has cleaned up.

    The loop itself takes the signal: a handler that runs in between any two instructions, as ``asyncio.run`` has it,
    can find a task in the middle of a step. Until it does, the signal waits: it would leave half a loop behind, or a
    coroutine that nobody awaits.
    """

    async def run() -> T:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return await main()

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
