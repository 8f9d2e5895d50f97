"""Notifications from an edge's plugin to a listener in a third process, over whatever happens to the two hosts."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kit.events import Event, Listener, listen
from kit.hosts import Bridge, Edge
from kit.stand import Stand
from kit.waiting import until

JOB_STATUS = "?topics=job_status"
# A job that goes on until a file is there, or a minute is over.
WAITS = 'n=0; while ! test -e "$1" && test $n -lt 600; do n=$((n + 1)); sleep 0.1; done'


class Jobs:
    """Local jobs of one edge, and what is told of them."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.bridge: Bridge = stand.bridge()
        self.port = self.bridge.port
        self.edge: Edge = self.start_edge()
        self.bridge.has("hpc", "psij")
        self.sid = self.bridge.session("hpc", "psij", name="tests")
        self._made = 0

    def start_edge(self) -> Edge:
        """Start the edge, for the first time or again."""
        return self.stand.edge("hpc", "--url", f"ws://127.0.0.1:{self.port}", "--plugins", "psij,sysinfo")

    def submit(self, *, token: str | None = None, sid: str = "") -> tuple[str, Path]:
        """Submit a job; return its id and the file that ends it."""
        self._made += 1
        ends = self.stand.folder / f"end-{self._made}"
        spec = {"executable": "/bin/sh", "arguments": ["-c", WAITS, "job", str(ends)]}
        answer = self.bridge.ask(
            "POST",
            f"/hpc/psij/submit/{sid or self.sid}",
            {"job_spec": spec, "executor": "local"},
            token=token,
        ).ok
        return answer["job_id"], ends

    def run(self) -> str:
        """Submit a job that ends at once, and return its id."""
        job, ends = self.submit()
        ends.touch()
        return job


@pytest.fixture
def jobs(stand: Stand) -> Jobs:
    """A bridge, and an edge that runs jobs."""
    return Jobs(stand)


def of(event: Event) -> tuple[str, str]:
    """Return which job an event tells of, and what."""
    data = event.data["data"]
    return data["job_id"], data["state"]


def until_over(listener: Listener, job: str) -> list[Event]:
    """Listen until a job is over; return the events of it."""
    listener.next(
        lambda event: event.topic == "notification" and of(event)[0] == job and of(event)[1] == "COMPLETED"
    )
    return [event for event in notifications(listener) if of(event)[0] == job]


def notifications(listener: Listener) -> list[Event]:
    return [event for event in listener.heard if event.topic == "notification"]


def number(event: Event) -> int:
    """Return the number in an event's id, which must have the form ``epoch.number``."""
    epoch, _, count = event.id.partition(".")
    assert epoch
    return int(count)


def test_the_states_of_a_job_arrive_with_ids(jobs: Jobs) -> None:
    """Each state comes once, in order, with an id that grows; the last one has exit code and output."""
    with listen(jobs.bridge, JOB_STATUS) as listener:
        job = jobs.run()
        events = until_over(listener, job)
    assert [of(event)[1] for event in events][-2:] == ["ACTIVE", "COMPLETED"]
    assert max(Counter(of(event) for event in events).values()) == 1
    numbers = [number(event) for event in events]
    assert numbers == sorted(set(numbers))
    last = events[-1].data
    assert (last["edge"], last["plugin"], last["topic"]) == ("hpc", "psij", "job_status")
    assert last["data"]["exit_code"] == 0
    assert {"stdout", "stderr"} <= set(last["data"])


def test_a_listener_hears_what_it_asks_for_and_may(jobs: Jobs) -> None:
    """Filters leave out what was not asked for, and another subject's jobs are never heard of."""
    other = jobs.bridge.post("/tokens", {"subject": "other"})["token"]
    sid = jobs.bridge.ask("POST", "/hpc/psij/register_session", {}, token=other).ok["sid"]
    with (
        listen(jobs.bridge, JOB_STATUS) as mine,
        listen(jobs.bridge, "?edge=hpc&plugin=psij") as also_mine,
        listen(jobs.bridge, "?topics=task_status") as else_,
        listen(jobs.bridge, "?edge=nobody") as nobody,
    ):
        theirs, ends = jobs.submit(token=other, sid=sid)
        ends.touch()
        until(lambda: state_of(jobs, theirs, sid, other) == "COMPLETED", 30)
        job = jobs.run()
        for listener in (mine, also_mine):
            assert {of(event)[0] for event in until_over(listener, job)} == {job}
            assert {of(event)[0] for event in notifications(listener)} == {job}
        assert notifications(else_) == notifications(nobody) == []
    with listen_as(jobs.bridge, other, "?topics=job_status") as listener:
        assert {of(event)[0] for event in until_over(listener, theirs)} == {theirs}


@contextmanager
def listen_as(bridge: Bridge, token: str, query: str) -> Iterator[Listener]:
    """Listen with another token, from the beginning of all that is kept."""
    epoch = kept_epoch(bridge)
    with bridge.open("GET", f"/events{query}", token=token, Last_Event_ID=f"{epoch}.0") as response:
        assert response.status == 200
        yield Listener(response)


def kept_epoch(bridge: Bridge) -> str:
    """Return the epoch of the bridge's event log, as a listener with an unknown id is told it."""
    with listen(bridge, after="nothing.0") as listener:
        told = listener.next(lambda event: event.topic == "truncated")
    return str(told.data["before"]).partition(".")[0]


def state_of(jobs: Jobs, job: str, sid: str = "", token: str | None = None) -> str:
    answer = jobs.bridge.ask("GET", f"/hpc/psij/status/{sid or jobs.sid}/{job}", token=token)
    return str(answer.ok["state"]) if answer.status == 200 else ""


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_events_are_replayed_after_a_restart_of_the_bridge(jobs: Jobs, how: str) -> None:
    """What was missed before the bridge went away, and meanwhile, comes once to who says what it heard last."""
    with listen(jobs.bridge, JOB_STATUS) as listener:
        before = until_over(listener, jobs.run())
        during, ends = jobs.submit()
        listener.next(lambda event: event.topic == "notification" and of(event) == (during, "ACTIVE"))
        last = listener.heard[-1].id
    missed = jobs.run()
    until(lambda: state_of(jobs, missed) == "COMPLETED", 30)
    if how == "kill":
        jobs.bridge.kill()
    else:
        jobs.bridge.stop()
    jobs.edge.wait_for("no link")
    ends.touch()  # it ends, and nobody hears of it
    job_has_ended(jobs, during)
    jobs.bridge = jobs.stand.bridge(port=jobs.port)
    with listen(jobs.bridge, JOB_STATUS, after=last) as listener:
        until_over(listener, during)
        after = until_over(listener, jobs.run())
        heard = Counter(of(event) for event in notifications(listener))
        replayed = notifications(listener)
        assert not [event for event in listener.heard if event.topic == "truncated"]
    assert max(heard.values()) == 1, "nothing comes twice"
    assert (missed, "ACTIVE") in heard
    assert (missed, "COMPLETED") in heard
    assert (during, "ACTIVE") not in heard, "that was heard before"
    assert (during, "COMPLETED") in heard
    numbers = [number(event) for event in (*before, *replayed)]
    assert numbers == sorted(set(numbers)), "one count over both processes"
    assert {event.id.partition(".")[0] for event in (*before, *after)} == {last.partition(".")[0]}


def job_has_ended(jobs: Jobs, job: str) -> None:
    """Wait, without asking either host, until the job has written down how it ended."""
    folder = jobs.stand.home / "edges/hpc"
    until(lambda: any(job in str(path) for path in folder.rglob("exit.json")), 30, f"job {job} has ended")


def test_events_survive_the_edge(jobs: Jobs) -> None:
    """A job that ends while its edge is killed is told once the edge is back, once, and with its true exit code."""
    with listen(jobs.bridge, JOB_STATUS) as listener:
        job, ends = jobs.submit()
        listener.next(lambda event: event.topic == "notification" and of(event) == (job, "ACTIVE"))
        jobs.edge.kill()
        ends.touch()
        job_has_ended(jobs, job)
        jobs.start_edge()
        events = until_over(listener, job)
        assert state_of(jobs, job) == "COMPLETED", "the same session has the same job"
        again = until_over(listener, jobs.run())
    assert events[-1].data["data"]["exit_code"] == 0
    assert max(Counter(of(event) for event in (*events, *again)).values()) == 1


def test_an_unknown_id_is_a_gap_that_is_told(jobs: Jobs) -> None:
    """A listener whose last id nobody knows is told so, and gets all there is."""
    with listen(jobs.bridge, JOB_STATUS) as listener:
        job = jobs.run()
        until_over(listener, job)
    with listen(jobs.bridge, JOB_STATUS, after="another-epoch.12") as listener:
        told = listener.next(lambda _: True)
        assert told.topic == "truncated"
        assert {of(event)[1] for event in until_over(listener, job)} >= {"ACTIVE", "COMPLETED"}


def test_streams_end_when_the_bridge_does(jobs: Jobs) -> None:
    """A bridge that is stopped ends its listeners' streams and does not wait for them."""
    with listen(jobs.bridge) as listener:
        jobs.bridge.send(signal.SIGTERM)
        with pytest.raises(AssertionError, match="the stream ended"):
            listener.next(lambda _: False, 20)
        assert jobs.bridge.wait(10) == 0
