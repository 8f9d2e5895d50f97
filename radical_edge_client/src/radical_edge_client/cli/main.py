"""The console script: small, so that even an interruption while it is still importing ends without a traceback."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code; see ``exits`` for the codes."""
    try:
        from radical_edge_client.cli.exits import guarded  # noqa: PLC0415  # see above
        from radical_edge_client.cli.group import group  # noqa: PLC0415

        code = guarded(lambda: group.main(arguments, prog_name="radical-edge", standalone_mode=False))
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
