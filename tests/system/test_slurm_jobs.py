"""Jobs on a real SLURM through bridge, edge and client: what listeners hear, and what a killed edge leaves behind."""

from __future__ import annotations

import re
import runpy
import shutil
import signal
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest
from kit.events import Event, Listener, listen
from kit.hosts import Bridge, Edge
from kit.jobs import FINAL, ends
from kit.slurm import Cluster
from kit.stand import Stand
from kit.waiting import until

from radical_edge_core.testing.tally import Tally

pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).parents[2]
TOPIC = "?topics=job_status"
POINTS = ("key.begun", "job.made", "job.handed_over", "key.acted", "key.kept", "event.kept", "event.sent")
TIMES = 5


class Hpc:
    """A bridge, and an edge that submits to the cluster; what the edge asks SLURM is counted."""

    def __init__(self, stand: Stand, cluster: Cluster) -> None:
        self.stand, self.cluster = stand, cluster
        self.folder = stand.folder / "work"
        self.calls = stand.folder / "calls"
        self._programs = stand.folder / "programs"
        self._settings = stand.folder / "hpc.toml"
        self.folder.mkdir()
        self.write_programs()
        self.set("")
        self.bridge: Bridge = stand.bridge()
        self.port = self.bridge.port

    def set(self, more: str) -> None:
        """Write the edge's settings, before it starts."""
        shared = f'[plugins.psij]\nshared_dir = "{self.stand.folder / "shared jobs"}"\n'
        self._settings.write_text(shared + more, encoding="utf-8")

    def write_programs(self) -> None:
        """Put programs on the path that note their being called, and go on to the real ones."""
        self._programs.mkdir()
        for name in ("sbatch", "squeue", "sacct"):
            program = self._programs / name
            program.write_text(f"#!/bin/sh\necho {name} >>'{self.calls}'\nexec {shutil.which(name)} \"$@\"\n")
            program.chmod(0o755)

    def asked(self) -> Counter[str]:
        """Count the calls so far."""
        return Counter(self.calls.read_text().split()) if self.calls.exists() else Counter()

    def start(self, **environ: str) -> Edge:
        """Start the edge, for the first time or again."""
        also = {
            "SLURM_CONF": self.cluster.conf,
            "PATH": f"{self._programs}:{self.stand.environ['PATH']}",
            **environ,
        }
        url = f"ws://127.0.0.1:{self.port}"
        plugins = ("--plugins", "psij,queue_info", "--config", str(self._settings))
        return self.stand.edge("hpc", "--url", url, *plugins, also=also)

    def session(self) -> str:
        """Return the session, which is the same for every process of the edge."""
        self.bridge.has("hpc", "psij")
        return self.bridge.session("hpc", "psij", name="tests")

    def submit(self, sid: str, script: str, key: str, **spec: Any) -> str:
        """Submit until the answer is final, as a client does; return the job's id."""
        job_spec = {"executable": "sh", "arguments": ["-c", script], "directory": str(self.folder), **spec}
        body = {"job_spec": job_spec, "executor": "slurm"}

        def answer() -> str | None:
            told = self.bridge.ask("POST", f"/hpc/psij/submit/{sid}", body, Idempotency_Key=key)
            if told.status == 200:
                return str(told.json()["job_id"])
            assert told.status >= 500, told.body
            return None

        return until(answer, 90, f"job {key} is submitted", pause_s=0.2)

    def status(self, sid: str, job: str) -> dict[str, Any]:
        """Return all that is known of a job."""
        found: dict[str, Any] = self.bridge.get(f"/hpc/psij/status/{sid}/{job}")
        return found

    def ended(self, sid: str, job: str) -> dict[str, Any]:
        """Wait until a job is over."""

        def over() -> dict[str, Any] | None:
            found = self.status(sid, job)
            return found if found["state"] in FINAL else None

        return until(over, 90, f"job {job} is over", pause_s=0.2)


@pytest.fixture
def hpc(stand: Stand, slurm: Cluster) -> Iterator[Hpc]:
    """What the tests begin with; every job is ended at the end."""
    yield Hpc(stand, slurm)
    slurm.cancel_all()


def is_of(job: str, state: str) -> Callable[[Event], bool]:
    """Return what knows the event of a job's state."""

    def wanted(event: Event) -> bool:
        if event.topic != "notification":
            return False
        data = event.data["data"]
        return (data["job_id"], data["state"]) == (job, state)

    return wanted


def jobs_told(listener: Listener) -> Counter[str]:
    """Return how often an end was told of each job."""
    return Counter(job for job, _, _ in ends(listener).elements())


def test_how_soon_a_listener_hears(hpc: Hpc) -> None:
    """Of starts and ends within 3 s, of what only SLURM knows within an interval and 3 s; SLURM is asked as ever."""
    hpc.start()
    sid = hpc.session()
    late: list[float] = []
    began = time.monotonic()
    with listen(hpc.bridge, TOPIC) as listener:
        for number in range(5):
            go = hpc.folder / f"go-{number}"
            script = f"date +%s.%N; until [ -e {go.name} ]; do sleep 0.02; done; date +%s.%N; exit {number}"
            job = hpc.submit(sid, script, f"k{number}")
            listener.next(is_of(job, "ACTIVE"), 30)
            heard = [time.time()]
            go.touch()
            state = "FAILED" if number else "COMPLETED"
            told = listener.next(is_of(job, state), 30)
            heard.append(time.time())
            assert told.data["data"]["exit_code"] == number
            happened = map(float, hpc.status(sid, job)["stdout"].split())
            late += [there - then for there, then in zip(heard, happened, strict=True)]
        held = hpc.submit(sid, "true", "held", attributes={"slurm.hold": True})
        native_id = hpc.status(sid, held)["native_id"]
        hpc.cluster.run("scancel", native_id)
        canceled = time.monotonic()
        listener.next(is_of(held, "CANCELED"), 30)
        by_slurm = time.monotonic() - canceled
    took, asked = time.monotonic() - began, hpc.asked()
    print(
        f"heard after {max(late):.2f} s at most ({len(late)} changes), by SLURM alone after {by_slurm:.1f} s"
    )
    print(f"SLURM asked {dict(asked)} in {took:.0f} s")
    assert max(late) < 3, late
    assert by_slurm < 13
    assert asked["squeue"] <= took / 10 + 2 + 1, asked  # one more: the search of a key that is new
    assert asked["sbatch"] == 6


def test_a_killed_edge_with_20_jobs_in_flight(hpc: Hpc) -> None:
    """``kill -9``: the same session, the same jobs, their true ends, each told once to who listened all the while."""
    edge = hpc.start()
    sid = hpc.session()
    script = "until [ -e go ]; do sleep 0.2; done; exit {}"
    with listen(hpc.bridge, TOPIC) as listener:
        jobs = {hpc.submit(sid, script.format(n % 3), f"k{n}"): n % 3 for n in range(20)}
        killed = hpc.submit(sid, "kill -9 $$", "signal")
        doomed = hpc.submit(sid, "sleep 600", "doomed")
        ended = {"doomed": hpc.status(sid, doomed)["native_id"]}
        edge.kill()
        (hpc.folder / "go").touch()
        hpc.cluster.run("scancel", ended["doomed"])
        hpc.start()
        assert hpc.session() == sid
        codes = {**jobs, killed: 137}
        for job, code in codes.items():
            status = hpc.ended(sid, job)
            assert (status["state"], status["exit_code"]) == ("FAILED" if code else "COMPLETED", code)
        assert hpc.ended(sid, doomed)["state"] == "CANCELED"
        listed = {job["job_id"] for job in hpc.bridge.get(f"/hpc/psij/list_jobs/{sid}")["jobs"]}
        assert listed == {*codes, doomed}

        while set(jobs_told(listener)) != listed:
            listener.next(lambda event: event.topic == "notification", 30)
        # One more job: what would be told twice is told before it.
        last = hpc.submit(sid, "true", "last")
        listener.next(is_of(last, "COMPLETED"), 30)
        assert jobs_told(listener) == dict.fromkeys([*listed, last], 1)
    assert hpc.asked()["sbatch"] == 23


class Keeper(Thread):
    """Starts the edge again whenever it dies, ready to die at the same point until it has done so often enough."""

    def __init__(self, hpc: Hpc, point: str) -> None:
        super().__init__(name="keeper", daemon=True)
        self._hpc, self._point = hpc, point
        self._done = Flag()
        self.deaths = 0
        self._edge = self._start()

    def run(self) -> None:
        """Watch."""
        while not self._done.wait(0.02):
            if not self._edge.running:
                assert self._edge.wait(0) == -signal.SIGKILL
                self.deaths += 1
                self._edge = self._start()

    def end(self) -> None:
        """Watch no more."""
        self._done.set()
        self.join()

    def _start(self) -> Edge:
        passage = 1 + self.deaths % 2
        armed = {"RADICAL_EDGE_CRASH_POINT": f"{self._point}:{passage}"} if self.deaths < TIMES else {}
        return self._hpc.start(**armed)


@pytest.mark.parametrize("point", POINTS)
def test_an_edge_that_dies_at_a_named_point(hpc: Hpc, tally: Tally, point: str) -> None:
    """Five times, while a client asks until it is answered: as many runs as keys, and each end is told once."""
    hpc.set("interval_s = 2.0\nmargin_s = 1.0\n")
    keeper = Keeper(hpc, point)
    keeper.start()
    jobs: dict[str, str] = {}
    try:
        with listen(hpc.bridge, TOPIC) as listener:
            sid = hpc.session()
            while keeper.deaths < TIMES or len(jobs) < TIMES:
                key = f"k{len(jobs)}"
                assert len(jobs) < 10 * TIMES, f"{point} is not passed"
                jobs[key] = hpc.submit(sid, f"echo {key} >>runs", key)
                listener.next(is_of(jobs[key], "COMPLETED"), 60)
            assert len(set(jobs.values())) == len(jobs)
            told = jobs_told(listener)
    finally:
        keeper.end()
    tally.faults[f"crash at {point}"] = keeper.deaths
    print(f"{len(jobs)} jobs, {tally}")
    tally.check()
    assert told == dict.fromkeys(jobs.values(), 1)
    assert Counter((hpc.folder / "runs").read_text().split()) == dict.fromkeys(jobs, 1)


@pytest.fixture
def here(hpc: Hpc, monkeypatch: pytest.MonkeyPatch) -> Hpc:
    """The bridge and its edge as the examples find them."""
    hpc.set("interval_s = 2.0\n")
    hpc.start()
    hpc.bridge.has("hpc", "psij", "queue_info")
    monkeypatch.setenv("RADICAL_EDGE_HOME", str(hpc.stand.home))
    monkeypatch.setenv("RADICAL_BRIDGE_URL", hpc.bridge.url)
    return hpc


@pytest.mark.parametrize(
    ("options", "place"),
    [((), "queue debug"), (("--queue", "restricted"), "queue restricted, account astro")],
    ids=["any", "named"],
)
def test_the_example(
    here: Hpc, options: tuple[str, ...], place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It chooses a queue, and the account that this asks for, from what ``queue_info`` tells."""
    example = runpy.run_path(str(ROOT / "examples" / "example_psij.py"))["main"]
    command = ("--", "sh", "-c", "echo $SLURM_JOB_PARTITION $SLURM_JOB_ACCOUNT; exit 3")
    assert example(["--edge", "hpc", "--executor", "slurm", *options, *command]) == 3
    printed = capsys.readouterr().out
    submitted = next(line for line in printed.splitlines() if line.startswith("submitted "))
    assert place.replace("queue ", "queue_name ") in submitted
    assert "FAILED, exit code 3" in printed
    words = place.split()
    queue, account = words[1].rstrip(","), words[-1] if "account" in place else "physics"
    assert f"{queue} {account}\n" in printed


def test_the_page_works_as_it_is_written(here: Hpc, capsys: pytest.CaptureFixture[str]) -> None:
    """Every block of ``run-on-slurm.md``."""
    text = (ROOT / "docs" / "how-to" / "run-on-slurm.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    work = here.stand.folder / "run 7"
    work.mkdir()
    program = work / "simulate"
    program.write_text('#!/bin/sh\necho "$SLURM_PROCID $*" >>steps\n', encoding="utf-8")
    program.chmod(0o755)
    assert [language for language, _ in blocks] == ["toml", "python", "python", "sh"]
    code = "".join(part for language, part in blocks if language == "python").replace("hpc1", "hpc")
    exec(compile(code, "run-on-slurm.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("COMPLETED\n")
    assert sorted((work / "steps").read_text().splitlines()) == [f"{n} --steps 1000" for n in range(8)]
    assert "'valid': True" in printed
    assert "start_estimate" in printed
    tomllib.loads(blocks[0][1])
    held = here.submit(here.session(), "true", "k", attributes={"slurm.hold": True})
    shown = here.cluster.run("sh", "-c", blocks[3][1])
    assert f" re.{held[:12]} re.{held[:12]} PENDING" in shown
