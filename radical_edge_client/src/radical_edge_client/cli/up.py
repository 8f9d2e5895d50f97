"""
``radical-edge up``: a bridge and one edge on this machine, as children of this process.

Both are the programs that every deployment runs. They are ended by the first Ctrl-C or SIGTERM, the edge
before the bridge, and killed by the second.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import frozen

from radical_edge_client.cli.children import Changes, Child

if TYPE_CHECKING:
    from collections.abc import Mapping

BRIDGE_READY_S: Final = 30.0
# Longer than the edge gives its plugins to start.
EDGE_READY_S: Final = 150.0
# Together below 5 s: what is drained, and what is killed after that.
EDGE_STOP_S: Final = 3.2
BRIDGE_STOP_S: Final = 1.5
LOOK_S: Final = 0.05


@frozen(kw_only=True)
class Plan:
    """What is to be started."""

    host: str
    port: int
    name: str
    plugins: str | None
    cert: str | None
    key: str | None
    cancel_jobs: bool
    home: Path

    def bridge(self) -> list[str]:
        """Return the bridge's arguments."""
        tls = ["--cert", self.cert, "--key", self.key] if self.cert and self.key else []
        return ["--host", self.host, "--port", str(self.port), "--drain-s", "1", *tls]

    def edge(self, url: str) -> list[str]:
        """Return the edge's arguments."""
        return [
            *("--name", self.name, "--url", url, "--drain-s", "2"),
            *(["--plugins", self.plugins] if self.plugins else []),
            *(["--cert", self.cert] if self.cert else []),
            *(["--cancel-jobs"] if self.cancel_jobs else []),
        ]


@click.command("up")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where the bridge listens; elsewhere needs TLS."
)
@click.option("--name", default="local", show_default=True, help="The edge's name.")
@click.option("--plugins", metavar="NAME,…", help="The edge's plugins; by default all that are installed.")
@click.option("--cert", metavar="FILE", envvar="RADICAL_BRIDGE_CERT", help="The bridge's certificate, PEM.")
@click.option("--key", metavar="FILE", envvar="RADICAL_BRIDGE_KEY", help="Its key, PEM.")
@click.option(
    "--cancel-jobs", is_flag=True, help="End local jobs at the end, instead of leaving them running."
)
def command(**options: Any) -> int:
    """
    Start a bridge and one edge on this machine.

    Prints the bridge's address and a sign-in link when both are ready. Ctrl-C ends both; local jobs go on,
    are named in the last lines, and are attached again at the next start.
    """
    from radical_edge_core.state import home_folder  # noqa: PLC0415  # --help needs none of it

    if bool(options["cert"]) != bool(options["key"]):
        raise click.UsageError("TLS needs both --cert and --key: radical-edge certs makes them")
    plan = Plan(**options, home=home_folder(os.environ))
    _check_port(plan.host, plan.port)
    return asyncio.run(_run(plan))


async def _run(plan: Plan) -> int:
    """Start, wait for the end, end the children in order; returns the exit code."""
    loop = asyncio.get_running_loop()
    stopping, hurry = asyncio.Event(), asyncio.Event()

    def stop() -> None:
        (hurry if stopping.is_set() else stopping).set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    children: list[Child] = []
    main = loop.create_task(_serve(plan, children))
    asked = loop.create_task(stopping.wait())
    try:
        await asyncio.wait([main, asked], return_when=asyncio.FIRST_COMPLETED)
        return await main if main.done() else 0
    finally:
        main.cancel()
        asked.cancel()
        await asyncio.gather(main, asked, return_exceptions=True)
        await _end(children, hurry)


async def _serve(plan: Plan, children: list[Child]) -> int:
    """Start the bridge, then the edge, and tell; returns when the bridge has ended."""
    changes = Changes()
    environ = {"RADICAL_LOG_LVL": "WARNING", **os.environ, "RADICAL_EDGE_HOME": str(plan.home)}
    before = _url_file(plan.home)
    bridge = Child("radical-edge-bridge", plan.bridge(), environ)
    children.append(bridge)
    url = await _unless_ended(changes, bridge, _bridge_ready(plan, before), BRIDGE_READY_S)
    edge = Child("radical-edge-service", plan.edge(url), environ)
    children.append(edge)
    token = (plan.home / "bridge" / "admin.token").read_text(encoding="utf-8").strip()
    plugins = await _unless_ended(changes, edge, _edge_ready(plan, url, token), EDGE_READY_S)
    for name, told in sorted(plugins.items()):
        if told["status"] in {"failed", "unavailable"}:
            click.echo(f"radical-edge: plugin {name} {told['status']}: {told.get('reason')}", err=True)
    click.echo(f"bridge: {url}")
    click.echo(f"sign in: {url}/#token={token}")
    if await changes.ended(bridge, edge) is edge:
        click.echo(
            f"radical-edge: edge {plan.name} has ended ({edge.exit_code}); the bridge goes on", err=True
        )
        await changes.ended(bridge)
    click.echo(f"radical-edge: the bridge has ended ({bridge.exit_code})", err=True)
    return 0 if bridge.exit_code == 0 else 1


async def _unless_ended(changes: Changes, child: Child, ready: Any, seconds: float) -> Any:
    """Return what ``ready`` returns; raises where the child ends before that, or the time is over."""
    loop = asyncio.get_running_loop()
    waiting, ended = loop.create_task(ready), loop.create_task(changes.ended(child))
    try:
        await asyncio.wait([waiting, ended], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        if ended.done():
            raise click.ClickException(f"{child.program} ended with {child.exit_code}; it has said why")
        raise click.ClickException(f"{child.program} was not ready within {seconds:g} s")
    finally:
        waiting.cancel()
        ended.cancel()
        await asyncio.gather(waiting, ended, return_exceptions=True)


async def _bridge_ready(plan: Plan, before: tuple[int, int] | None) -> str:
    """Return the bridge's address, once it has written it and answers there."""
    from radical_edge_core.errors import EdgeError  # noqa: PLC0415

    while _url_file(plan.home) == before:  # noqa: ASYNC110  # another process writes it
        await asyncio.sleep(LOOK_S)
    url = (plan.home / "bridge" / "bridge.url").read_text(encoding="utf-8").strip()
    async with _client(plan, url, "") as bridge:
        while True:
            try:
                await bridge.transport.request("GET", "/readyz", deadline_s=2)
            except EdgeError:
                await asyncio.sleep(LOOK_S)
            else:
                return url


async def _edge_ready(plan: Plan, url: str, token: str) -> Mapping[str, Any]:
    """Return what the edge's plugins announce, once none of them is starting any more."""
    found: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()

    def look(edges: Mapping[str, Any]) -> None:
        plugins = edges.get(plan.name, {}).get("plugins")
        settled = plugins is not None and all(told["status"] != "starting" for told in plugins.values())
        if settled and not found.done():
            found.set_result(plugins)

    async with _client(plan, url, token) as bridge:
        bridge.register_topology_callback(look)
        return await found


def _client(plan: Plan, url: str, token: str) -> Any:
    from radical_edge_client.bridge import AsyncBridgeClient  # noqa: PLC0415  # slow to import

    return AsyncBridgeClient(url, plan.cert, token=token or None, patience_s=0)


async def _end(children: list[Child], hurry: asyncio.Event) -> None:
    """End the children, the last started first; the second signal kills what is left."""
    changes = Changes()
    for child, seconds in zip(
        reversed(children), (EDGE_STOP_S, BRIDGE_STOP_S)[-len(children) :], strict=False
    ):
        child.terminate()
        hurried = asyncio.ensure_future(hurry.wait())
        ended = asyncio.ensure_future(changes.ended(child))
        await asyncio.wait([hurried, ended], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        ended.cancel()
        await asyncio.gather(hurried, ended, return_exceptions=True)
        child.kill()


def _url_file(home: Path) -> tuple[int, int] | None:
    """Return what changes when a bridge writes its address."""
    try:
        found = (home / "bridge" / "bridge.url").stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def _check_port(host: str, port: int) -> None:
    """Raise where the port is taken: said before anything is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise click.ClickException(
                f"can't listen on {host} port {port} ({error.strerror}): if a bridge runs there already, use it"
                " (radical-edge edges); else choose another port with --port"
            ) from error
