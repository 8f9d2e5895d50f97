"""Where a scheduler's job folders are: where its nodes see them, and never among a node's own temporary files."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

_OWN = ("/tmp", "/var/tmp", "/dev/shm", "/run")  # noqa: S108 - to be avoided


def shared_root(job_dir: Path, state_dir: Path, setting: str | None) -> Path:
    """
    Return the folder for a scheduler's job folders.

    Args:
        job_dir: The edge's, which counts where it does not lie among temporary files.
        state_dir: The plugin's; tells the folders of several edges in one home apart.
        setting: What the configuration says, which is believed.
    """
    if setting:
        return Path(setting).expanduser().absolute() / "psij"
    if not of_one_node(job_dir):
        return job_dir.absolute() / "psij"
    name = hashlib.sha256(str(state_dir.absolute()).encode()).hexdigest()[:12]
    return Path.home() / ".radical" / "edge" / "shared-jobs" / name / "psij"


def of_one_node(path: Path) -> bool:
    """Say whether a folder lies among temporary files, which each node has of its own."""
    resolved = path.absolute().resolve()
    own = {Path(name).resolve() for name in (*_OWN, tempfile.gettempdir())}
    return any(resolved.is_relative_to(folder) for folder in own)
