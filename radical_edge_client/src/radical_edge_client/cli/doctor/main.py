"""The command: runs the checks in order, prints each finding as it comes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator

import attrs
import click

from radical_edge_client.bridge import AsyncBridgeClient
from radical_edge_client.cli.common import bridge_options, interruptible
from radical_edge_client.cli.doctor import here
from radical_edge_client.cli.doctor.bridge import bridge, websockets
from radical_edge_client.cli.doctor.findings import Finding
from radical_edge_client.cli.doctor.way import Blocked, way
from radical_edge_client.settings import resolve

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as a JSON list.")
@bridge_options
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """
    Check what lies between here and the bridge: each line is ok, warn or fail, with what to do.

    Exits with 1 where anything failed.
    """
    given = ctx.obj or {}

    async def main() -> list[Finding]:
        found = []
        async for finding in _findings(given.get("url"), given.get("cert")):
            found.append(finding)
            if not as_json:
                _show(finding)
        return found

    findings = interruptible(main)
    if as_json:
        click.echo(json.dumps([attrs.asdict(finding) for finding in findings], indent=2))
    return 1 if any(finding.status == "fail" for finding in findings) else 0


async def _findings(url: str | None, cert: str | None) -> AsyncIterator[Finding]:
    found = resolve(os.environ, url=url, cert=cert)
    for finding in (*here.versions(), *here.state_folder(found.home), *here.settings(found)):
        yield finding
        if finding.subject == "address" and finding.status == "fail":
            return
    try:
        for finding in way(found):
            yield finding
        async with AsyncBridgeClient(resolved=found, patience_s=0) as client:
            async for finding in bridge(client):
                yield finding
        async with AsyncBridgeClient(resolved=found, patience_s=0) as client:
            yield await websockets(client)
    except Blocked as blocked:
        yield blocked.finding


def _show(finding: Finding) -> None:
    mark = click.style(f"{finding.status:<4}", fg=_COLOURS[finding.status], bold=finding.status != "ok")
    click.echo(f"{mark}  {finding.subject}: {finding.detail}")
    if finding.advice:
        click.echo(f"      -> {finding.advice}")
    sys.stdout.flush()
