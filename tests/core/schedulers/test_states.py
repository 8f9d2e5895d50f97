"""What became of jobs, looked up by their ids: the queue first, then the accounting."""

from __future__ import annotations

import time

import pytest
from attrs import evolve

from radical_edge_core.schedulers import CommandFailed, JobStates, Query
from radical_edge_core.schedulers.records import Job

PLAIN = Job(
    job_id="1", raw_id="1", job_name="j", user="me", partition="p", state="RUNNING", phase="running", nodes=1, cpus=1,
    time_limit=1, time_used=0, submit_time=1, start_time=1, priority=1, account="a", node_list="n",
)  # fmt: skip
INTERVAL_S = 10.0


def running(job_id: str) -> Job:
    return evolve(PLAIN, job_id=job_id, raw_id=job_id)


def over(job_id: str, state: str = "COMPLETED") -> Job:
    return evolve(running(job_id), state=state, phase="over", exit_code=0)


class Cluster:
    """A queue and an accounting that say what the test puts in; each look at one is counted."""

    def __init__(self, collector, clock) -> None:
        self.collector, self.clock = collector, clock
        self.queue: list[Job] = []
        self.accounting: list[Job] = []
        self.queue_fails = self.accounting_fails = False
        self.looks = 0
        self.lookups: list[list[str]] = []
        live = Query(name="jobs", user="me", ask=self.show)
        self.states = JobStates(collector, live, self.look_up, name="past jobs")

    def show(self, _runner) -> tuple[Job, ...]:
        self.looks += 1
        if self.queue_fails:
            raise CommandFailed("squeue is away", command="squeue", return_code=1, stderr="")
        return tuple(self.queue)

    def look_up(self, _runner, ids) -> tuple[Job, ...]:
        self.lookups.append(sorted(ids))
        if self.accounting_fails:
            raise CommandFailed("sacct is away", command="sacct", return_code=1, stderr="")
        return tuple(job for job in self.accounting if job.job_id in ids)

    def settle(self, ids):
        """Ask until nothing is under way and nothing new is told within this instant."""
        ends = time.monotonic() + 10
        while True:
            found = self.states.look_up(ids)
            if not any(entry.flight for entry in self.collector._entries.values()):
                again = self.states.look_up(ids)
                if again == found and not any(entry.flight for entry in self.collector._entries.values()):
                    return found
            assert time.monotonic() < ends
            time.sleep(0.002)

    def later(self, ids):
        self.clock.turn(INTERVAL_S)
        return self.settle(ids)


@pytest.fixture
def cluster(collector, clock) -> Cluster:
    return Cluster(collector, clock)


def states(found) -> dict[str, str]:
    return {name: job.state for name, job in found.jobs.items()}


def test_what_the_queue_shows_is_not_looked_up(cluster) -> None:
    """Jobs that wait, run, or ended a moment ago."""
    cluster.queue = [running("1"), over("2", "FAILED")]
    assert states(cluster.settle(["1", "2"])) == {"1": "RUNNING", "2": "FAILED"}
    assert (cluster.looks, cluster.lookups) == (1, [])


def test_what_left_the_queue_is_looked_up_all_together(cluster) -> None:
    """In one command, and once: what is over stays over."""
    ids = [str(number) for number in range(300)]
    cluster.accounting = [over(name) for name in ids]
    cluster.settle(ids)
    found = cluster.later(ids)
    assert set(states(found).values()) == {"COMPLETED"}
    assert len(found.jobs) == 300
    assert cluster.lookups == [sorted(ids)]
    for _ in range(5):
        cluster.later(ids)
    assert len(cluster.lookups) == 1


def test_four_questions_a_second_cost_one_command_an_interval(cluster, clock) -> None:
    """Of either kind."""
    cluster.queue = [running("1")]
    ids = ["1", "2"]
    for _ in range(4 * 60):
        cluster.settle(ids)
        clock.turn(0.25)
    assert cluster.looks <= 7
    assert len(cluster.lookups) <= 7


def test_a_queue_as_it_was_before_says_nothing_of_a_new_job(cluster, clock) -> None:
    """Only an answer that is younger than the first question can miss it."""
    cluster.settle(["1"])
    clock.turn(1)
    found = cluster.settle(["1", "2"])
    assert "2" in found.unheard
    assert not any("2" in asked for asked in cluster.lookups)


def test_what_nobody_knows_is_gone_since_then(cluster, clock) -> None:
    """The caller decides how long that may be; accounting lags behind."""
    since = clock.now()
    found = cluster.settle(["7"])
    assert (found.gone, found.unheard) == ({"7": since}, frozenset())
    assert cluster.later(["7"]).gone == {"7": since}
    cluster.accounting = [over("7")]
    found = cluster.later(["7"])
    assert (states(found), found.gone) == ({"7": "COMPLETED"}, {})


def test_accounting_that_lags_is_believed_for_the_moment(cluster) -> None:
    """A job that left the queue may still run there; it is asked for again."""
    cluster.accounting = [running("1")]
    cluster.settle(["1"])
    assert states(cluster.later(["1"])) == {"1": "RUNNING"}
    cluster.accounting = [over("1", "TIMEOUT")]
    assert states(cluster.later(["1"])) == {"1": "TIMEOUT"}


def test_a_job_that_is_queued_again_is_no_longer_over(cluster) -> None:
    """The queue has the last word."""
    cluster.accounting = [over("1", "CANCELLED")]
    cluster.settle(["1"])
    assert states(cluster.later(["1"])) == {"1": "CANCELLED"}
    cluster.queue = [evolve(running("1"), state="PENDING", phase="pending")]
    assert states(cluster.later(["1"])) == {"1": "PENDING"}
    cluster.queue, cluster.accounting = [], [over("1")]
    cluster.later(["1"])
    assert states(cluster.later(["1"])) == {"1": "COMPLETED"}


def test_a_queue_that_cannot_be_read_marks_what_it_said(cluster, clock) -> None:
    """States are unknown since the last answer; nothing is gone because of it."""
    cluster.queue = [running("1")]
    good = cluster.settle(["1", "2"])
    cluster.queue_fails = True
    found = cluster.later(["1", "2"])
    assert states(found) == {"1": "RUNNING"}
    assert (found.as_of, found.unknown_since, found.problem) == (good.as_of, good.as_of, "squeue is away")
    assert found.gone == good.gone


def test_a_scheduler_that_was_never_heard_leaves_all_unheard(cluster) -> None:
    """And says why."""
    cluster.queue_fails = True
    cluster.settle(["1"])
    found = cluster.settle(["1"])
    assert (found.jobs, found.unheard, found.as_of, found.problem) == ({}, {"1"}, None, "squeue is away")


def test_accounting_that_cannot_be_read_makes_nothing_gone(cluster) -> None:
    """Its problem is told."""
    cluster.accounting_fails = True
    cluster.settle(["1"])
    found = cluster.later(["1"])
    assert (found.unheard, found.gone, found.problem) == ({"1"}, {}, "sacct is away")


def test_tasks_of_arrays_go_by_both_their_ids(cluster) -> None:
    """The user's form and the number."""
    cluster.queue = [evolve(PLAIN, job_id="9_2", raw_id="23"), evolve(PLAIN, job_id="9_[4-5]", raw_id="9")]
    assert set(cluster.settle(["9_2", "23", "9"]).jobs) == {"9_2", "23", "9"}


def test_what_is_not_asked_for_is_forgotten(cluster, clock) -> None:
    """So that nothing grows with the number of jobs there ever were."""
    for begin in range(0, 3000, 100):
        cluster.settle([str(number) for number in range(begin, begin + 100)])
        clock.turn(601)
    assert len(cluster.states._known) < 500
