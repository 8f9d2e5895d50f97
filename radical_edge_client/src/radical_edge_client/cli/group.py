"""``radical-edge``: the commands by name. Each is imported when it is called, so that help comes at once."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, Final

import click

from radical_edge_client import __version__
from radical_edge_client.cli import exits

# name: (module of this package, what --help says); the module's ``command`` is the click command.
COMMANDS: Final = {
    "up": ("up", "Start a bridge and one edge on this machine."),
    "edges": ("edges", "List the edges; free or end one."),
    "plugins": ("plugins", "List the plugins of an edge."),
    "describe": ("describe", "Show the operations of a plugin."),
    "call": ("call", "Call an operation of a plugin."),
    "watch": ("watch", "Print notifications as they come."),
    "jobs": ("jobs", "Submit, follow and cancel jobs."),
    "token": ("tokens", "Create, list and revoke tokens."),
    "certs": ("certs", "Make a self-signed certificate for a bridge."),
    "doctor": ("doctor.main", "Check what lies between here and the bridge."),
}


class LazyGroup(click.Group):
    """Knows its commands by name, and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of their first use by a newcomer."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"radical_edge_client.cli.{COMMANDS[cmd_name][0]}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader of its output that leaves is no failure, as it would be to click."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise click.exceptions.Exit(exits.left_alone()) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


def show_config(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    """Print each setting with its origin, and stop."""
    if not value or ctx.resilient_parsing:
        return
    from radical_edge_client.settings import resolve  # noqa: PLC0415
    from radical_edge_core.config import show  # noqa: PLC0415  # --help needs none of it

    found = resolve(os.environ, url=ctx.params.get("url"), cert=ctx.params.get("cert"))
    click.echo(show(found.settings, found.origins))
    click.echo(f"state folder = {found.home}")
    ctx.exit()


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=exits.HELP)
@click.option("--url", is_eager=True, metavar="URL", help="The bridge.  [RADICAL_BRIDGE_URL]")
@click.option("--cert", is_eager=True, metavar="FILE", help="Its certificate, PEM.  [RADICAL_BRIDGE_CERT]")
@click.option(
    "--show-config",
    is_flag=True,
    expose_value=False,
    callback=show_config,
    help="Print each setting with its origin, and stop.",
)
@click.version_option(__version__, message="%(version)s")
@click.pass_context
def group(ctx: click.Context, url: str | None, cert: str | None) -> None:
    """
    Use the resources behind a Radical Edge bridge.

    Address and token come from RADICAL_BRIDGE_URL and RADICAL_BRIDGE_TOKEN, or from the bridge that runs on
    this machine.
    """
    ctx.obj = {"url": url, "cert": cert}
