"""Which names an edge may have."""

from __future__ import annotations

import re
from typing import Final

from radical_edge_core.errors import InvalidRequest

HOSTED: Final = "bridge"
RESERVED: Final = frozenset({
    HOSTED, "edge", "edges", "events", "auth", "ui", "assets", "plugins", "plugin-page", "docs", "openapi.json",
    "register", "healthz", "readyz", "metrics", "tokens", "audit", "mcp",
})  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def check_edge_name(name: str) -> str:
    """
    Return ``name`` where an edge may have it.

    Raises:
        InvalidRequest: It has other characters or another length than allowed, or is a word of the bridge's own.
    """
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"{name[:80]!r} can't be an edge's name: 1 to 63 letters, digits, '.', '_' or '-', "
            "beginning with a letter or digit"
        )
    if name in RESERVED:
        raise InvalidRequest(f"the name {name!r} is reserved; choose another with --name")
    return name
