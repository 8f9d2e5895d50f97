"""How the two hosts end, come back, and give way to each other."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest
from kit import web
from kit.distributions import make_distribution
from kit.hosts import Bridge, Edge
from kit.processes import Process
from kit.stand import Stand
from kit.waiting import until


@pytest.fixture
def calls() -> Iterator[ThreadPoolExecutor]:
    """Threads that callers wait in."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


def start_edge(stand: Stand, bridge: Bridge, *arguments: str, name: str = "hpc") -> Edge:
    """Start an edge with a plugin whose calls last as long as wanted."""
    if not stand.site.exists():
        make_distribution(stand.site, "trouble", target="Trouble")
    return stand.edge(name, "--url", bridge.url, "--plugins", "trouble,sysinfo", *arguments)


def start(stand: Stand, *arguments: str) -> tuple[Bridge, Edge]:
    """Start a bridge and an edge, and wait for both."""
    bridge = stand.bridge()
    edge = start_edge(stand, bridge, *arguments)
    bridge.has("hpc", "trouble", "sysinfo")
    return bridge, edge


def held(bridge: Bridge, calls: ThreadPoolExecutor) -> Future[web.Answer]:
    """Make a call that lasts until it is let go, and wait until it is under way."""
    call = calls.submit(bridge.ask, "POST", "/hpc/trouble/hold", {})
    until(lambda: bridge.get("/hpc/trouble/health")["held"], 10, "the call is under way")
    return call


def credential(stand: Stand) -> str:
    return (stand.home / "edges/hpc/credential").read_text(encoding="utf-8")


# --- kill -9 --------------------------------------------------------------------------------------


def test_a_killed_bridge_comes_back_and_so_does_its_edge(stand: Stand) -> None:
    """After ``kill -9`` of the bridge and a restart the same edge process is back by itself, as the one it was."""
    bridge, edge = start(stand)
    before = credential(stand)
    token = bridge.post("/tokens", {"subject": "somebody"})["token"]
    sid = bridge.session("hpc", "sysinfo")
    port = bridge.port
    bridge.kill()
    edge.wait_for("no link")
    bridge = stand.bridge(port=port)
    began = time.monotonic()
    # An edge that the bridge knows, but has not seen yet, is waited for.
    assert bridge.ask("GET", "/hpc/sysinfo/homedir", token=token).status == 200
    print(f"the first call was answered after {time.monotonic() - began:.2f} s")
    assert bridge.get(f"/hpc/sysinfo/metrics/{sid}")["system"]["hostname"], "its sessions live on"
    assert credential(stand) == before
    assert edge.running


def test_a_killed_edge_is_waited_for(stand: Stand, calls: ThreadPoolExecutor) -> None:
    """A call made while a killed edge is away is answered by its next process, which needs no join token."""
    bridge, edge = start(stand)
    before = credential(stand)
    edge.kill()
    until(lambda: "hpc" not in bridge.edges())
    known = {row["name"]: row for row in bridge.get("/edges")["edges"]}
    assert known["hpc"]["connected"] is False
    impatient = bridge.ask("GET", "/hpc/sysinfo/homedir", Prefer="wait=0.2")
    assert impatient.status == 503
    assert impatient.json()["code"] == "edge_away"
    assert int(impatient.headers["retry-after"]) >= 1
    parked = calls.submit(bridge.ask, "GET", "/hpc/sysinfo/version")
    assert not parked.done()
    (stand.home / "bridge/join.token").rename(stand.folder / "put-away")
    start_edge(stand, bridge)
    assert parked.result(30).status == 200
    (stand.folder / "put-away").rename(stand.home / "bridge/join.token")
    assert credential(stand) == before


def test_a_call_to_a_killed_edge_is_told_when_the_next_one_comes(
    stand: Stand, calls: ThreadPoolExecutor
) -> None:
    """A call under way in an edge that is killed ends with 502 at the latest when another process takes its place."""
    bridge, edge = start(stand)
    call = held(bridge, calls)
    edge.kill()
    start_edge(stand, bridge)
    answer = call.result(30)
    assert answer.status == 502
    assert answer.json()["code"] == "edge_lost"


def test_an_edge_joins_anew_where_the_bridge_has_forgotten_it(stand: Stand) -> None:
    """A bridge that lost its store takes the edge again, by the join token that is still there."""
    bridge, edge = start(stand)
    before = credential(stand)
    port = bridge.port
    bridge.stop()
    for path in (stand.home / "bridge").glob("tokens.db*"):
        path.unlink()
    bridge = stand.bridge(port=port)
    bridge.has("hpc", "sysinfo")
    assert credential(stand) != before
    assert "joining anew" in edge.output


@pytest.mark.slow
def test_an_edge_that_stands_still_is_shown_away_and_returns(stand: Stand) -> None:
    """A stopped process is suspect, then away; continued, it takes its link up where it was."""
    bridge, edge = start(stand)
    edge.send(signal.SIGSTOP)
    try:
        until(lambda: "hpc" not in bridge.edges(), 20, "the edge is shown away")
    finally:
        edge.send(signal.SIGCONT)
    bridge.has("hpc", "sysinfo")
    assert bridge.output.count("away (") == 1


# --- in order -------------------------------------------------------------------------------------


def test_an_edge_drains_on_sigterm(stand: Stand, calls: ThreadPoolExecutor) -> None:
    """A call under way is answered and the edge ends with 0; a new one waits for its next process."""
    bridge, edge = start(stand)
    call = held(bridge, calls)
    edge.send(signal.SIGTERM)
    edge.wait_for("stopping on SIGTERM")
    late = until(partial(refusal, bridge), 10, "the bridge knows that the edge is leaving")
    assert late.status == 503
    assert late.json()["code"] == "edge_away"
    parked = calls.submit(bridge.ask, "GET", "/hpc/sysinfo/version")
    assert not call.done()
    # It takes no more calls, so the one under way is let go from outside.
    edge.send(signal.SIGUSR1)
    assert call.result(20).status == 200
    assert edge.wait(30) == 0
    assert not parked.done()
    start_edge(stand, bridge)
    assert parked.result(20).status == 200


def refusal(bridge: Bridge) -> web.Answer | None:
    """Return the answer to a call that will not wait, unless it was fine."""
    answer = bridge.ask("GET", "/hpc/sysinfo/version", Prefer="wait=0.1")
    return answer if answer.status != 200 else None


def test_a_bridge_drains_on_sigterm(stand: Stand, calls: ThreadPoolExecutor) -> None:
    """A call under way is answered before the bridge ends with 0; the edge goes on, and waits for the next one."""
    bridge, edge = start(stand)
    port = bridge.port
    call = held(bridge, calls)
    bridge.send(signal.SIGTERM)
    bridge.wait_for("stopping on SIGTERM")
    edge.send(signal.SIGUSR1)
    assert call.result(20).status == 200
    assert bridge.wait(20) == 0
    edge.wait_for("no link")
    assert edge.running
    stand.bridge(port=port).has("hpc", "sysinfo")


@pytest.mark.parametrize("host", ["bridge", "edge"])
def test_a_second_signal_ends_at_once(stand: Stand, calls: ThreadPoolExecutor, host: str) -> None:
    """Whoever does not want to wait for the drain says so again."""
    bridge, edge = start(stand)
    call = held(bridge, calls)
    process: Process = bridge if host == "bridge" else edge
    process.send(signal.SIGTERM)
    process.wait_for("once more stops at once")
    began = time.monotonic()
    process.send(signal.SIGTERM)
    assert process.wait(5) == 128 + signal.SIGTERM
    assert time.monotonic() - began < 5
    edge.kill()
    bridge.kill()
    assert call.exception(20) is not None or call.result().status >= 500


def test_disconnecting_an_edge_ends_its_process(stand: Stand) -> None:
    """``/edge/disconnect`` ends the process with 0; the name stays its own, and it may come again."""
    bridge, edge = start(stand)
    assert bridge.post("/edge/disconnect/hpc") == {"status": "shutdown", "edge": "hpc"}
    assert edge.wait(30) == 0
    gone = bridge.ask("POST", "/edge/disconnect/hpc", {})
    assert gone.status == 404
    start_edge(stand, bridge)
    bridge.has("hpc", "sysinfo")


def test_terminating_the_bridge_leaves_its_edges(stand: Stand) -> None:
    """``/bridge/terminate`` ends the bridge with 0; edges keep running."""
    bridge, edge = start(stand)
    port = bridge.port
    assert bridge.post("/bridge/terminate")["status"] == "terminating"
    assert bridge.wait(20) == 0
    edge.wait_for("no link")
    assert edge.running
    stand.bridge(port=port).has("hpc", "sysinfo")


# --- who gives way --------------------------------------------------------------------------------


def test_one_edge_a_state_folder(stand: Stand) -> None:
    """A second process with the same state folder ends with 2, names the first, and says how to replace it."""
    bridge, edge = start(stand)
    second = start_edge(stand, bridge)
    assert second.wait() == 2
    assert f"process {edge.pid}" in second.output
    assert "--takeover" in second.output
    assert edge.running
    assert bridge.get("/hpc/sysinfo/homedir")


def test_a_takeover_ends_the_first(stand: Stand) -> None:
    """With ``--takeover`` the first process is asked to end, does so with 0, and the second serves."""
    bridge, edge = start(stand)
    second = start_edge(stand, bridge, "--takeover")
    assert edge.wait(30) == 0
    second.wait_for("connected to")
    bridge.has("hpc", "sysinfo")
    assert bridge.edges()["hpc"]["endpoint"]["pid"] == second.pid


def test_a_copy_of_an_edge_replaces_it(stand: Stand) -> None:
    """Where a copy of the state folder is started elsewhere, the first edge ends with 4, and says why."""
    bridge, edge = start(stand)
    edge.errors_expected = True
    other = stand.folder / "other-home"
    (other / "edges").mkdir(parents=True)
    shutil.copytree(stand.home / "edges/hpc", other / "edges/hpc")
    copy = stand.edge(
        "hpc", "--url", bridge.url, "--plugins", "sysinfo", also={"RADICAL_EDGE_HOME": str(other)}
    )
    assert edge.wait(30) == 4
    assert "replaced by the instance on" in edge.output
    bridge.has("hpc", "sysinfo")
    assert bridge.edges()["hpc"]["endpoint"]["pid"] == copy.pid
    assert copy.running


# --- what can't begin -----------------------------------------------------------------------------


def test_a_port_that_is_taken(stand: Stand) -> None:
    """A second bridge on the same port ends with 2 and says which option helps."""
    bridge = stand.bridge()
    second = stand.console("radical-edge-bridge", "--port", str(bridge.port))
    assert second.wait() == 2
    assert f"port {bridge.port}" in second.output
    assert "--port" in second.output


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--name", "no/name"), "no/name"),
        (("--name", "edges"), "edges"),
        (("--name", "a" * 64), "63"),
        (("--url", "nonsense"), "--url"),
        (("--url", "ftp://localhost:1"), "--url"),
        ((), "--url"),
        (("--url", "ws://localhost:1", "--join-token-file", "/nonexistent"), "--join-token-file"),
        (("--url", "wss://localhost:1", "--cert", "/nonexistent"), "--cert"),
        (("--drain-s", "soon"), "drain"),
        (("--no-such-flag",), "--no-such-flag"),
    ],
)
def test_settings_that_can_not_be_used(stand: Stand, arguments: tuple[str, ...], word: str) -> None:
    """Wrong settings end the edge with 2, before it does anything, and name what is wrong."""
    edge = stand.console("radical-edge-service", *arguments)
    assert edge.wait() == 2
    assert word in edge.output


def test_a_file_with_an_unknown_setting(stand: Stand) -> None:
    """An unknown key of the configuration file is an error of both hosts, not a silence."""
    stand.home.mkdir()
    (stand.home / "config.toml").write_text("[bridge]\nprot = 1\n[edge]\nnmae = 'x'\n", encoding="utf-8")
    for script, word in (("radical-edge-bridge", "prot"), ("radical-edge-service", "nmae")):
        process = stand.console(script)
        assert process.wait() == 2
        assert word in process.output
        assert "config.toml" in process.output
