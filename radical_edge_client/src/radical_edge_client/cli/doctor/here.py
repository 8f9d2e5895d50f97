"""Checks of this machine alone: versions, settings, the state folder."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

from radical_edge_client.cli.doctor.findings import Finding, fail, ok, warn
from radical_edge_client.settings import Resolved
from radical_edge_core.config import ConfigError

# The databases there use no shared memory, and every commit crosses the network.
NETWORK_TYPES: Final = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "lustre",
        "gpfs",
        "beegfs",
        "pvfs2",
        "orangefs",
        "ceph",
        "afs",
        "dvs",
    }
)
LITTLE_ROOM: Final = 200 << 20


def versions() -> Iterator[Finding]:
    """Check that the distributions here fit together."""
    client, core = version("radical-edge-client"), version("radical-edge-core")
    python = ".".join(map(str, sys.version_info[:3]))
    told = f"radical-edge-client {client}, radical-edge-core {core}, Python {python}"
    if client.split(".")[:2] == core.split(".")[:2]:
        yield ok("versions", told)
    else:
        yield fail("versions", told, "install both in the same minor version")


def settings(found: Resolved) -> Iterator[Finding]:
    """Check that address, certificate and token are known, and say where each comes from."""
    try:
        yield ok("address", f"{found.url}  ({found.origins['url']})")
    except ConfigError as error:
        yield fail("address", error.detail)
        return
    cert, token = found.settings.cert, found.settings.token
    if cert is not None:
        yield ok("certificate", f"trusting {cert} alone  ({found.origins['cert']})")
    if token is not None:
        yield ok("token", f"{found.origins['token']}")
    else:
        yield fail("token", "none known", "set RADICAL_BRIDGE_TOKEN; `radical-edge token create` makes one")


def state_folder(home: Path) -> Iterator[Finding]:
    """Check that the state folder keeps its secrets, has room, and lies on a suitable file system."""
    subject = "state folder"
    if not home.exists():
        yield ok(subject, f"{home} is not there; a bridge or edge on this machine makes it")
        return
    mode = stat.S_IMODE(home.stat().st_mode)
    if mode & 0o077:
        yield fail(subject, f"{home} may be entered by others (mode {mode:o})", f"chmod 700 {home}")
    for secret in (*home.glob("bridge/*.token"), *home.glob("edges/*/credential")):
        if secret.stat().st_mode & 0o077:
            yield fail(
                subject, f"{secret} is readable by others", f"chmod 600 {secret}; then revoke and renew it"
            )
    kind = file_system(home)
    if kind in NETWORK_TYPES:
        yield warn(
            subject, f"{home} lies on {kind}", "set RADICAL_EDGE_HOME to a local disk where that is possible"
        )
    free = shutil.disk_usage(home).free
    if free < LITTLE_ROOM:
        yield warn(subject, f"{home} has {free >> 20} MiB left", "make room: without it new work is refused")
    if not os.access(home, os.W_OK):
        yield fail(subject, f"{home} can't be written to", "set RADICAL_EDGE_HOME to a folder of yours")
    else:
        yield ok(subject, f"{home} ({kind or 'unknown file system'}, {free >> 30} GiB free)")


def file_system(path: Path) -> str | None:
    """Return the type of the file system that a path lies on, ``None`` where the system does not tell."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    place = path.resolve()
    best, kind = -1, None
    for line in mounts:
        fields = line.split()
        if len(fields) < 3:
            continue
        mount = Path(fields[1].replace("\\040", " "))
        if place.is_relative_to(mount) and len(mount.parts) >= best:
            best, kind = len(mount.parts), fields[2]
    return kind
