"""
One owner per state folder.

The lease is a locked file: the lock goes with the process, so nothing is left to clean up after a crash. Where the
file system has no locks the edge goes on and says so.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import signal
import socket
import time
from pathlib import Path

from radical_edge_core.errors import Conflict

log = logging.getLogger(__name__)
_TAKEOVER_S = 35.0


class Lease:
    """
    The lock on an edge's state folder.

    Args:
        path: The lease file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def take(self, *, takeover: bool) -> None:
        """
        Take the lease.

        Args:
            takeover: Ask the present owner (on this host) to end, and wait for it.

        Raises:
            Conflict: Another process has it; the text names host and process.
        """
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not self._lock(handle):
                owner = self._owner(handle)
                if not takeover or owner.get("host") != socket.gethostname():
                    raise Conflict(
                        f"another process serves this state folder (host {owner.get('host', 'unknown')}, process "
                        f"{owner.get('pid', 'unknown')}); stop it, or start with --takeover on that host"
                    )
                self._displace(handle, owner)
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode(), 0)
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle

    def release(self) -> None:
        """Give it back; idempotent."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _lock(self, handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as exc:
            log.warning(
                "%s can't be locked here (%s): two edges could share this folder unnoticed", self._path, exc
            )
        return True

    def _displace(self, handle: int, owner: dict[str, object]) -> None:
        pid = owner.get("pid")
        if not isinstance(pid, int):
            raise Conflict("another process serves this state folder, and its lease does not say which")
        log.warning("asking process %d to end", pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + _TAKEOVER_S
        while not self._lock(handle):
            if time.monotonic() > until:
                raise Conflict(f"process {pid} still serves this state folder after {_TAKEOVER_S:g} s")
            time.sleep(0.1)

    @staticmethod
    def _owner(handle: int) -> dict[str, object]:
        try:
            found = json.loads(os.pread(handle, 4096, 0))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
