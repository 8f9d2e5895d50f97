"""Pauses between attempts."""

from __future__ import annotations

from itertools import islice

import pytest

from radical_edge_client.backoff import jittered, retry_after


def test_pauses_grow_up_to_a_bound_and_differ() -> None:
    """Each lies between half and all of its step."""
    steps = [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    runs = [list(islice(jittered(longest_s=2.0), 6)) for _ in range(20)]
    for pauses in runs:
        assert all(step / 2 <= pause <= step for pause, step in zip(pauses, steps, strict=True))
    assert len({tuple(pauses) for pauses in runs}) == 20


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 25 Nov 2026 10:00:30 GMT", "Date": "Wed, 25 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"Retry-After": "Wed, 25 Nov 2026 10:00:30 GMT"}, None),
    ],
)
def test_what_the_server_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds or a date, which is measured by the server's own clock."""
    assert retry_after(headers) == seconds
