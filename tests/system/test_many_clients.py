"""Many clients at once: each gets its own answers, whole, and every one of them."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from urllib.parse import quote

import aiohttp
import pytest
from kit.distributions import make_distribution
from kit.hosts import Bridge
from kit.network import Network
from kit.stand import Stand
from kit.waiting import until

from radical_edge_core.testing.tally import Tally

CLIENTS = 64
# Where each kind of call goes, and how often it is made.
WAYS = {"say": 30, "recall": 20, "work": 15, "tell": 25, "pour": 10}
LARGEST = 256 * 1024


class Client:
    """One caller: its own token, so its own subject, and a session of its own."""

    def __init__(self, number: int, token: str, session: aiohttp.ClientSession, base: str, seed: int) -> None:
        self.subject = f"client-{number}"
        self.made: Counter[str] = Counter()
        self._http = session
        self._base = base
        # Every client sends the same request id: it must not matter for anything but the log.
        self._headers = {"Authorization": f"Bearer {token}", "X-Request-ID": "the-same"}
        self._chance = random.Random(f"{seed} {number}")
        self._sid = ""

    async def run(self, requests: int) -> None:
        """Open the session, and make so many calls one after the other."""
        opened = await self._ask("POST", "register_session", {})
        self._sid = opened["sid"]
        for number in range(requests):
            (way,) = self._chance.choices(list(WAYS), list(WAYS.values()))
            await self._call(way, f"{self.subject} {number} {self._chance.getrandbits(64):x}")
            self.made[way] += 1

    async def _call(self, way: str, text: str) -> None:
        match way:
            case "say":
                self._check(await self._ask("GET", f"say?text={quote(text)}"), text)
            case "recall":
                self._check(await self._ask("GET", f"recall/{self._sid}?text={quote(text)}"), text, self._sid)
            case "work":
                self._check(await self._ask("GET", f"work/{quote(text)}"), text)
            case "tell":
                times = int(LARGEST ** self._chance.random()) // len(text) + 1
                body = {"text": text, "times": times}
                self._check(await self._ask("POST", "tell", body), text * times)
            case "pour":
                lines = self._chance.randrange(200)
                async with self._http.get(
                    f"{self._base}/pour?text={quote(text)}&lines={lines}", headers=self._headers
                ) as answer:
                    assert await answer.text() == "".join(f"{n} {text}\n" for n in range(lines))

    def _check(self, said: dict[str, str], text: str, sid: str = "") -> None:
        assert said == {"text": text, "subject": self.subject, "sid": sid}

    async def _ask(self, method: str, path: str, document: object = None) -> dict[str, str]:
        async with self._http.request(
            method, f"{self._base}/{path}", json=document, headers=self._headers
        ) as answer:
            body = await answer.read()
            assert answer.status == 200, (answer.status, body[:500])
            found: dict[str, str] = json.loads(body)
            return found


@pytest.fixture(scope="module")
def bridge(shared_stand: Stand) -> Bridge:
    """A bridge with one edge that echoes."""
    make_distribution(shared_stand.site, "echo", target="EchoPlugin")
    made = shared_stand.bridge()
    shared_stand.edge("hpc", "--url", made.url, "--plugins", "echo")
    made.has("hpc", "echo")
    return made


@pytest.fixture(scope="module")
def shared_network(bridge: Bridge) -> Iterator[Network]:
    """What lies between the bridge and another edge."""
    made = Network(bridge.port, Tally(0))
    yield made
    made.close()


@pytest.fixture
def network(shared_network: Network, tally: Tally) -> Network:
    """The same, with the faults of the test at hand counted; there must be some."""
    shared_network.tally = tally
    return shared_network


async def load(bridge: Bridge, edge: str, requests: int, seed: int) -> Counter[str]:
    """Let all clients make their calls, and return how many of each kind were made."""
    tokens = [
        bridge.post("/tokens", {"subject": f"client-{number}", "expires_s": 3600})["token"]
        for number in range(CLIENTS)
    ]
    connector = aiohttp.TCPConnector(limit=CLIENTS)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60)) as session:
        clients = [
            Client(number, token, session, f"{bridge.url}/{edge}/echo", seed)
            for number, token in enumerate(tokens)
        ]
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(client.run(requests // CLIENTS + 1))
    took = time.monotonic() - began
    made = sum((client.made for client in clients), Counter[str]())
    print(f"{made.total()} requests in {took:.1f} s ({made.total() / took:.0f}/s): {dict(made)}")
    assert made.total() >= requests
    return made


@pytest.mark.timeout(900)
@pytest.mark.parametrize("requests", [20_000, pytest.param(100_000, marks=pytest.mark.slow)])
async def test_everybody_gets_their_own_answers(bridge: Bridge, requests: int) -> None:
    """Of thousands of calls by 64 subjects at once, none is lost, doubled or given to another."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    before = bridge.output.count('"plugin":"echo"')
    made = await load(bridge, "hpc", requests, seed)
    until(
        lambda: bridge.output.count('"plugin":"echo"') - before == made.total() + CLIENTS,
        10,
        "one line for each request in the bridge's log",
    )


@pytest.mark.timeout(300)
async def test_nobody_notices_that_the_link_is_cut(
    bridge: Bridge, network: Network, tally: Tally, shared_stand: Stand
) -> None:
    """With the link cut again and again under all these calls, each is answered as if nothing had been."""
    shared_stand.edge("far", "--url", f"ws://127.0.0.1:{network.port}", "--plugins", "echo")
    bridge.has("far", "echo")
    network.cut_each(tally.rng.randrange(20_000, 1_000_000) for _ in range(20))
    await load(bridge, "far", 4_000, tally.seed)
    assert tally.faults["cut"] == 20
