"""However many ask: one command, one interval, and answers that say how old they are."""

from __future__ import annotations

import asyncio
import random
import threading
import time

import pytest

from radical_edge_core.schedulers import (
    Collector,
    CommandFailed,
    Freshness,
    OutputUnreadable,
    Query,
    SchedulerUnavailable,
)
from radical_edge_core.testing.waiting import wait_until

JOBS = Query[str](name="jobs", user="me", ask=lambda runner: runner.run(["squeue"]).stdout)
FAILURE = CommandFailed("squeue ended with code 1: down", command="squeue", return_code=1, stderr="down")


async def test_a_thousand_callers_cost_one_command_an_interval(collector, desk, clock) -> None:
    """Minutes of a thousand callers: at most one command each ten seconds, never two at once."""
    began = clock.monotonic()
    rng = random.Random(7)
    for _ in range(120):  # five minutes in steps of 2.5 s
        wishes = [Freshness(patience_s=rng.choice([None, 5.0])) for _ in range(1000)]
        answers = await asyncio.gather(*(collector.fetch(JOBS, wish) for wish in wishes))
        assert {answer.value for answer in answers} == {"fine"}
        assert all(clock.now() - answer.as_of <= 10 for answer in answers)
        clock.turn(2.5)
    minutes = (clock.monotonic() - began) / 60
    assert minutes == pytest.approx(5)
    assert len(desk.calls) == 30
    assert desk.most_at_once == 1


async def test_threads_and_loops_share_one_command(collector, desk) -> None:
    """A caller in a thread and one in a loop get the same answer."""
    desk.open.clear()
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(collector.fetch_blocking(JOBS))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    waiting = [asyncio.ensure_future(collector.fetch(JOBS)) for _ in range(20)]
    await wait_until(lambda: desk.calls)
    desk.open.set()
    answers = await asyncio.gather(*waiting)
    await asyncio.to_thread(lambda: [thread.join(10) for thread in threads])
    assert len(desk.calls) == 1
    assert {answer.as_of for answer in (*answers, *found)} == {answers[0].as_of}
    assert len(found) == 20


async def test_users_are_different_questions(collector, desk) -> None:
    """The budget is for each command and user."""
    await collector.fetch(JOBS)
    await collector.fetch(Query[str](name="jobs", user="*", ask=JOBS.ask))
    await collector.fetch(Query[str](name="jobs", user="me", ask=JOBS.ask))
    assert len(desk.calls) == 2


async def test_an_answer_is_true_of_the_instant_its_command_started(collector, desk, clock) -> None:
    """What happened while it ran may be missing in it."""
    started = clock.now()
    desk.takes_s = 4.0
    assert (await collector.fetch(JOBS)).as_of == started


async def test_force_asks_anew_but_not_at_once(collector, desk, clock) -> None:
    """Two seconds after the last start, and no sooner, whoever forces."""
    await collector.fetch(JOBS)
    clock.turn(1.9)
    await asyncio.gather(*(collector.fetch(JOBS, Freshness(force=True)) for _ in range(50)))
    assert len(desk.calls) == 1
    clock.turn(0.1)
    await asyncio.gather(*(collector.fetch(JOBS, Freshness(force=True)) for _ in range(50)))
    assert len(desk.calls) == 2


async def test_no_wish_for_freshness_goes_below_the_bound(collector, desk, clock) -> None:
    """An interval of zero is that of force."""
    for _ in range(20):
        await collector.fetch(JOBS, Freshness(interval_s=0))
        clock.turn(0.5)
    assert len(desk.calls) == 5


async def test_a_failure_keeps_and_marks_the_last_answer(collector, desk, clock) -> None:
    """It is unknown since the instant that it was true of, and says why."""
    good = await collector.fetch(JOBS)
    clock.turn(10)
    desk.answer = FAILURE
    stale = await collector.fetch(JOBS)
    assert (stale.value, stale.as_of, stale.unknown_since) == (good.value, good.as_of, good.as_of)
    assert stale.problem.data == FAILURE.data
    assert collector.problems() == {"jobs me": FAILURE.detail}
    clock.turn(10)
    desk.answer = "better"
    new = await collector.fetch(JOBS)
    assert (new.value, new.unknown_since, new.problem) == ("better", None, None)
    assert not collector.problems()


async def test_a_scheduler_that_is_down_is_not_asked_more_often(collector, desk, clock) -> None:
    """A failed attempt counts as one."""
    desk.answer = FAILURE
    for _ in range(40):
        with pytest.raises(CommandFailed) as caught:
            await collector.fetch(JOBS)
        assert caught.value is not FAILURE
        clock.turn(1)
    assert len(desk.calls) == 4


async def test_a_slow_command_rests_as_long_as_it_took(collector, desk, clock) -> None:
    """A controller that needs a minute for an answer has the next minute to itself."""
    desk.takes_s = 60
    await collector.fetch(JOBS)
    clock.turn(59)
    await collector.fetch(JOBS, Freshness(force=True))
    assert len(desk.calls) == 1
    clock.turn(1)
    await collector.fetch(JOBS)
    assert len(desk.calls) == 2


async def test_patience_ends_with_the_older_answer(collector, desk, clock) -> None:
    """A command that hangs holds nobody up who has been served before."""
    good = await collector.fetch(JOBS)
    clock.turn(10)
    desk.open.clear()
    answer = await collector.fetch(JOBS, Freshness(patience_s=0.05))
    assert answer == good
    desk.open.set()


async def test_without_an_older_answer_there_is_nothing_to_be_impatient_for(collector, desk) -> None:
    """The first caller waits for the command."""
    desk.open.clear()
    waiting = asyncio.ensure_future(collector.fetch(JOBS, Freshness(patience_s=0.01)))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    desk.open.set()
    assert (await waiting).value == "fine"


async def test_a_caller_that_leaves_takes_the_command_from_nobody(collector, desk) -> None:
    """The others get their answer."""
    desk.open.clear()
    waiting = [asyncio.ensure_future(collector.fetch(JOBS)) for _ in range(3)]
    await wait_until(lambda: desk.calls)
    waiting[0].cancel()
    await asyncio.wait({waiting[0]})
    desk.open.set()
    assert [(await each).value for each in waiting[1:]] == ["fine", "fine"]
    assert len(desk.calls) == 1


def test_polling_never_waits(collector, desk, clock) -> None:
    """It says what is known, and gets the next answer on its way."""
    desk.open.clear()
    assert collector.poll(JOBS) is None
    desk.open.set()
    answer = heard(collector)
    clock.turn(10)
    desk.open.clear()
    assert collector.poll(JOBS) == answer
    desk.open.set()
    collector.fetch_blocking(JOBS)
    assert len(desk.calls) == 2


def heard(collector: Collector):
    ends = time.monotonic() + 10
    while (answer := collector.poll(JOBS)) is None:
        assert time.monotonic() < ends
        time.sleep(0.005)
    return answer


def test_polling_four_times_a_second_costs_one_command_an_interval(collector, desk, clock) -> None:
    """As a watcher of jobs does."""
    heard(collector)
    for _ in range(4 * 60):
        collector.poll(JOBS)
        collector.fetch_blocking(JOBS)
        clock.turn(0.25)
    assert len(desk.calls) == 6


def test_an_answer_can_be_asked_for_that_is_newer_than_an_instant(collector, desk, clock) -> None:
    """Even within the interval; the bound of force is waited for."""
    collector.fetch_blocking(JOBS)
    clock.turn(0.5)
    instant = clock.monotonic()
    answer = collector.fetch_blocking(JOBS, newer_than=instant)
    assert answer.began >= instant
    assert clock.monotonic() == pytest.approx(2)  # the pause, which turns the clock
    assert len(desk.calls) == 2


def test_a_command_that_began_before_does_not_count_as_newer(collector, desk, clock) -> None:
    """It is waited for, and another one is started."""
    desk.open.clear()
    collector.poll(JOBS)
    while not desk.calls:
        time.sleep(0.005)
    clock.turn(0.5)
    found = []
    thread = threading.Thread(
        target=lambda: found.append(collector.fetch_blocking(JOBS, newer_than=clock.monotonic()))
    )
    thread.start()
    time.sleep(0.05)
    assert len(desk.calls) == 1
    desk.open.set()
    thread.join(10)
    assert len(desk.calls) == 2
    assert found[0].began == pytest.approx(2)


def test_an_older_answer_is_none_where_a_newer_one_is_wanted(collector, desk, clock) -> None:
    """A failure is told as a failure, never as what was true before."""
    collector.fetch_blocking(JOBS)
    clock.turn(5)
    desk.answer = FAILURE
    with pytest.raises(CommandFailed):
        collector.fetch_blocking(JOBS, newer_than=clock.monotonic())


async def test_what_was_changed_by_ourselves_is_asked_for_again(collector, desk, clock) -> None:
    """As if by force, within its bound."""
    await collector.fetch(JOBS)
    clock.turn(1)
    collector.expire(JOBS)
    await collector.fetch(JOBS)
    assert len(desk.calls) == 1
    clock.turn(1)
    await collector.fetch(JOBS)
    await collector.fetch(JOBS)
    assert len(desk.calls) == 2


async def test_garbage_is_an_unreadable_answer(collector, desk) -> None:
    """A parser that raises is no failure of the caller's."""
    odd = Query[int](name="odd", ask=lambda runner: int(runner.run(["odd"]).stdout))
    desk.answer = "no number"
    with pytest.raises(OutputUnreadable, match="can't be read"):
        await collector.fetch(odd)


async def test_nothing_is_asked_after_the_end(collector, desk) -> None:
    """Closing stops the commands that run, and refuses new ones."""
    desk.open.clear()
    waiting = asyncio.ensure_future(collector.fetch(JOBS))
    await wait_until(lambda: desk.calls)
    collector.close()
    assert desk.stopped
    await waiting
    with pytest.raises(SchedulerUnavailable, match="stopping"):
        await collector.fetch(Query[str](name="other", ask=JOBS.ask))
    assert collector.poll(Query[str](name="other", ask=JOBS.ask)) is None


async def test_without_room_for_a_thread_it_is_told(desk, clock) -> None:
    """And the next caller tries again."""
    starts = []

    def begin(attempt) -> None:
        starts.append(attempt)
        if len(starts) == 1:
            raise RuntimeError("can't start new thread")
        threading.Thread(target=attempt).start()

    collector = Collector(desk, monotonic=clock.monotonic, now=clock.now, begin=begin)
    with pytest.raises(SchedulerUnavailable, match="new thread"):
        await collector.fetch(JOBS)
    assert (await collector.fetch(JOBS)).value == "fine"
