"""
Named places where a test may let the process die, as ``kill -9`` would.

``ENABLED`` is false wherever the environment does not name a point at start: then a call is one test of a constant.
``RADICAL_EDGE_CRASH_POINT=name[:n]`` kills the process at the n-th passage (the first by default).

===================  ===========================================================================
point                what is done by then, and what is not
===================  ===========================================================================
``key.begun``        the key is written down; the operation has not begun
``key.acted``        the operation is done; its answer is not written down
``key.kept``         the answer is written down; the caller has not got it
``answer.partial``   a large answer lies in a file that has no name yet
``session.saved``    a session's state is written down; the answer is not
``event.kept``       an event is in the edge's journal; it was not sent
``event.sent``       an event is on its way to the bridge; nothing has come back
``log.inserted``     the bridge has events in its log; the log is not committed
``log.committed``    they are committed; no listener has heard of them
``log.told``         listeners are woken; the edge has no acknowledgement
``job.made``         a job's folder is there as a whole; nothing runs yet
``job.handed_over``  the executor has the job; its id is not told
``document.partial`` a document of a job folder is written beside its place; not renamed
``upload.partial``   an upload is on the disk as a whole; it has no name yet
``upload.named``     it has its name; the caller has no answer
===================  ===========================================================================
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Final

_WANTED: Final = os.environ.get("RADICAL_EDGE_CRASH_POINT", "")
ENABLED: Final = bool(_WANTED)
_passed: Counter[str] = Counter()
POINTS: Final = (
    "key.begun",
    "key.acted",
    "key.kept",
    "answer.partial",
    "session.saved",
    "event.kept",
    "event.sent",
    "log.inserted",
    "log.committed",
    "log.told",
    "job.made",
    "job.handed_over",
    "document.partial",
    "upload.partial",
    "upload.named",
)


def crash_point(name: str) -> None:
    """Die here where this point was asked for."""
    if not ENABLED:
        return
    wanted, _, number = _WANTED.partition(":")
    if name == wanted:
        _passed[name] += 1
        if _passed[name] == int(number or 1):
            os.kill(os.getpid(), signal.SIGKILL)
