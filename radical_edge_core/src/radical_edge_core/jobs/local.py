"""
Jobs of this node: what their folders and processes say, and how they are ended.

What a folder says, in the order in which it is believed:

1. ``exit.json``: the payload ended, with this code.
2. a void claim: it never ran and never will.
3. a claim of another boot: the node restarted under it.
4. the shim lives: active. The shim is gone and others of its session live: active still.
5. nobody lives: the shim was killed; nobody knows the code.
6. no claim: it has not begun; in another boot than the one it was made in, it never will.

Where somebody asked for the end of the job and the job did not end by itself before, it is CANCELED.
"""

from __future__ import annotations

import signal

from radical_edge_core.jobs.claim import VOID
from radical_edge_core.jobs.folder import ExitRecord, JobFolder
from radical_edge_core.jobs.process import boot_clock, boot_id, members, send, send_groups
from radical_edge_core.jobs.status import JobState, JobStatus, describe_exit

NODE_RESTARTED = "node restarted"
SHIM_KILLED = "the job's processes were killed from outside; its exit code is unknown"
NEVER_STARTED = "the job was never started"
FOLDER_GONE = "the job's folder was removed; nothing is known of it any more"
_LAST_RESORT_S = 5.0


def observe(folder: JobFolder) -> JobStatus:
    """Return what is true of a local job now; whatever asked before, and whatever was restarted since."""
    if (record := folder.exit()) is not None:
        return _ended(folder, record)
    claim = folder.claim()
    if claim is None:
        if not folder.path.exists():
            return _cut_off(folder, FOLDER_GONE)
        if folder.boot != boot_id():
            return _cut_off(folder, f"{NODE_RESTARTED} before the job began")
        return JobStatus(state=JobState.QUEUED)
    if claim.kind == VOID:
        return _cut_off(folder, NEVER_STARTED)
    if claim.boot != boot_id():
        return _cut_off(folder, NODE_RESTARTED)
    if (shim := claim.process) is not None and (shim.alive() or members(shim)):
        return JobStatus(state=JobState.ACTIVE, started_at=folder.started_at() or folder.claimed_at())
    if (record := folder.exit()) is not None:  # written after the first look, before the shim was gone
        return _ended(folder, record)
    return _cut_off(folder, SHIM_KILLED)


def _ended(folder: JobFolder, record: ExitRecord) -> JobStatus:
    state = JobState.COMPLETED if record.code == 0 else JobState.FAILED
    if folder.cancel_asked() and (record.signals or record.code > 128):
        state = JobState.CANCELED
    return JobStatus(
        state=state,
        exit_code=record.code,
        message="canceled" if state is JobState.CANCELED else describe_exit(record.code),
        started_at=record.start,
        ended_at=record.end,
        stdout_bytes=record.stdout_bytes,
        stderr_bytes=record.stderr_bytes,
    )


def _cut_off(folder: JobFolder, why: str) -> JobStatus:
    asked = folder.cancel_asked()
    return JobStatus(
        state=JobState.CANCELED if asked else JobState.FAILED,
        message="canceled" if asked else why,
        started_at=folder.started_at(),
    )


def pursue_cancel(folder: JobFolder, grace_s: float) -> None:
    """
    Do what is due now to end a job whose end was asked for; to be called again and again until it is over.

    A job that has not begun loses its claim. One that runs gets TERM, and after ``grace_s`` KILL for
    everybody but its shim, which then writes down how it ended; a shim that does not get KILL as well. What
    was sent is written into ``cancel.json``, so that another process can go on where this one stopped.
    """
    wish = folder.recall("cancel.json")
    if wish is None or folder.exit() is not None:
        return
    claim = folder.claim() or folder.withdraw("canceled")
    shim = claim.process
    if shim is None or claim.boot != boot_id():
        return
    now = boot_clock()
    sent_at = wish.get("term_at") if wish.get("boot_id") == boot_id() else None
    if not isinstance(sent_at, float):
        send_groups(shim, signal.SIGTERM)
        send_groups(shim, signal.SIGCONT)  # a stopped process takes no TERM
        folder.note_cancel(boot_id=boot_id(), term_at=now)  # after it: rather a second TERM than none
    elif now >= sent_at + grace_s + _LAST_RESORT_S:
        send_groups(shim, signal.SIGKILL)
    elif now >= sent_at + grace_s:
        for each in members(shim):
            if each != shim:
                send(each, signal.SIGKILL)
