"""The entry point: hook implementations only; what is heavy is imported when an edge wants the plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radical_edge_core.hooks import hookimpl

if TYPE_CHECKING:
    from radical_edge_core.plugin import Plugin, PluginContext


@hookimpl
def edge_plugin(context: PluginContext) -> Plugin:
    """Offer the plugin to an edge."""
    from radical_edge_psij.service import PsijPlugin  # noqa: PLC0415 - installed is not the same as used

    return PsijPlugin(context)
