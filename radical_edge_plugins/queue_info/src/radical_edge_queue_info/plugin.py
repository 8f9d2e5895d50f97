"""What an edge is told of this distribution; what does the work is imported when it is asked for."""

from __future__ import annotations

from radical_edge_core.hooks import hookimpl
from radical_edge_core.plugin import Plugin, PluginContext


@hookimpl
def edge_plugin(context: PluginContext) -> Plugin | None:
    """Offer the plugin ``queue_info``."""
    from radical_edge_queue_info.session import QueueInfoPlugin  # noqa: PLC0415 - installed is not the same as used

    return QueueInfoPlugin(context)
