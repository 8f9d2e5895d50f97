"""
Processes of this node, named so that a name is never another's: boot id, process id and start time.

All of it comes from ``/proc`` (proc(5), "/proc/pid/stat"); a job of this machine needs Linux.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import attrs
from attrs import frozen

_GONE = frozenset("ZXx")


@cache
def boot_id() -> str:
    """Return the id of this node's present boot; empty where there is no ``/proc``."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def boot_clock() -> float:
    """Return seconds since this node was booted: comparable between processes of one boot."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@frozen(kw_only=True)
class Process:
    """One process: its id, and when it started in clock ticks since boot, which tells it from a later one."""

    pid: int
    start: int
    group: int = attrs.field(default=0, eq=False)
    session: int = attrs.field(default=0, eq=False)

    def alive(self) -> bool:
        """Say whether this very process runs; one that only waits to be reaped does not."""
        return find(self.pid) == self


def find(pid: int) -> Process | None:
    """Return the living process with this id."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:  # ENOENT before, ESRCH while reading
        return None
    state, _, group, session, *rest = text[text.rindex(b")") + 2 :].split()
    if state.decode("ascii") in _GONE:
        return None
    return Process(pid=pid, start=int(rest[15]), group=int(group), session=int(session))


def members(leader: Process) -> list[Process]:
    """
    Return the living processes of the session that ``leader`` began, itself among them while it lives.

    Empty where the leader's id belongs to another process by now: an id is free for others only when nobody
    is in its session and group any more.
    """
    holder = find(leader.pid)
    if holder is not None and holder != leader:
        return []
    return [each for each in _all() if leader.pid in {each.session, each.group}]


def _all() -> Iterator[Process]:
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are all that is wanted
        if name.isdigit() and (process := find(int(name))) is not None:
            yield process


def send(process: Process, number: signal.Signals) -> None:
    """Signal one process and never another that has its id by now."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    except OSError:  # a kernel before 5.3
        if process.alive():
            os.kill(process.pid, number)
        return
    try:
        if process.alive():
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def send_groups(leader: Process, number: signal.Signals) -> int:
    """
    Signal every process group in the session of ``leader``; return how many there were.

    Never this process's own group, whatever the record of a job may say.
    """
    groups = {each.group for each in members(leader)} - {os.getpgrp(), 0, 1}
    for group in groups:
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            continue
    return len(groups)
