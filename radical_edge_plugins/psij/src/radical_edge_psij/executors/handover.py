"""
Starting PSI/J in a process of its own, and holding a key's lock while it runs.

The lock is an open file that the scheduler's command inherits: it is free when nobody is left who could still make a
job of this key on this host. It covers living processes only; a request that waits in the scheduler's controller may
become a job later. Against that stands the claim in the job's folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from radical_edge_core.jobs.files import read_document, room_in, write_document
from radical_edge_psij.executors.base import NotSubmitted, Undecided

SUBMITTER = Path(__file__).with_name("submitter.py")
REQUEST = "request.json"
ANSWER = "answer.json"
_POLL_S = 0.05
_LAST_WORDS = 500


@contextlib.contextmanager
def held(lock: Path, patience_s: float, stopping: threading.Event) -> Iterator[int]:
    """
    Hold a key's lock; yield its descriptor.

    Args:
        lock: The file; made where it is missing.
        patience_s: How long to wait for it.
        stopping: Set where nobody is to wait any more.

    Raises:
        Undecided: An earlier submission of this key is still under way, and stays so.
    """
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    ends = time.monotonic() + patience_s
    # Read-write: where flock is made of byte-range locks (NFS), an exclusive one needs a file open for writing.
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= ends or stopping.wait(_POLL_S):
                    raise Undecided(
                        "an earlier submission of this job is still under way; ask again with the same key"
                    ) from None
        yield handle
    finally:
        os.close(handle)


def run_submitter(
    folder: Path, request: Mapping[str, object], *, environment: Mapping[str, str], cwd: Path, stdin: int | None,
    deadline_s: float, stopping: threading.Event,
) -> dict[str, object]:  # fmt: skip
    """
    Have PSI/J do something; return what it answers.

    Args:
        folder: Where request and answer lie; shared with nobody.
        request: What is to be done.
        environment: Of the scheduler's command, and so of its job.
        cwd: Where that runs.
        stdin: The lock.
        deadline_s: Then it is killed, with the command.
        stopping: Set where the edge ends: it is left to itself, and to the next edge.

    Raises:
        NotSubmitted: The process could not be started; nothing was done.
        Undecided: It left no answer: nobody knows what was done.
    """
    answer = folder / ANSWER
    answer.unlink(missing_ok=True)
    full = {**request, "answer": str(answer), "import_from": [path for path in sys.path if path]}
    with room_in(folder):
        write_document(folder / REQUEST, full, durable=True)
    complaints = folder / f"submitter.{secrets.token_hex(4)}.log"
    try:
        with complaints.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-I", str(SUBMITTER), str(folder / REQUEST)],
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=log,
                stderr=log,
                cwd=cwd,
                env=dict(environment),
                start_new_session=True,
            )
    except OSError as exc:
        (folder / REQUEST).unlink(missing_ok=True)
        raise NotSubmitted(f"no process can be started: {exc.strerror}") from exc
    _await(process, deadline_s, stopping)
    found = read_document(answer)
    if found is None:
        said = complaints.read_text(errors="replace").strip()[-_LAST_WORDS:]
        raise Undecided(f"the submission was cut off; {said}" if said else "the submission was cut off")
    complaints.unlink(missing_ok=True)
    return found


def _await(process: subprocess.Popen[bytes], deadline_s: float, stopping: threading.Event) -> None:
    ends = time.monotonic() + deadline_s
    while process.poll() is None:
        if stopping.wait(_POLL_S):
            # Nobody waits for it any more; while this process lives it must not stay as a zombie.
            threading.Thread(target=process.wait, name="left submitter", daemon=True).start()
            raise Undecided("the edge is stopping; the submission goes on, ask again with the same key")
        if time.monotonic() >= ends:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise Undecided(f"the scheduler did not answer within {deadline_s:.0f} s")
