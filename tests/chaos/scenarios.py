"""What happens around the crashes, and what must hold afterwards; on broken builds these raise ``AssertionError``."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import aiohttp

from radical_edge_core.errors import OutcomeUnknown
from radical_edge_core.link.frames import FrameType, encode
from radical_edge_core.link.heads import Welcome
from radical_edge_core.link.notes import Event, EventAck, decode_note, encode_note
from radical_edge_core.testing.api import Api
from radical_edge_core.testing.byte_peer import BytePeer, PeerClosed, byte_peer, hello_of
from radical_edge_core.testing.tally import Tally
from radical_edge_core.testing.waiting import wait_until

from .lab import DEADLINE_S, Lab, busy, dies, through


class Callers:
    """Callers of the plugin ``acts``: each thing that they ask for has a name of its own."""

    def __init__(self, acts: Any) -> None:
        self._acts = acts
        self.asked: set[str] = set()

    async def act(self, number: int) -> None:
        """Ask once; the SDK repeats with its key."""
        what, large = f"a{number}", number % 3 == 0
        self.asked.add(what)
        answer = await self._acts.act(what, large)
        assert answer["what"] == what
        assert bool(answer["filling"]) == large

    async def never(self, number: int) -> None:
        """Ask once; the answer, or that nobody knows."""
        what = f"n{number}"
        self.asked.add(what)
        try:
            answer = await self._acts.never(what)
        except OutcomeUnknown:
            self.asked.remove(what)
        else:
            assert answer["what"] == what


async def check(lab: Lab, acts: Any, callers: Callers) -> None:
    """As many lines as distinct keys, and the session has counted along."""
    done = lab.acts()
    assert set(done.values()) == {1}, done.most_common(3)
    assert set(done) == callers.asked | {what for what in done if what.startswith("n")}
    # What an adopted call did to its session may be lost with the process, and nothing else.
    assert (await acts.count())["done"] <= len(done)


async def deeds(lab: Lab, steps: Sequence[tuple[str, str]], tally: Tally) -> int:
    """Let a host die at each step while callers act; return how many calls were answered."""
    async with lab.client() as client:
        acts = await lab.plugin(client, name="callers")
        callers = Callers(acts)
        # The more there are, the sooner one of them is back after a death.
        count = await busy(callers.act, 10, through(lab, steps, tally))
        await check(lab, acts, callers)
    return count


async def jobs(lab: Lab, steps: Sequence[tuple[str, str]], tally: Tally) -> int:
    """Let an edge die at each step while callers submit local jobs; return how many there were."""
    ids: dict[str, str] = {}
    async with lab.client() as client:
        psij = await lab.plugin(client, "psij", name="callers")

        async def submit(number: int) -> None:
            what = f"j{number}"
            script = f'echo "key {what} 0" >>"{lab.lines}"'
            answer = await psij.submit_job({"executable": "/bin/sh", "arguments": ["-c", script]})
            ids[what] = answer["job_id"]

        count = await busy(submit, 3, through(lab, steps, tally))
        assert len(set(ids.values())) == len(ids) == count

        async def over() -> bool:
            assert max(lab.acts().values(), default=1) == 1, lab.acts().most_common(3)
            found = (await psij.list_jobs(scope="mine"))["jobs"]
            assert {job["job_id"] for job in found} == set(ids.values())
            return all(job["state"] == "COMPLETED" and job["exit_code"] == 0 for job in found)

        await wait_until(over, DEADLINE_S)
    assert lab.acts() == Counter(dict.fromkeys(ids, 1))
    return count


async def uploads(lab: Lab, steps: Sequence[tuple[str, str]], tally: Tally) -> int:
    """Let an edge die at each step while files are uploaded; each is there as a whole or not at all."""
    async with lab.client() as client, Api(lab.bridge.url, lab.bridge.token) as api:
        staging = await lab.plugin(client, "staging", name="callers")

        async def upload(number: int) -> None:
            target, content = lab.folder / f"file-{number}", b"%08d" % number * 8192
            path = f"/hpc/staging/file/{staging.sid}?path={target}&overwrite=true"

            async def taken() -> bool:
                try:
                    answer = await api.call("PUT", path, body=content)
                except aiohttp.ClientError:
                    return False
                assert answer.status in {201, 502, 503, 504}, answer
                return answer.status == 201

            await wait_until(taken, DEADLINE_S)
            assert target.read_bytes() == content

        count = await busy(upload, 3, through(lab, steps, tally))
    for path in lab.folder.glob("file-*"):
        assert path.read_bytes() == b"%08d" % int(path.name.partition("-")[2]) * 8192, path
    return count


async def acknowledged(lab: Lab, points: Sequence[str], tally: Tally) -> int:
    """Let a bridge die at each point while it is sent events; return how many it holds in the end."""
    secret, confirmed, held = lab.join_token(), -1, -1
    lab.bridge.kill()
    for point in [*points, ""]:
        bridge = lab.start_bridge(point)
        async with byte_peer(bridge.url, secret) as peer:
            welcome = await peer.hello(hello_of("peer"))
            assert isinstance(welcome, Welcome), welcome
            secret = welcome.credential or secret
            held = welcome.event_seq
            assert held >= confirmed, f"{confirmed} was confirmed, and {held} is the last that it has"
            if point:
                confirmed = max(confirmed, await _send_until_gone(peer, held + 1))
                await dies(bridge)
                tally.count(point.partition(":")[0])
    assert confirmed >= 0, "nothing was ever confirmed"
    return held + 1


async def _send_until_gone(peer: BytePeer, first: int) -> int:
    """Send one event after the other; return the last that was confirmed."""
    best = -1

    async def send() -> None:
        for seq in range(first, first + 100_000):
            event = Event(
                epoch="one", seq=seq, plugin="p", topic="t", owner="", durable=True, data=b'{"n":%d}' % seq
            )
            peer.send(encode(FrameType.NOTIFY, payload=encode_note(event)))
            await asyncio.sleep(0.005)

    sending = asyncio.create_task(send())
    try:
        while True:
            for frame in await peer.frames(30):
                note = decode_note(frame.payload) if frame.type is FrameType.NOTIFY else None
                if isinstance(note, EventAck):
                    best = max(best, note.seq)
    except PeerClosed:
        return best
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
