"""A module whose hook returns something else than a plugin."""

from __future__ import annotations

from radical_edge_core.hooks import hookimpl


@hookimpl
def edge_plugin(context: object) -> object:
    """Return what was given."""
    return context
