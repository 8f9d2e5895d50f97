"""A module whose only hook has a name that nothing has."""

from __future__ import annotations

from radical_edge_core.hooks import hookimpl


@hookimpl
def edge_plugn(context: object) -> None:
    """Be called by nobody."""
