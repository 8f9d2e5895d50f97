"""``radical-edge call``: any operation of any plugin, with options made from its description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import click

from radical_edge_client.cli.common import as_json, bridge_options, with_bridge
from radical_edge_client.cli.describe import print_description
from radical_edge_client.cli.fields import Field, fields_of, read_json
from radical_edge_client.cli.output import print_answer, print_json
from radical_edge_client.cli.sessions import client_of, open_for, operation_of
from radical_edge_client.cli.streaming import copy_stream
from radical_edge_client.cli.target import edge_and_rest

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from radical_edge_client.bridge import AsyncBridgeClient
    from radical_edge_core.plugin import PluginClient, StreamedResponse


@click.command("call", context_settings={"allow_interspersed_args": False})
@click.argument(
    "words",
    nargs=-1,
    required=True,
    type=click.UNPROCESSED,
    metavar="[EDGE] PLUGIN OPERATION [--FIELD VALUE]…",
)
@as_json
@bridge_options
def command(words: tuple[str, ...], as_json: bool) -> None:
    """
    Call an operation and print its answer.

    Each field of the operation is an option: --field-name value. --help after the operation lists them;
    without an operation those of the plugin are listed.
    """
    names = tuple(takewhile(lambda word: not word.startswith("-"), words))
    with_bridge(lambda bridge: _call(bridge, names, words[len(names) :], as_json))


async def _call(bridge: AsyncBridgeClient, names: Sequence[str], typed: Sequence[str], as_json: bool) -> None:
    edge, rest = await edge_and_rest(bridge, names, most=3)
    if len(rest) not in {1, 2}:
        raise click.UsageError("name a plugin and its operation: radical-edge call [EDGE] PLUGIN OPERATION")
    client = await client_of(bridge, edge, rest[0])
    if len(rest) == 1:
        print_description(dict(client.description))
        return
    name = rest[1]
    operation = operation_of(client, name)
    fields = fields_of(operation["input"], client.description.get("$defs", {}))
    usage = f"radical-edge call {edge} {rest[0]} {name}"
    with _operation_command(usage, operation, fields).make_context(usage, list(typed)) as parsed:
        given = _given(parsed, fields)
        as_json = as_json or parsed.params["as_json"]
    await open_for(client, name)
    if operation.get("stream"):
        await _stream(client, name, given)
        return
    answer = await client.call(name, **given)
    if as_json:
        print_json(answer)
    else:
        print_answer(answer, operation.get("result"))


async def _stream(client: PluginClient, name: str, given: Mapping[str, object]) -> None:
    resumable = client.supports(name, "offset")

    def open_at(offset: int) -> AbstractAsyncContextManager[StreamedResponse]:
        return client.stream(name, **{**given, "offset": offset} if resumable else given)

    begin = given.get("offset")
    await copy_stream(open_at, offset=begin if isinstance(begin, int) else 0, resumable=resumable)


def _operation_command(usage: str, operation: Mapping[str, Any], fields: Sequence[Field]) -> click.Command:
    """Return the command that parses one operation's options."""
    options = [field.option(f"field_{index}") for index, field in enumerate(fields)]
    return click.Command(
        usage,
        params=[
            *options,
            click.Option(
                ["--input", "whole"], metavar="JSON", help="All fields as one JSON object, or @file."
            ),
            click.Option(["--json", "as_json"], is_flag=True, help="Print the answer as JSON."),
        ],
        help=f"{operation['title']}\n\n{operation.get('summary', '')}",
    )


def _given(parsed: click.Context, fields: Sequence[Field]) -> dict[str, object]:
    """Return the fields that were typed; raises ``click.UsageError`` where required ones were not."""
    given: dict[str, object] = {}
    if parsed.params["whole"] is not None:
        given |= _whole(parsed.params["whole"])
        unknown = sorted(given.keys() - {field.name for field in fields})
        if unknown:
            raise click.UsageError(f"the operation has no field {', '.join(unknown)}", parsed)
    for index, field in enumerate(fields):
        typed = parsed.params[f"field_{index}"]
        if typed is not None and typed != ():
            given[field.name] = field.value(typed)
    missing = [field.flags[0] for field in fields if field.required and field.name not in given]
    if missing:
        raise click.UsageError(f"missing {', '.join(missing)}", parsed)
    return given


def _whole(text: str) -> dict[str, object]:
    try:
        found = read_json(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--input") from error
    if not isinstance(found, dict):
        raise click.BadParameter("it is no JSON object", param_hint="--input")
    return found
