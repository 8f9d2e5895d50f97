"""What listeners are told of jobs."""

from __future__ import annotations

from collections import Counter

from kit.events import Listener

FINAL = frozenset({"COMPLETED", "FAILED", "CANCELED"})
Ends = Counter[tuple[str, str, int | None]]


def ends(listener: Listener) -> Ends:
    """Return how often each end was told so far: the job's id, its state, its exit code."""
    told = (event.data["data"] for event in listener.heard if event.topic == "notification")
    return Counter((job["job_id"], job["state"], job["exit_code"]) for job in told if job["state"] in FINAL)
