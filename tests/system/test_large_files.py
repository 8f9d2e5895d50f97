"""Files of a gibibyte through the proxy: whole, checked, in bounded memory, and however often the link is cut."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import quote

import pytest
from kit.content import PIECE, Content
from kit.hosts import Bridge, Edge
from kit.network import Network
from kit.stand import Stand
from kit.waiting import settled, until

from radical_edge_core.testing.tally import Tally

MIB = 1024 * 1024
SIZE = 1024 * MIB
GROWTH_MIB = 20.0


class Route:
    """The file route of one edge."""

    def __init__(self, stand: Stand, bridge: Bridge, edge: Edge) -> None:
        self.folder = stand.folder / f"files-{edge.edge}"
        self.bridge = bridge
        self.edge = edge
        bridge.has(edge.edge, "staging")
        self.sid = bridge.session(edge.edge, "staging")

    def warm(self) -> None:
        """See that everything is imported, and that buffers have been used once."""
        content = Content(32 * MIB, 0)
        self.put("warm", content)
        assert self.get("warm") == content.sha256

    def path(self, name: str) -> str:
        """The address of a file."""
        return f"/{self.edge.edge}/staging/file/{self.sid}?path={quote(str(self.folder / name))}"

    def put(self, name: str, content: Content) -> str:
        """Upload, compare the SHA-256 that the edge has with our own, and return it."""
        length = str(content.size)
        with self.bridge.open(
            "PUT", self.path(name), body=content.pieces(), Content_Length=length, X_Request_ID=f"put-{name}"
        ) as response:
            document = response.read()
            assert response.status == 201, document
        assert content.sent == content.size
        assert f'"sha256":"{content.sha256}"'.encode() in document
        assert (self.folder / name).stat().st_size == content.size
        return content.sha256

    def get(self, name: str) -> str:
        """Download, and return the SHA-256 of what came."""
        with self.bridge.open("GET", self.path(name), X_Request_ID=f"get-{name}") as response:
            assert response.status == 200
            digest = hashlib.sha256()
            drain(response, digest)
        return digest.hexdigest()

    def requests(self, request_id: str) -> list[str]:
        """Return the lines of the bridge's request log that tell of a request."""
        mark = f'"{request_id}"'
        until(lambda: mark in self.bridge.output, 5, f"{mark} in the request log")
        return [line for line in self.bridge.output.splitlines() if mark in line]

    def idle(self) -> dict[str, float]:
        """Return what bridge and edge hold once nothing moves, and let their peaks begin there."""
        hosts = (self.bridge, self.edge)
        settled(lambda: [int(host.memory_mib()) for host in hosts])
        for host in hosts:
            host.forget_peak()
        return {host.name: host.memory_mib() for host in hosts}

    def growth(self, idle: dict[str, float]) -> dict[str, float]:
        """Return by how many MiB each has grown at most; it must not be much."""
        found = {
            host.name: round(host.memory_mib("VmHWM") - idle[host.name], 1)
            for host in (self.bridge, self.edge)
        }
        assert max(found.values()) < GROWTH_MIB, found
        return found


@pytest.fixture(scope="module")
def bridge(shared_stand: Stand) -> Bridge:
    """The bridge of all these tests."""
    return shared_stand.bridge()


@pytest.fixture(scope="module")
def near(shared_stand: Stand, bridge: Bridge) -> Route:
    """An edge at the bridge itself."""
    made = Route(shared_stand, bridge, shared_stand.edge("near", "--url", bridge.url, "--plugins", "staging"))
    made.warm()
    return made


@pytest.fixture(scope="module")
def shared_network(bridge: Bridge) -> Iterator[Network]:
    """What lies between the bridge and the other edge."""
    made = Network(bridge.port, Tally(0))
    yield made
    made.close()


@pytest.fixture
def network(shared_network: Network, tally: Tally) -> Network:
    """The same, with the faults of the test at hand counted; there must be some."""
    shared_network.mend()
    shared_network.tally = tally
    return shared_network


@pytest.fixture(scope="module")
def far(shared_stand: Stand, bridge: Bridge, shared_network: Network) -> Route:
    """An edge behind that network."""
    url = f"ws://127.0.0.1:{shared_network.port}"
    made = Route(shared_stand, bridge, shared_stand.edge("far", "--url", url, "--plugins", "staging"))
    made.warm()
    return made


def drain(response: HTTPResponse, digest: hashlib._Hash) -> None:
    """Read an answer to its end."""
    while piece := response.read(PIECE):
        digest.update(piece)


def take(response: HTTPResponse, count: int) -> bytes:
    """Read so many bytes of an answer."""
    data = b""
    while len(data) < count:
        data += response.read(min(PIECE, count - len(data)))
    return data


def rate(size: int, began: float) -> str:
    return f"{size / MIB / (time.monotonic() - began):.0f} MiB/s"


@pytest.mark.timeout(400)
def test_a_gibibyte_there_and_back(near: Route) -> None:
    """An upload and a download of 1 GiB arrive whole, and neither host grows by 20 MB."""
    content = Content(SIZE, 1)
    for name in ("put", "get"):
        idle = near.idle()
        began = time.monotonic()
        digest = near.put("large", content) if name == "put" else near.get("large")
        print(f"{name}: {rate(SIZE, began)}, idle {idle} MiB, growth {near.growth(idle)} MiB")
        assert digest == content.sha256
    (near.folder / "large").unlink()


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("size", "cuts"),
    [(128 * MIB, 20), pytest.param(SIZE, 100, marks=pytest.mark.slow)],
    ids=["short", "long"],
)
def test_a_transfer_survives_every_cut(
    far: Route, network: Network, tally: Tally, size: int, cuts: int
) -> None:
    """However often the link is cut, one HTTP exchange each way still brings every byte, in bounded memory."""
    content = Content(size, tally.seed)
    for name in ("put", "get"):
        idle = far.idle()
        before = tally.faults["cut"]
        network.cut_each(tally.rng.randrange(MIB // 4, size // cuts) for _ in range(cuts))
        began = time.monotonic()
        digest = far.put(f"cut-{size}", content) if name == "put" else far.get(f"cut-{size}")
        hit = tally.faults["cut"] - before
        took = time.monotonic() - began
        print(f"{name}: {hit} cuts, {took:.1f} s, {rate(size, began)}, growth {far.growth(idle)} MiB")
        assert hit == cuts
        assert digest == content.sha256
        (line,) = far.requests(f"{name}-cut-{size}")
        assert '"aborted"' not in line
    (far.folder / f"cut-{size}").unlink()


def test_a_reader_that_stops_costs_no_memory(near: Route) -> None:
    """While a download waits for its reader, neither host holds more than its windows; then it goes on."""
    content = Content(64 * MIB, 2)
    near.put("slow", content)
    idle = near.idle()
    with near.bridge.open("GET", near.path("slow")) as response:
        digest = hashlib.sha256(take(response, 4 * MIB))
        settled(lambda: near.edge.bytes_read() // PIECE)
        print(f"growth {near.growth(idle)} MiB")
        assert near.bridge.get("/near/staging/version")["version"]
        drain(response, digest)
    assert digest.hexdigest() == content.sha256


@pytest.mark.parametrize(
    ("direction", "fault"),
    [
        ("download", "cut"),
        ("upload", "cut"),
        ("download", "stall"),
        pytest.param("upload", "stall", marks=pytest.mark.slow),
    ],
)
def test_a_transfer_without_a_link_costs_no_memory(
    far: Route, network: Network, tally: Tally, direction: str, fault: str
) -> None:
    """While the link is away under a transfer, neither host grows by 20 MB; when it is back, the bytes go on."""
    content = Content(64 * MIB, tally.seed)
    name = f"{direction}-{fault}"
    if direction == "download":
        far.put(name, content)
    idle = far.idle()

    def hold() -> None:
        network.refuse()
        if fault == "cut":
            network.cut()
        else:
            network.stall()
        # A cut is noticed at once, silence after 10 s; the channel is kept for 30 s from then.
        until(lambda: "far" not in far.bridge.edges(), 20, "the edge is shown away")
        print(f"{direction} under {fault}: growth {far.growth(idle)} MiB")
        network.mend()

    if direction == "download":
        with far.bridge.open("GET", far.path(name)) as response:
            digest = hashlib.sha256(take(response, 8 * MIB))
            hold()
            drain(response, digest)
        assert digest.hexdigest() == content.sha256
    else:

        def interrupted() -> Iterator[bytes]:
            for piece in content.pieces():
                if content.sent == 8 * MIB:
                    hold()
                yield piece

        length = str(content.size)
        with far.bridge.open("PUT", far.path(name), body=interrupted(), Content_Length=length) as response:
            assert response.status == 201
            assert f'"sha256":"{content.sha256}"'.encode() in response.read()
    far.growth(idle)


def test_nothing_is_left_of_an_upload_that_broke_off(near: Route) -> None:
    """A caller that leaves in the middle leaves neither a file nor a part of one."""
    content = Content(64 * MIB, 3)
    before = names(near.folder)

    def broken() -> Iterator[bytes]:
        for piece in content.pieces():
            if content.sent > 16 * MIB:
                raise ConnectionAbortedError
            yield piece

    with (
        pytest.raises(ConnectionAbortedError),
        near.bridge.open("PUT", near.path("broken"), body=broken(), Content_Length=str(content.size)),
    ):
        pass
    until(lambda: names(near.folder) == before, 10, "nothing is left in the folder")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
