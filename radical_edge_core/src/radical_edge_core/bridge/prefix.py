"""Where the bridge is, seen from outside: behind a proxy it may lie below a path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~%@:+-]+)+/?")


def public_prefix(scope: Mapping[str, Any]) -> str:
    """
    Return the path that everything lies below, with a slash at both ends.

    It is the server's ``root_path``, else what a proxy that strips a prefix says by ``X-Forwarded-Prefix``; what is
    no plain path is left out of account.
    """
    told = str(scope.get("root_path") or "")
    if not told:
        told = next((v.decode("latin-1") for n, v in scope["headers"] if n == b"x-forwarded-prefix"), "")
    if not _PREFIX.fullmatch(told) or "/../" in f"{told}/":
        return "/"
    return told.rstrip("/") + "/"
