"""``radical-edge token``: what others get to use the bridge."""

from __future__ import annotations

from typing import Any

import click

from radical_edge_client.cli.common import as_json, bridge_options, with_bridge
from radical_edge_client.cli.durations import duration
from radical_edge_client.cli.output import local_time, print_json, print_table


@click.group("token")
def command() -> None:
    """Create, list and revoke tokens."""


@command.command("create")
@click.option(
    "--scope", "scopes", multiple=True, metavar="SCOPE", help="As read:*/queue_info; may be repeated."
)
@click.option("--expires", type=duration, metavar="TIME", help="For how long it is good: 1h, 30d, …")
@click.option("--label", metavar="TEXT", help="What it is for.")
@click.option("--subject", metavar="NAME", help="Who holds it; by default the holder of the token in use.")
@click.option("--join", is_flag=True, help="Make a token that lets one edge join, and nothing else.")
@as_json
@bridge_options
def create(
    scopes: tuple[str, ...],
    expires: float | None,
    label: str | None,
    subject: str | None,
    join: bool,
    as_json: bool,
) -> None:
    """
    Make a token no wider than the one in use, and print its secret.

    A scope is verb:edge/plugin with the verbs read, write, function and admin; * and ? stand for any text.
    """
    if not scopes and not join:
        raise click.UsageError("say what it may do with --scope, as in --scope 'read:*'")

    made = with_bridge(lambda bridge: bridge.create_token(scopes, expires, label, subject, join))
    if as_json:
        print_json(made)
    else:
        click.echo(made["token"])
        click.echo(f"radical-edge: token {made['id']}; the secret is not shown again", err=True)


@command.command("list")
@as_json
@bridge_options
def list_tokens(as_json: bool) -> None:
    """List tokens, without their secrets."""
    tokens = with_bridge(lambda bridge: bridge.list_tokens())
    if as_json:
        print_json({"tokens": tokens})
    else:
        print_table([_row(token) for token in tokens])


@command.command("revoke")
@click.argument("token_id", metavar="ID")
@as_json
@bridge_options
def revoke(token_id: str, as_json: bool) -> None:
    """End a token, at once."""
    answer = with_bridge(lambda bridge: bridge.revoke_token(token_id))
    if as_json:
        print_json(answer)


def _row(token: dict[str, Any]) -> dict[str, Any]:
    times = {name: _when(token.get(name)) for name in ("created", "expires")}
    return {**token, **times, "expires": times["expires"] or "never"}


def _when(seconds: object) -> str | None:
    if not isinstance(seconds, int | float) or not seconds:
        return None
    return local_time(seconds)
