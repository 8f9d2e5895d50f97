"""A process edge: runtime and link together, from start to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from radical_edge_core.config import ConfigError, read_table
from radical_edge_core.edge.config import EdgeConfig
from radical_edge_core.edge.identity import this_host
from radical_edge_core.edge.link_client import Address, Exit, LinkClient
from radical_edge_core.edge.runtime import EdgeRuntime, EdgeSetup
from radical_edge_core.link.errors import LinkError
from radical_edge_core.link.notes import Shutdown, decode_note
from radical_edge_core.plugin.loader import Wanted
from radical_edge_core.plugin.report import PluginReport
from radical_edge_core.process import raise_descriptor_limit, stop_on_signals
from radical_edge_core.state import BRIDGE_CERT, BRIDGE_URL, CREDENTIAL, JOIN_TOKEN, read_secret
from radical_edge_core.wire.patience import Patience

log = logging.getLogger(__name__)
STRICT_FAILURE = 1


async def serve(config: EdgeConfig, home: Path, folder: Path, file: Path) -> int:
    """
    Run one edge until it is told to stop, and return the process's exit code.

    Args:
        config: Its settings.
        home: The state folder of this machine, where a bridge on it keeps its URL and join token.
        folder: This edge's own part of it.
        file: The configuration file, for the plugins' tables.
    """
    raise_descriptor_limit()
    stopping = asyncio.Event()
    runtime, link = build(config, home, folder, file, stopping)
    stop_on_signals(stopping)
    reports = runtime.load()
    if config.strict_plugins and (broken := _broken(reports)):
        log.error("not starting (--strict-plugins): %s", "; ".join(broken))
        return STRICT_FAILURE
    return await run(config, runtime, link, stopping)


def build(
    config: EdgeConfig,
    home: Path,
    folder: Path,
    file: Path,
    stopping: asyncio.Event,
    *,
    patience: Patience | None = None,
) -> tuple[EdgeRuntime, LinkClient]:
    """
    Put an edge together; its plugins are not loaded yet.

    Args:
        config: As for ``serve``, and so are the next three.
        home: The state folder of this machine.
        folder: This edge's own part of it.
        file: The configuration file.
        stopping: Set where the bridge asks the edge to end.
        patience: How long the bridge is waited for.

    Raises:
        ConfigError: No bridge is named, or something of the configuration can't be used.
    """
    url = config.url or read_secret(home / "bridge" / BRIDGE_URL)
    if url is None:
        raise ConfigError("no bridge is known: give its address by --url or RADICAL_BRIDGE_URL")
    # A bridge of this state folder has left its certificate beside its address.
    left = home / "bridge" / BRIDGE_CERT
    cert = left if config.cert is None and config.url is None and left.exists() else config.cert
    runtime = EdgeRuntime(_setup(config, folder, file))

    def take(payload: bytes) -> None:
        try:
            note = decode_note(payload)
        except LinkError as exc:
            log.warning("the bridge sent a note that can't be read: %s", exc)
            return
        if isinstance(note, Shutdown):
            log.info("the bridge asks this edge to end: %s", note.reason)
            stopping.set()
        else:
            runtime.take(note)

    link = LinkClient(
        config.name,
        Address(
            url=url,
            cert=cert,
            credential=folder / CREDENTIAL,
            join_token=lambda: _join_token(config, home),
        ),
        runtime.setup.identity,
        window=config.window_kib * 1024,
        begin=runtime.prepare,
        up=runtime.connected,
        down=runtime.disconnected,
        note=take,
        takeover=config.takeover,
        patience=patience,
    )
    return runtime, link


async def run(config: EdgeConfig, runtime: EdgeRuntime, link: LinkClient, stopping: asyncio.Event) -> int:
    """Run an edge whose plugins are loaded, until it ends or ``stopping`` is set; returns the exit code."""
    loop = asyncio.get_running_loop()
    await runtime.open()
    linked = loop.create_task(link.run())
    asked = loop.create_task(stopping.wait())
    # Plugins start once the edge has registered, or at once where the bridge is away: jobs are to be looked after.
    started = loop.create_task(_start_plugins(config, runtime, link))
    watched: set[asyncio.Task[Any]] = {linked, asked, started}
    code: int = Exit.STOPPED
    try:
        while watched & {linked, asked}:
            done, watched = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            if started in done and (broken := started.result()):
                log.error("stopping (--strict-plugins): %s", "; ".join(broken))
                code = STRICT_FAILURE
                break
            if linked in done:
                code = linked.result()
                break
            if asked in done:
                break
    finally:
        started.cancel()
        asked.cancel()
        await link.leave(0 if linked.done() else config.drain_s)
        linked.cancel()
        await asyncio.gather(linked, asked, started, return_exceptions=True)
        await _finish(config, runtime)
    return code


async def _start_plugins(config: EdgeConfig, runtime: EdgeRuntime, link: LinkClient) -> list[str]:
    try:
        async with asyncio.timeout(5):
            await link.connected.wait()
    except TimeoutError:
        log.info("no link yet; starting the plugins meanwhile")
    runtime.start()
    await runtime.started()
    return _broken(runtime.plugins.reports()) if config.strict_plugins else []


async def _finish(config: EdgeConfig, runtime: EdgeRuntime) -> None:
    """Tell which work goes on, or end it, and stop the plugins."""
    if config.cancel_jobs:
        await runtime.cancel_unfinished()
    for line in runtime.unfinished():
        log.warning("still running after this edge stops: %s", line)
    await runtime.stop()
    log.info("stopped")


async def list_plugins(config: EdgeConfig, folder: Path, file: Path) -> int:
    """Print each installed plugin with what becomes of it; returns 1 where any failed."""
    with tempfile.TemporaryDirectory(prefix="radical-edge-") as scratch:
        # Not the edge's own folders: what is only looked at must not change, and an edge may be running on them.
        setup = attrs.evolve(
            _setup(config, folder, file), state_dir=Path(scratch), job_dir=Path(scratch) / "jobs"
        )
        runtime = EdgeRuntime(setup)
        await runtime.open()
        runtime.load()
        runtime.start()
        try:
            await runtime.started()
            reports = runtime.plugins.reports()
        finally:
            await runtime.stop()
    rows = [("PLUGIN", "STATUS", "DISTRIBUTION", "VERSION", "REASON")]
    rows += [(r.name, r.status, r.distribution or "-", r.version or "-", r.reason) for r in reports]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, [*widths, 0], strict=True)).rstrip())  # noqa: T201
    if not reports:
        print("no plugin is installed; `pip install radical-edge-NAME` adds the one called NAME")  # noqa: T201
    return 1 if _broken(reports) else 0


def _broken(reports: list[PluginReport]) -> list[str]:
    return [f"{r.name} {r.status}: {r.reason}" for r in reports if r.status in {"failed", "unavailable"}]


def _setup(config: EdgeConfig, folder: Path, file: Path) -> EdgeSetup:
    tables: Mapping[str, object] = read_table(file, "plugins")
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise ConfigError(f"file {file}: [plugins.{name}] is not a table")
    return EdgeSetup(
        name=config.name,
        host="edge",
        identity=this_host(),
        state_dir=folder,
        job_dir=config.job_dir or folder / "jobs",
        wanted=Wanted(
            only=frozenset(config.plugins) if config.plugins else None, disabled=frozenset(config.disable)
        ),
        tables={name: table for name, table in tables.items() if isinstance(table, Mapping)},
    )


def _join_token(config: EdgeConfig, home: Path) -> str | None:
    if config.join_token_file is not None:
        found = read_secret(config.join_token_file)
        if found is None:
            raise ConfigError(f"--join-token-file {config.join_token_file}: there is no token in it")
        return found
    return os.environ.get("RADICAL_EDGE_JOIN_TOKEN") or read_secret(home / "bridge" / JOIN_TOKEN)
