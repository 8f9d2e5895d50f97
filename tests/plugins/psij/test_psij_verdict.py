"""What a scheduler's job is, from its folder and the scheduler's word: every case, without either."""

from __future__ import annotations

import pytest
from attrs import evolve

from radical_edge_core.jobs.folder import ExitRecord
from radical_edge_core.jobs.status import JobState
from radical_edge_core.schedulers import Job
from radical_edge_psij.executors.verdict import Evidence, judge

JOB = Job(
    job_id="7", raw_id="7", job_name="n", user="u", partition="p", state="RUNNING", phase="running", nodes=1, cpus=1,
    time_limit=1, time_used=0, submit_time=1, start_time=50, end_time=90, priority=1, account="a", node_list="c1",
)  # fmt: skip
RECORD = ExitRecord(code=0, signals=(), start=60.0, end=80.0, stdout_bytes=1, stderr_bytes=2)
NOTHING = Evidence(
    void=False,
    started_at=None,
    record=None,
    cancel_asked=False,
    job=None,
    as_of=100.0,
    gone=False,
    waited=False,
)


def over(state: str) -> Job:
    return evolve(JOB, state=state, phase="over")


PENDING = evolve(JOB, state="PENDING", phase="pending", reason="Resources", reason_text="it waits")
TERM = evolve(RECORD, code=143, signals=("TERM",))
BEGUN = evolve(NOTHING, started_at=60.0)


def told(evidence: Evidence, **more: object) -> tuple[str, int | None, str] | None:
    seen = judge(evolve(evidence, **more))
    return None if seen is None else (seen.status.state.value, seen.status.exit_code, seen.status.message)


def test_the_file_wins_where_the_payload_ended_by_itself() -> None:
    """Whatever the scheduler calls it, and before it says anything."""
    failed = evolve(RECORD, code=7)
    for job in (None, JOB, PENDING, over("COMPLETED"), over("CANCELLED"), over("TIMEOUT")):
        assert told(BEGUN, record=failed, job=job) == ("FAILED", 7, "exit code 7")
        assert told(BEGUN, record=RECORD, job=job, cancel_asked=True) == ("COMPLETED", 0, "")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("TIMEOUT", ("FAILED", 143, "the job reached its time limit (TIMEOUT)")),
        ("CANCELLED", ("CANCELED", 143, "canceled")),
        ("PREEMPTED", ("FAILED", 143, "the job was preempted by another (PREEMPTED)")),
        ("NODE_FAIL", ("FAILED", 143, "a node of the job failed (NODE_FAIL)")),
        ("OUT_OF_MEMORY", ("FAILED", 143, "the job used more memory than it may (OUT_OF_MEMORY)")),
        ("COMPLETED", ("FAILED", 143, "ended by signal 15 (SIGTERM)")),
    ],
)
def test_the_scheduler_says_why_a_signal_came(word: str, expected: tuple[str, int, str]) -> None:
    """And the file says with which code the payload answered it."""
    assert told(BEGUN, record=TERM, job=over(word)) == expected


def test_a_payload_that_cleans_up_keeps_its_code() -> None:
    """Canceled with 0 is canceled; timed out with 0 is failed."""
    tidy = evolve(TERM, code=0)
    assert told(BEGUN, record=tidy, job=over("CANCELLED")) == ("CANCELED", 0, "canceled")
    assert told(BEGUN, record=tidy, job=over("TIMEOUT"))[:2] == ("FAILED", 0)


def test_a_signal_waits_for_the_scheduler() -> None:
    """An answer from before the end says nothing; one from after it that shows the job waiting is a requeue."""
    assert told(BEGUN, record=TERM, job=JOB)[0] == "ACTIVE"
    assert told(BEGUN, record=TERM, job=PENDING, as_of=79.0)[0] == "ACTIVE"
    seen = judge(evolve(BEGUN, record=TERM, job=PENDING))
    assert (seen.status.state, seen.reason, seen.reason_text) == (JobState.QUEUED, "Resources", "it waits")
    assert told(BEGUN, record=TERM, gone=True, cancel_asked=True) == ("CANCELED", 143, "canceled")
    assert told(BEGUN, record=TERM, waited=True) == ("FAILED", 143, "ended by signal 15 (SIGTERM)")


def test_over_without_a_record() -> None:
    """After a wait the scheduler's word counts, but for COMPLETED."""
    for word in ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED"):
        assert told(BEGUN, job=over(word)) is None
    assert told(BEGUN, job=over("COMPLETED"), waited=True)[0] == "FAILED"
    assert "shim killed" in told(BEGUN, job=over("COMPLETED"), waited=True)[2]
    assert told(BEGUN, job=over("TIMEOUT"), waited=True) == (
        "FAILED",
        None,
        "the job reached its time limit (TIMEOUT)",
    )
    assert told(BEGUN, job=over("CANCELLED"), waited=True) == ("CANCELED", None, "canceled")
    assert told(BEGUN, gone=True) is None
    assert told(BEGUN, gone=True, waited=True)[0] == "FAILED"


def test_no_job_ends_before_it_began() -> None:
    """Schedulers count whole seconds, folders do not."""
    for end, expected in ((90, 90.7), (91, 91.0)):
        seen = judge(evolve(BEGUN, started_at=90.7, job=evolve(over("CANCELLED"), end_time=end), waited=True))
        assert (seen.status.started_at, seen.status.ended_at) == (90.7, expected)


def test_before_it_begins() -> None:
    """The scheduler's word, and nothing is made up where there is none."""
    assert told(NOTHING) is None
    assert told(NOTHING, job=PENDING) == ("QUEUED", None, "it waits")
    assert told(NOTHING, job=JOB)[0] == "ACTIVE"
    assert told(NOTHING, job=over("CANCELLED")) is None
    assert told(NOTHING, job=over("CANCELLED"), waited=True) == ("CANCELED", None, "canceled")
    assert told(NOTHING, job=over("COMPLETED"), waited=True) == ("FAILED", None, "the job was never started")
    assert "NODE_FAIL" in told(NOTHING, job=over("NODE_FAIL"), waited=True)[2]
    assert told(NOTHING, void=True) == ("FAILED", None, "the job was never started")
    assert told(NOTHING, void=True, job=JOB, cancel_asked=True) == ("CANCELED", None, "canceled")


def test_running_and_queued_again() -> None:
    """An old answer that shows it waiting does not undo what the folder says; a newer one does."""
    assert told(BEGUN)[0] == "ACTIVE"
    assert told(BEGUN, job=PENDING, as_of=59.0)[0] == "ACTIVE"
    assert told(BEGUN, job=PENDING)[0] == "QUEUED"
    assert judge(evolve(BEGUN, job=JOB)).status.started_at == 60.0
