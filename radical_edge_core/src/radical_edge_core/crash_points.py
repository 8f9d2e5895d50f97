"""
Named places where a test may let the process die, as ``kill -9`` would.

``ENABLED`` is false wherever the environment does not name a point at start: then a call is one test of a constant.
``RADICAL_EDGE_CRASH_POINT=name[:n]`` kills the process at the n-th passage (the first by default).
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Final

_WANTED: Final = os.environ.get("RADICAL_EDGE_CRASH_POINT", "")
ENABLED: Final = bool(_WANTED)
_passed: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """Die here where this point was asked for."""
    if not ENABLED:
        return
    wanted, _, number = _WANTED.partition(":")
    if name == wanted:
        _passed[name] += 1
        if _passed[name] == int(number or 1):
            os.kill(os.getpid(), signal.SIGKILL)
