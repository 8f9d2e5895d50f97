"""Transfers with ``resume=True``: whoever dies in the middle, what was there already is not sent again."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator

import pytest
from kit.hosts import Bridge, Edge
from kit.network import Network
from kit.processes import Process
from kit.stand import Stand
from kit.waiting import settled, until

from radical_edge_core.testing.tally import Tally

MIB = 1024 * 1024
SIZE = 192 * MIB
KILLS = 3
CUTS = 8
# Heads, sessions and the like, and the frames around the bytes.
OVERHEAD = 1 * MIB
# What is between client and edge when one of them dies: windows, and buffers of the kernel.
UNDER_WAY = 24 * MIB
CLIENT = """
import json, sys
from radical_edge_client import BridgeClient

url, call, src, tgt = sys.argv[1:]
with BridgeClient(url) as bridge:
    staging = bridge.get_edge_client("hpc").get_plugin("staging")
    print(json.dumps(getattr(staging, call)(src, tgt, resume=True)))
"""


class Site:
    """A bridge, an edge, clients as processes, and what lies between them and the bridge."""

    def __init__(self, stand: Stand, tally: Tally) -> None:
        self.stand = stand
        self.bridge: Bridge = stand.bridge()
        self.edge = self.start_edge()
        self.network = Network(self.bridge.port, tally)
        self.sender, self.receiver = stand.folder / "sender", stand.folder / "receiver"
        self.sender.mkdir()
        self.receiver.mkdir()
        data = random.Random(tally.seed).randbytes(MIB)
        digest = hashlib.sha256()
        with (self.sender / "src").open("wb") as file:
            for number in range(SIZE // MIB):
                piece = number.to_bytes(8, "big") + data[8:]
                file.write(piece)
                digest.update(piece)
        self.sha256 = digest.hexdigest()

    def start_edge(self, **also: str) -> Edge:
        """Start the edge, with more in its environment, and wait until it is ready."""
        edge = self.stand.edge("hpc", "--url", self.bridge.url, "--plugins", "staging", also=also)
        self.bridge.has("hpc", "staging")
        return edge

    def client(self, call: str) -> Process:
        """Start a client that transfers the file one way or the other."""
        url = f"http://127.0.0.1:{self.network.port}"
        src, tgt = str(self.sender / "src"), str(self.receiver / "tgt")
        token = {"RADICAL_BRIDGE_TOKEN": self.bridge.token}
        return self.stand.console("python", "-c", CLIENT, url, call, src, tgt, also=token)

    def kept(self) -> int:
        """Return how much of the file has arrived and has no name yet."""
        return max((path.stat().st_size for path in self.receiver.glob(".radical-edge-*.part")), default=0)

    def reached(self, count: int) -> bool:
        """Say whether so much has arrived; it must not have ended."""
        assert not (self.receiver / "tgt").exists(), "it was too fast"
        return self.kept() >= count

    def check(self, client: Process, call: str) -> None:
        """See that a client ends well, with every byte in its place and nothing left beside it."""
        assert client.wait(120) == 0, client.output
        told = json.loads(client.output)
        assert told["size"] == SIZE
        assert call == "get" or told["sha256"] == self.sha256
        with (self.receiver / "tgt").open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        assert [path.name for path in self.receiver.iterdir()] == ["tgt"]


@pytest.fixture
def site(stand: Stand, tally: Tally) -> Iterator[Site]:
    """Bridge, edge, network and file."""
    made = Site(stand, tally)
    yield made
    made.network.close()


@pytest.mark.parametrize("call", ["put", "get"])
def test_a_client_that_is_killed_sends_only_the_rest_later(site: Site, tally: Tally, call: str) -> None:
    """Killed in the middle again and again; each new process goes on where the one before it was."""
    kept = 0
    for _ in range(KILLS):
        client = site.client(call)
        wanted = kept + tally.rng.randrange(8 * MIB, SIZE // (KILLS + 1))
        until(lambda wanted=wanted: site.reached(wanted), 60, f"{wanted} bytes")
        client.kill()
        tally.count("client killed")
        before, kept = kept, settled(site.kept)
        assert kept > before
    carried = site.network.carried
    site.check(site.client(call), call)
    carried = site.network.carried - carried
    print(f"{call}: {kept} of {SIZE} bytes were there, {carried} were carried for the rest")
    assert SIZE - kept <= carried < SIZE - kept + OVERHEAD


@pytest.mark.parametrize("call", ["put", "get"])
def test_one_call_outlives_a_caller_s_network_that_breaks(site: Site, tally: Tally, call: str) -> None:
    """Cut at random places between client and bridge, it goes on by itself, with what came."""
    site.network.cut_each(tally.rng.randrange(MIB, SIZE // CUTS) for _ in range(CUTS))
    site.check(site.client(call), call)
    print(f"{call}: {site.network.carried} bytes were carried for {SIZE}")
    assert tally.faults["cut"] >= CUTS
    assert site.network.carried < SIZE + CUTS * UNDER_WAY


@pytest.mark.parametrize("call", ["put", "get"])
def test_one_call_outlives_an_edge_that_is_killed(site: Site, tally: Tally, call: str) -> None:
    """What came stays, the restarted edge takes it up, and the caller has noticed a pause."""
    client = site.client(call)
    wanted = 0
    for _ in range(2):
        wanted = site.kept() + tally.rng.randrange(8 * MIB, SIZE // 3)
        until(lambda wanted=wanted: site.reached(wanted), 60, f"{wanted} bytes")
        site.edge.kill()
        tally.count("edge killed")
        assert settled(site.kept) >= wanted
        site.edge = site.start_edge()
    site.check(client, call)
    print(f"{call}: {site.network.carried} bytes were carried for {SIZE}")
    assert site.network.carried < SIZE + 2 * UNDER_WAY


@pytest.mark.parametrize("point", ["upload.partial", "upload.named"])
def test_an_edge_that_dies_at_the_end_costs_no_byte(site: Site, tally: Tally, point: str) -> None:
    """Whether the file has its name yet or not, all that is left to do is to say so."""
    site.edge.stop()
    site.edge = site.start_edge(RADICAL_EDGE_CRASH_POINT=point)
    client = site.client("put")
    site.edge.wait(60)
    tally.count(point)
    assert (site.receiver / "tgt").exists() == (point == "upload.named")
    site.edge = site.start_edge()
    site.check(client, "put")
    print(f"{point}: {site.network.carried} bytes were carried for {SIZE}")
    assert site.network.carried < SIZE + OVERHEAD


def test_another_file_at_the_target_stays(site: Site, tally: Tally) -> None:
    """The caller is told so while it is sending still."""
    (site.receiver / "tgt").write_bytes(b"other")
    # A caller may go on sending for a second before it is cut off: however fast this machine is, that is not much.
    site.network.throttle(8 * MIB)
    client = site.client("put")
    assert client.wait(60) != 0
    assert "FileExistsError" in client.output
    client.errors_expected = True
    assert (site.receiver / "tgt").read_bytes() == b"other"
    assert site.network.carried < UNDER_WAY
    tally.count("refused")


def test_a_later_call_ends_what_a_killed_edge_began(site: Site, tally: Tally) -> None:
    """Where the caller has gone too, and the file system is all that is left."""
    client = site.client("put")
    wanted = tally.rng.randrange(8 * MIB, SIZE // 2)
    until(lambda: site.reached(wanted), 60, f"{wanted} bytes")
    site.edge.kill()
    client.kill()
    tally.count("both killed")
    kept = settled(site.kept)
    assert kept >= wanted
    site.edge = site.start_edge()
    carried = site.network.carried
    site.check(site.client("put"), "put")
    carried = site.network.carried - carried
    print(f"{kept} of {SIZE} bytes were there, {carried} were carried for the rest")
    assert SIZE - kept <= carried < SIZE - kept + OVERHEAD
