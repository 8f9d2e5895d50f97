"""Schedulers that are not there: recorded answers, stand-in programs, and a clock turned by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from radical_edge_core.schedulers import Collector, CommandRunner
from radical_edge_core.schedulers.command import Output
from radical_edge_core.testing.schedulers import SEPARATOR, HandClock, StandIns

RECORDED = Path(__file__).parent / "recorded"
SHAPES = {
    "squeue.parsable.txt": (
        "%i|%A|%F|%K|%j|%u|%a|%P|%q|%t|%T|%r|%R|%M|%l|%L|%S|%e|%V|%D|%C|%m|%b|%f|%Q|%N|%B|%E|%Z|%o|%k"
    ),
    "sinfo.parsable.txt": "%P|%a|%l|%D|%t|%N|%c|%m|%f|%G|%C|%L|%s|%g",
    "sinfo.nodes.txt": "%N|%P|%t|%c|%m|%e|%f|%G|%O|%C|%E|%H|%u",
    "sacct.parsable.txt": (
        "JobID|JobIDRaw|JobName|User|Account|Partition|QOS|State|ExitCode|DerivedExitCode|Submit|Eligible|Start|End"
        "|ElapsedRaw|TimelimitRaw|NNodes|NCPUS|NTasks|NodeList|ReqTRES|AllocTRES|MaxRSS|AveCPU|TotalCPU|Reason"
        "|WorkDir|Comment"
    ),
}


@pytest.fixture
def recorded() -> Callable[[str], str]:
    """Read a recorded answer."""
    return lambda name: (RECORDED / name).read_text(encoding="utf-8")


@pytest.fixture
def shaped(recorded: Callable[[str], str]) -> Callable[..., str]:
    """Read a recorded table with its columns in another order; those that were not recorded are empty."""

    def read(name: str, wanted: Sequence[str], separator: str = SEPARATOR) -> str:
        codes = SHAPES[name.rpartition("/")[2]].split("|")
        lines = []
        for line in recorded(name).splitlines():
            row = dict(zip(codes, line.split("|"), strict=True))
            row.setdefault("%R", row.get("%P", "").removesuffix("*"))
            row.setdefault("%T", row.get("%t", ""))
            if "." not in row.get("JobID", ""):  # a step, which --allocations leaves out
                lines.append(separator.join(row.get(code, "") for code in wanted))
        return "\n".join(lines) + "\n"

    return read


@pytest.fixture
def stand_ins(tmp_path: Path) -> StandIns:
    folder = tmp_path / "stand ins"
    folder.mkdir()
    return StandIns(folder)


@pytest.fixture
def runner(stand_ins: StandIns) -> Iterator[CommandRunner]:
    made = CommandRunner(lambda: stand_ins.environ, deadline_s=20)
    yield made
    made.stop()


class Desk:
    """
    In the runner's place: counts calls, says what it is told to, and can be held up.

    A call takes ``takes_s`` of the hand clock's time.
    """

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.calls: list[tuple[str, ...]] = []
        self.answer: str | Exception = "fine"
        self.takes_s = 0.0
        self.open = threading.Event()
        self.open.set()
        self.stopped = False
        self.most_at_once = 0
        self._inside = 0
        self._lock = threading.Lock()

    def find(self, name: str) -> str | None:
        return f"/bin/{name}"

    def run(self, argv, *, ends_well=(0,), deadline_s=None) -> Output:
        with self._lock:
            self.calls.append(tuple(argv))
            answer = self.answer
            self._inside += 1
            self.most_at_once = max(self.most_at_once, self._inside)
        assert self.open.wait(20)
        self.clock.turn(self.takes_s)
        with self._lock:
            self._inside -= 1
        if isinstance(answer, Exception):
            raise answer
        return Output(stdout=answer, stderr="", return_code=0)

    def stop(self) -> None:
        self.stopped = True
        self.open.set()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def desk(clock: HandClock) -> Desk:
    return Desk(clock)


@pytest.fixture
def collector(desk: Desk, clock: HandClock) -> Iterator[Collector]:
    made = Collector(desk, monotonic=clock.monotonic, now=clock.now, pause=clock.turn)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Fail a test after which an attempt still runs."""
    yield
    ends = time.monotonic() + 5
    while left := [
        each.name for each in threading.enumerate() if each.name.startswith(("scheduler", "unend"))
    ]:
        assert time.monotonic() < ends, left
        time.sleep(0.005)
