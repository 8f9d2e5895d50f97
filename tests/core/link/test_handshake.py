"""Which channel a HELLO continues, in every combination of what both ends know."""

from __future__ import annotations

import pytest

from radical_edge_core.link.channel import Channel
from radical_edge_core.link.handshake import judge
from radical_edge_core.link.heads import Hello
from radical_edge_core.link.lifetime import ChannelState


def hello(resume: str | None) -> Hello:
    return Hello(
        protocol_min=1,
        protocol_max=1,
        instance="edge",
        name="hpc",
        host="node",
        boot_id="b",
        started_at=0.0,
        clock=0.0,
        received=0,
        resume=resume,
        channel="c",
        version="1",
    )


def channel(state: ChannelState | None) -> Channel | None:
    if state is None:
        return None
    found = Channel("c")
    if state is not ChannelState.NEW:
        found.attach(0, 0.0)
    if state is ChannelState.DETACHED:
        found.detach(0.0)
    if state is ChannelState.LOST:
        found.abandon()
    assert found.state is state
    return found


@pytest.mark.parametrize(
    ("resume", "state", "verdict"),
    [
        (None, None, "new"),
        (None, ChannelState.LOST, "new"),
        (None, ChannelState.NEW, "resume"),
        (None, ChannelState.ATTACHED, "resume"),  # its WELCOME was lost
        (None, ChannelState.DETACHED, "resume"),
        ("bridge", None, "gone"),
        ("bridge", ChannelState.LOST, "gone"),
        ("bridge", ChannelState.NEW, "resume"),
        ("bridge", ChannelState.ATTACHED, "resume"),  # the old socket is half open
        ("bridge", ChannelState.DETACHED, "resume"),
        ("earlier bridge", None, "gone"),
        ("earlier bridge", ChannelState.ATTACHED, "gone"),
        ("earlier bridge", ChannelState.DETACHED, "gone"),
    ],
)
def test_every_hello_has_one_verdict(resume: str | None, state: ChannelState | None, verdict: str) -> None:
    """A channel in use is continued or refused; only one never welcomed may begin."""
    assert judge(hello(resume), "bridge", channel(state)) == verdict
