"""
The folder of one job: what it runs, who runs it, how it ended, what it wrote.

::

    spec.json        who made it, when, in which boot; what the maker wants to find again
    command          what the payload is, for the shim          shim     the shim itself, as it was then
    claim            who runs it (``claim.py``)                  lost.*   shims that came too late
    entries          one line for each start of the payload      cancel.json   the wish to end it
    stdout, stderr   what it wrote; links where the user named files of their own
    exit.json        how it ended                                shim.log the shim's own complaints

A folder without ``spec.json`` is not a job: its making was cut off. The folder holds all that is known, so
that whoever comes later (the same edge after a crash) knows as much as the one who made it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from attrs import field, frozen

from radical_edge_core.jobs.claim import VOID, Claim
from radical_edge_core.jobs.command import Command
from radical_edge_core.jobs.files import (
    fill_document,
    read_document,
    room_in,
    sync_folder,
    write_document,
    write_new,
)
from radical_edge_core.jobs.process import boot_clock, boot_id

STREAMS = ("stdout", "stderr")
_EXIT_ROOM = 1024  # as much as the shim writes
_ASKING: Final = threading.Lock()  # impatient callers ask at once, from several threads
_CANCEL_ROOM = 512
_VERSION = 1


@frozen(kw_only=True)
class ExitRecord:
    """``exit.json``: how one run of the payload ended; times by the clock of the node it ran on."""

    code: int
    signals: tuple[str, ...]
    start: float
    end: float
    stdout_bytes: int
    stderr_bytes: int
    restarts: int = 0


@frozen(kw_only=True)
class JobFolder:
    """
    One job's folder.

    Attributes:
        path: Where it is; the last part is the job's id.
        kind: ``local``, or the scheduler whose ids its claim holds.
        claim_method: ``link`` or ``symlink``; fixed when the folder was made, as the two don't see each
            other.
        boot: The boot in which it was made.
        created_at: When (seconds since the epoch).
        data: What its maker keeps there.
    """

    path: Path
    kind: str
    claim_method: str
    boot: str
    created_at: float
    data: Mapping[str, object] = field(factory=dict)

    @property
    def job_id(self) -> str:
        """The id of the job."""
        return self.path.name

    @classmethod
    def create(
        cls,
        root: Path,
        job_id: str,
        *,
        command: Command,
        kind: str = "local",
        data: Mapping[str, object] | None = None,
        outputs: Mapping[str, Path] | None = None,
    ) -> JobFolder:
        """
        Make the folder; when this returns the job outlives a crash of the edge, and nothing runs yet.

        Args:
            root: Where the job folders of one plugin are; for a scheduler on a file system that its nodes
                share.
            job_id: The name of the new folder.
            command: What the payload is.
            kind: Which ids the claim will hold.
            data: JSON values to be found again by ``open``.
            outputs: Files of the user's that are to get a stream (``stdout``, ``stderr``); emptied now.

        Raises:
            NoRoom: Disk or quota is full; nothing is left behind.
            ValueError: The command can't be told to a program.
            OSError: A file of the user's can't be written; nothing is left behind.
        """
        path = root.absolute() / job_id
        with room_in(root):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.mkdir(mode=0o700)
            try:
                return cls._fill(path, command, kind, dict(data or {}), outputs or {})
            except BaseException:
                shutil.rmtree(path, ignore_errors=True)
                raise

    @classmethod
    def _fill(
        cls, path: Path, command: Command, kind: str, data: Mapping[str, object], outputs: Mapping[str, Path]
    ) -> JobFolder:
        lasting = kind != "local"  # a local job does not outlive its node, and what it needs to run need not
        write_new(path / "exit.part", b" " * _EXIT_ROOM)
        write_new(path / "cancel.part", b" " * _CANCEL_ROOM)  # the job that filled the disk can be ended
        method = _claim_method(path)
        write_new(path / "command", command.script(method), durable=lasting)
        write_new(path / "shim", _shim(), durable=lasting, mode=0o700)
        for stream in STREAMS:
            if (target := outputs.get(stream)) is not None:
                os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666))
                (path / stream).symlink_to(target)
            else:
                write_new(path / stream, b"")
        folder = cls(
            path=path, kind=kind, claim_method=method, boot=boot_id(), created_at=time.time(), data=data
        )
        document = {
            "version": _VERSION,
            "kind": kind,
            "claim_method": method,
            "boot_id": folder.boot,
            "created_at": folder.created_at,
            "data": data,
        }
        write_document(path / "spec.json", document, durable=True)
        sync_folder(path.parent)
        return folder

    @classmethod
    def open(cls, path: Path) -> JobFolder:
        """
        Return the folder that was made at ``path``.

        Raises:
            ValueError: It is no job folder, or its ``spec.json`` is damaged.
        """
        spec = read_document(path / "spec.json")
        try:
            if spec is None or spec["version"] != _VERSION or not isinstance(spec["data"], dict):
                raise ValueError(f"{path} has no spec.json that can be read")
            return cls(
                path=path,
                kind=str(spec["kind"]),
                claim_method=str(spec["claim_method"]),
                boot=str(spec["boot_id"]),
                created_at=float(str(spec["created_at"])),
                data=spec["data"],
            )
        except KeyError as exc:
            raise ValueError(f"{path}: spec.json lacks {exc}") from exc

    def shim_command(self) -> tuple[str, ...]:
        """Return the command that runs the job, from any folder, by any executor."""
        return ("/bin/sh", str(self.path / "shim"), self.kind, str(self.path))

    def claim(self) -> Claim | None:
        """Return who runs the payload; ``None`` while nobody does."""
        try:
            if self.claim_method == "symlink":
                return Claim.parse(os.readlink(self.path / "claim"))  # noqa: PTH115 - the target is no path
            return Claim.parse((self.path / "claim").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def withdraw(self, reason: str) -> Claim:
        """
        Take the claim away from every shim that has not come yet; return the claim that holds.

        The answer's ``kind`` is ``void`` where this (or an earlier call) won: the payload has never run and
        never will. Otherwise a shim was first.

        Args:
            reason: One word, kept as the claim's name: ``canceled``, ``unstarted``.
        """
        return self.reserve(f"{VOID}.{reason}")

    def reserve(self, claim_id: str) -> Claim:
        """
        Make the claim in the name of a job, unless there is one; return the claim that holds.

        A scheduler's job whose id it names runs the payload when it comes, and any other comes too late.
        """
        if self.claim_method == "symlink":
            with contextlib.suppress(FileExistsError):
                os.symlink(claim_id, self.path / "claim")  # noqa: PTH211 - the target is no path
        else:
            own = self.path / f"claim.{claim_id}.{secrets.token_hex(4)}"  # a shim's own may be there
            write_new(own, claim_id.encode() + b"\n")
            with contextlib.suppress(FileExistsError):
                os.link(own, self.path / "claim")
            own.unlink(missing_ok=True)
        holder = self.claim()
        assert holder is not None, "somebody's link is there"
        return holder

    def exit(self) -> ExitRecord | None:
        """Return how the payload ended; ``None`` while it has not, or nobody could write it down."""
        found = read_document(self.path / "exit.json")
        if found is None:
            return None
        try:
            return ExitRecord(
                code=int(str(found["code"])),
                signals=tuple(map(str, found["signals"])) if isinstance(found["signals"], list) else (),
                start=float(str(found["start"])),
                end=float(str(found["end"])),
                stdout_bytes=int(str(found["stdout_bytes"])),
                stderr_bytes=int(str(found["stderr_bytes"])),
                restarts=max(0, int(str(found["restarts"]))),
            )
        except (KeyError, ValueError):
            return None

    def started_at(self) -> float | None:
        """Return when the payload was started the last time."""
        try:
            return float((self.path / "entries").read_bytes().split()[-1])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def claimed_at(self) -> float | None:
        """Return when the claim was made."""
        try:
            return (self.path / "claim").lstat().st_mtime
        except FileNotFoundError:
            return None

    def ask_to_cancel(self) -> None:
        """Write the wish to end the job down; it holds whoever carries it out, and is written once."""
        with _ASKING:
            if not self.cancel_asked():
                wish = {"asked_at": time.time(), "boot_id": boot_id(), "clock": boot_clock()}
                fill_document(self.path / "cancel.part", wish, _CANCEL_ROOM)
                (self.path / "cancel.part").rename(self.path / "cancel.json")

    def note_cancel(self, **more: object) -> None:
        """Add to the wish what was done about it."""
        wish = read_document(self.path / "cancel.json") or {}
        fill_document(self.path / "cancel.json", {**wish, **more}, _CANCEL_ROOM)

    def cancel_asked(self) -> bool:
        """Say whether somebody wants the job to end."""
        return (self.path / "cancel.json").exists()

    def remember(self, name: str, document: object) -> None:
        """Keep one more JSON document in the folder, under a name of the maker's own."""
        with room_in(self.path):
            write_document(self.path / name, document)

    def recall(self, name: str) -> dict[str, object] | None:
        """Return a document that ``remember`` wrote."""
        return read_document(self.path / name)


def _claim_method(path: Path) -> str:
    probe = path / "probe"
    try:
        os.link(path / "exit.part", probe)
    except OSError:
        return "symlink"
    probe.unlink()
    return "link"


@cache
def _shim() -> bytes:
    return files("radical_edge_core.jobs").joinpath("shim.sh").read_bytes()
