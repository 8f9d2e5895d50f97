"""What a bridge is told of this distribution."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from starlette.routing import BaseRoute

from radical_edge_core.hooks import hookimpl
from radical_edge_core.hooks.bridge import BridgeContext
from radical_edge_portal import static_dir
from radical_edge_portal.pages import Pages

log = logging.getLogger(__name__)


@hookimpl
def bridge_routes(context: BridgeContext) -> Sequence[BaseRoute] | None:  # noqa: ARG001 - the hook's own names
    """Add the portal's pages; without its built files the bridge keeps its plain one."""
    try:
        folder = static_dir()
    except FileNotFoundError as exc:
        log.warning("%s", exc)
        return None
    return Pages(folder).routes()
