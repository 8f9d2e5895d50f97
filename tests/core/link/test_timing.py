"""Pauses between dials, and what silence means; the clock is an argument."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given

from radical_edge_core.link.timing import Backoff, Liveness

SEED = 20240611


def test_delays_double_to_two_seconds_and_after_a_minute_to_fifteen() -> None:
    """The upper bound of each delay, over a long outage; the lower one is half of it."""
    backoff = Backoff(Random(SEED))
    now, limits = 0.0, []
    for limit in [0.2, 0.4, 0.8, 1.6, *[2.0] * 20]:
        delay = backoff.next(now)
        assert limit / 2 <= delay <= limit, f"seed {SEED}"
        limits.append(delay)
    now = 60.0
    for limit in [4.0, 8.0, 15.0, 15.0]:
        delay = backoff.next(now)
        assert limit / 2 <= delay <= limit, f"seed {SEED}"
        now += delay


def test_a_success_begins_anew() -> None:
    """After reset the first delay is the first again, and so is the minute of short ones."""
    backoff = Backoff(Random(SEED))
    for now in (0.0, 30.0, 61.0, 62.0, 63.0, 64.0, 65.0, 66.0, 67.0):
        backoff.next(now)
    assert backoff.next(68.0) > 2.0
    backoff.reset()
    assert backoff.next(100.0) <= 0.2
    for _ in range(10):
        assert backoff.next(159.0) <= 2.0


def test_a_thousand_edges_do_not_come_back_in_one_instant() -> None:
    """Delays of equal rank are spread over half their bound."""
    delays = sorted(Backoff(Random(SEED + index)).next(0.0) for index in range(1000))
    assert delays[0] < 0.11, f"seed {SEED}"
    assert delays[-1] > 0.19, f"seed {SEED}"
    assert max(b - a for a, b in pairwise(delays)) < 0.01, f"seed {SEED}"


@given(st.integers(), st.lists(st.floats(0, 100), max_size=50))
def test_delays_are_always_within_their_bounds(seed: int, steps: list[float]) -> None:
    """Whenever attempts fail, a delay is at least a tenth of a second and at most fifteen."""
    backoff, now = Backoff(Random(seed)), 0.0
    for step in steps:
        now += step
        assert 0.1 <= backoff.next(now) <= (2.0 if now < 60.0 else 15.0)


@given(st.lists(st.tuples(st.floats(0.01, 1.9), st.booleans()), max_size=60))
def test_liveness_follows_silence(steps: list[tuple[float, bool]]) -> None:
    """Without suspension, suspect and dead are exactly silences of 7.5 s and 10 s, and a ping comes before both."""
    liveness = Liveness()
    liveness.start(0.0)
    now = heard = 0.0
    pings = 0
    for step, speaks in steps:
        liveness.expect(now + step)
        now += step
        if speaks:
            liveness.heard(now)
            heard, pings = now, 0
        liveness.check(now)
        silence = now - heard
        if liveness.due(now):
            liveness.sent_ping(now)
            pings += 1
        assert liveness.suspect == (silence >= 7.5)
        assert liveness.dead == (silence >= 10.0)
        assert pings == (silence >= 5.0)
        after = liveness.deadline(now)
        assert after == inf if liveness.dead else 0 <= after < 5.000001


def test_a_late_check_shortens_no_silence_that_was_short() -> None:
    """A pause of three seconds in a silence of four changes nothing."""
    liveness = Liveness()
    liveness.start(0.0)
    liveness.expect(1.0)
    liveness.check(4.0)
    assert not liveness.due(4.9)
    assert liveness.due(5.0)


def test_times_out_of_order_are_refused() -> None:
    """A peer cannot be suspect before it was asked."""
    with pytest.raises(ValueError, match="pinged before"):
        Liveness(ping_after_s=8.0)
    with pytest.raises(ValueError, match="pinged before"):
        Liveness(dead_after_s=7.0)
