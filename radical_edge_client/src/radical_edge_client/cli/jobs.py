"""``radical-edge jobs``: submit, follow and cancel jobs, whichever plugin runs them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import click

from radical_edge_client.cli.common import as_json, bridge_options, edge_option, with_bridge
from radical_edge_client.cli.durations import duration
from radical_edge_client.cli.output import print_facts, print_json, print_table
from radical_edge_client.cli.sessions import NAME, client_of, open_for
from radical_edge_client.cli.streaming import copy_stream
from radical_edge_client.cli.target import the_edge
from radical_edge_core.errors import NotFound

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from radical_edge_client.bridge import AsyncBridgeClient
    from radical_edge_core.plugin import PluginClient, StreamedResponse

# What a plugin must offer to be used here.
NEEDED: Final = frozenset({"submit_job", "get_job_status", "list_jobs", "cancel_job"})
COLUMNS: Final = (
    "job_id",
    "native_id",
    "state",
    "exit_code",
    "executor",
    "queue_name",
    "executable",
    "arguments",
)
plugin_option = click.option(
    "--plugin", default="psij", show_default=True, metavar="PLUGIN", help="The plugin that runs the jobs."
)


@click.group("jobs")
def command() -> None:
    """Submit, follow and cancel jobs."""


@command.command("submit", context_settings={"allow_interspersed_args": False})
@click.argument(
    "arguments", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND [ARGUMENT]…"
)
@edge_option
@plugin_option
@click.option(
    "--executor", default="local", show_default=True, metavar="NAME", help="local, slurm, pbs, lsf, …"
)
@click.option("--queue", metavar="NAME", help="The queue or partition.")
@click.option("--account", metavar="NAME", help="What the time is charged to.")
@click.option("--reservation", metavar="ID", help="A reservation of the scheduler.")
@click.option(
    "--duration", type=duration, metavar="TIME", help="The longest it may run: 90s, 15m, 1h30m, HH:MM:SS."
)
@click.option("--nodes", type=click.IntRange(min=1), metavar="N", help="How many nodes.")
@click.option("--directory", metavar="PATH", help="Where it runs, on the edge.")
@click.option("--env", "environment", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@click.option("--attribute", "custom", multiple=True, metavar="NAME=VALUE", help="As slurm.constraint=gpu.")
@as_json
@bridge_options
def submit(
    arguments: tuple[str, ...],
    edge: str | None,
    plugin: str,
    executor: str,
    environment: tuple[str, ...],
    custom: tuple[str, ...],
    directory: str | None,
    as_json: bool,
    **placement: Any,
) -> None:
    """Submit a job and print its id."""
    attributes = {
        "queue_name": placement["queue"],
        "account": placement["account"],
        "reservation_id": placement["reservation"],
        "duration": placement["duration"],
        "node_count": placement["nodes"],
    }
    spec = {
        "executable": arguments[0],
        "arguments": list(arguments[1:]),
        "directory": directory,
        "environment": _pairs(environment, "--env"),
        "attributes": _present(attributes),
        "custom_attributes": _pairs(custom, "--attribute"),
    }
    answer = with_bridge(
        lambda bridge: _job_call(
            bridge, edge, plugin, "submit_job", job_spec=_present(spec), executor=executor
        )
    )
    if as_json:
        print_json(answer)
    else:
        click.echo(answer["job_id"])


@command.command("list")
@edge_option
@plugin_option
@as_json
@bridge_options
def list_jobs(edge: str | None, plugin: str, as_json: bool) -> None:
    """List your jobs, whatever submitted them."""

    async def main(bridge: AsyncBridgeClient) -> Any:
        client = await _jobs_client(bridge, edge, plugin)
        await open_for(client, "list_jobs")
        scope = {"scope": "mine"} if client.supports("list_jobs", "scope") else {}
        return await client.call("list_jobs", **scope)

    answer = with_bridge(main)
    if as_json:
        print_json(answer)
    else:
        print_table(answer["jobs"], [name for name in COLUMNS if any(name in job for job in answer["jobs"])])


@command.command("status")
@click.argument("job_id")
@edge_option
@plugin_option
@as_json
@bridge_options
def status(job_id: str, edge: str | None, plugin: str, as_json: bool) -> None:
    """Show the state of a job."""
    answer = with_bridge(lambda bridge: _job_call(bridge, edge, plugin, "get_job_status", job_id=job_id))
    if as_json:
        print_json(answer)
    else:
        output = {"stdout", "stderr", "stdout_offset", "stderr_offset"}
        print_facts(
            {name: value for name, value in answer.items() if name not in output and value not in (None, "")}
        )


@command.command("cancel")
@click.argument("job_id")
@edge_option
@plugin_option
@as_json
@bridge_options
def cancel(job_id: str, edge: str | None, plugin: str, as_json: bool) -> None:
    """Cancel a job."""
    answer = with_bridge(lambda bridge: _job_call(bridge, edge, plugin, "cancel_job", job_id=job_id))
    if as_json:
        print_json(answer)


@command.command("logs")
@click.argument("job_id")
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended.")
@click.option("--stderr", is_flag=True, help="Its standard error instead of its standard output.")
@edge_option
@plugin_option
@bridge_options
def logs(job_id: str, follow: bool, stderr: bool, edge: str | None, plugin: str) -> None:
    """Print what a job has written: its bytes, and nothing else."""

    async def main(bridge: AsyncBridgeClient) -> None:
        client = await _jobs_client(bridge, edge, plugin)
        await client.register_session(name=NAME)
        path = client.path_to(
            "/".join(quote(part, safe="") for part in ("output", client.session_id(), job_id))
        )
        asked = {"stream": "stderr" if stderr else "stdout", "follow": follow}

        def open_at(offset: int) -> AbstractAsyncContextManager[StreamedResponse]:
            return bridge.transport.stream("GET", path, params={**asked, "offset": offset}, repeat=True)

        await copy_stream(open_at, resumable=True)

    with_bridge(main)


async def _job_call(
    bridge: AsyncBridgeClient, edge: str | None, plugin: str, operation: str, **fields: Any
) -> Any:
    client = await _jobs_client(bridge, edge, plugin)
    await open_for(client, operation)
    return await client.call(operation, **fields)


async def _jobs_client(bridge: AsyncBridgeClient, edge: str | None, plugin: str) -> PluginClient:
    """Return the client of the plugin that runs jobs; raises ``NotFound`` where it does not."""
    name = await the_edge(bridge, edge)
    client = await client_of(bridge, name, plugin)
    missing = NEEDED - set(client.description["operations"])
    if missing:
        raise NotFound(f"plugin {plugin} of edge {name} runs no jobs: it lacks {', '.join(sorted(missing))}")
    return client


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, {}, [])}


def _pairs(given: Sequence[str], option: str) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise click.BadParameter(f"{json.dumps(name)} is not NAME=VALUE", param_hint=option)
    return {name: value for name, _, value in pairs}
