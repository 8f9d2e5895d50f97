"""Plugins that misbehave: the edge and its other plugins answer meanwhile, and the failure is named."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from http.client import IncompleteRead
from typing import Any

import pytest
from kit import web
from kit.distributions import make_distribution
from kit.events import listen
from kit.hosts import Bridge, Edge
from kit.stand import Stand
from kit.waiting import until

# Every plugin that can't be used, the class that its entry point names, and what is said of it.
BROKEN = {
    "import_raises": ("", "failed", "RuntimeError: boom at import"),
    "import_exits": ("", "failed", "SystemExit: enough at import"),
    "misspelt": ("", "failed", "edge_plugn"),
    "no_plugin": ("", "failed", "is no Plugin"),
    "start_raises": ("StartRaises", "failed", "SystemExit: boom in start"),
}
HANGS = "start_hangs"
THREADS = 8
EVENTS = 8_000


@pytest.fixture
def calls() -> Iterator[ThreadPoolExecutor]:
    """Threads that callers wait in."""
    with ThreadPoolExecutor(40) as pool:
        yield pool


def install(stand: Stand, *names: str) -> None:
    for name in names:
        target = {HANGS: "StartHangs", "trouble": "Trouble"}.get(name) or BROKEN[name][0]
        make_distribution(stand.site, name, target=target)


def troubled(stand: Stand, *arguments: str) -> tuple[Bridge, Edge]:
    """Start an edge with the plugin that does what it is told, and a good one."""
    install(stand, "trouble")
    bridge = stand.bridge()
    edge = stand.edge("hpc", "--url", bridge.url, "--plugins", "trouble,sysinfo", *arguments)
    edge.errors_expected = True
    bridge.has("hpc", "trouble", "sysinfo")
    return bridge, edge


def settled_plugin(bridge: Bridge, name: str) -> dict[str, Any] | None:
    """Return what is told of a plugin once it is no longer starting."""
    told = bridge.plugin("hpc", name)
    return told if told.get("status", "starting") != "starting" else None


def answers(bridge: Bridge) -> float:
    """See that the good plugin answers, and return how long it took."""
    began = time.monotonic()
    assert bridge.get("/hpc/sysinfo/homedir")["homedir"]
    return time.monotonic() - began


# --- that can't be loaded -------------------------------------------------------------------------


def test_broken_plugins_are_named_and_the_others_answer(stand: Stand) -> None:
    """Whatever a plugin does while it is loaded, the edge runs, and list, log and every call say what is wrong."""
    install(stand, *BROKEN, HANGS)
    bridge = stand.bridge()
    edge = stand.edge("hpc", "--url", bridge.url, "--disable", "psij,staging")
    edge.errors_expected = True
    bridge.errors_expected = True  # it looks at what is installed too
    bridge.has("hpc", "sysinfo")
    answers(bridge)
    for name, (_, status, reason) in BROKEN.items():
        told = until(partial(settled_plugin, bridge, name), what=f"what became of {name}")
        assert told["status"] == status, name
        assert told["enabled"] is False, name
        assert reason in told["reason"], name
        assert told["distribution"] == f"throwaway-{name}"
        assert name in edge.output
        assert reason in edge.output
        refused = bridge.ask("GET", f"/hpc/{name}/health")
        assert refused.status == 503
        problem = refused.json()
        assert problem["code"] == "plugin_unavailable"
        assert problem["status"] == status
        assert reason in problem["reason"]
        assert "Traceback" not in problem["detail"]
        assert int(refused.headers["retry-after"]) >= 1
    waiting = bridge.ask("GET", f"/hpc/{HANGS}/health")
    assert waiting.status == 503
    assert waiting.json()["status"] == "starting"
    assert int(waiting.headers["retry-after"]) >= 1
    assert bridge.plugin("hpc", HANGS)["status"] == "starting"
    assert edge.stop() == 0


def test_the_list_of_plugins_names_them(stand: Stand) -> None:
    """``--list-plugins`` shows each with status and reason, and ends with 1."""
    install(stand, *BROKEN)
    listing = stand.console("radical-edge-service", "--list-plugins", "--disable", "psij,staging")
    listing.errors_expected = True
    assert listing.wait() == 1
    lines = {line.split()[0]: line for line in listing.output.splitlines() if line.strip()}
    for name, (_, status, reason) in BROKEN.items():
        assert status in lines[name]
        assert reason in lines[name]
    assert "loaded" in lines["sysinfo"]
    assert "disabled" in lines["psij"]


@pytest.mark.parametrize("name", ["import_exits", "start_raises"])
def test_strict_plugins_refuses_to_start(stand: Stand, name: str) -> None:
    """With ``--strict-plugins`` one broken plugin ends the edge with 1, named."""
    install(stand, name)
    bridge = stand.bridge()
    bridge.errors_expected = True
    edge = stand.edge("hpc", "--url", bridge.url, "--strict-plugins", "--plugins", f"{name},sysinfo")
    edge.errors_expected = True
    assert edge.wait() == 1
    assert f"{name} failed" in edge.output


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_plugin_that_hangs_is_given_up(stand: Stand) -> None:
    """A start that never ends is a failure after its deadline."""
    install(stand, HANGS)
    bridge = stand.bridge()
    edge = stand.edge("hpc", "--url", bridge.url, "--plugins", f"{HANGS},sysinfo")
    edge.errors_expected = True
    listing = stand.console("radical-edge-service", "--list-plugins", "--plugins", f"{HANGS},sysinfo")
    listing.errors_expected = True
    until(lambda: bridge.plugin("hpc", HANGS).get("status") == "failed", 150, pause_s=1)
    assert "not done within 120 s" in bridge.plugin("hpc", HANGS)["reason"]
    answers(bridge)
    assert listing.wait() == 1
    assert "not done within 120 s" in listing.output


# --- that block -----------------------------------------------------------------------------------


def hold(bridge: Bridge, calls: ThreadPoolExecutor, count: int) -> list[Future[Any]]:
    """Block worker threads: make so many calls that do, and wait until all threads are taken."""
    held = [calls.submit(bridge.post, "/hpc/trouble/hold") for _ in range(count)]
    until(lambda: bridge.get("/hpc/trouble/health")["held"] == min(count, THREADS))
    return held


def test_blocked_threads_starve_their_own_plugin_only(stand: Stand, calls: ThreadPoolExecutor) -> None:
    """With all its worker threads blocked a plugin still answers from the loop, and everything else as ever."""
    bridge, _ = troubled(stand)
    held = hold(bridge, calls, THREADS + 4)
    assert max(answers(bridge) for _ in range(20)) < 5
    assert bridge.get("/hpc/trouble/version")["version"] == "1.0"
    late = bridge.ask("POST", "/hpc/trouble/hold", {}, Prefer="wait=1")
    assert late.status == 504
    assert late.json()["code"] == "deadline"
    assert not wait(held, 0).done
    assert bridge.get("/hpc/trouble/health")["held"] == THREADS
    bridge.post("/hpc/trouble/let_go")
    done, _ = wait(held, 20)
    assert len(done) == len(held)
    assert [future.result() for future in held] == [{"count": 1}] * len(held)


def test_callers_that_give_up_gather_no_threads(stand: Stand, calls: ThreadPoolExecutor) -> None:
    """A caller that leaves does not free a thread that hangs, and forty of them do not take more than there are."""
    bridge, edge = troubled(stand)
    before = edge.threads()
    outcomes = [calls.submit(bridge.ask, "POST", "/hpc/trouble/hold", {}, Prefer="wait=1") for _ in range(40)]
    assert {future.result().status for future in outcomes} == {504}
    assert bridge.get("/hpc/trouble/health")["held"] == THREADS
    answers(bridge)
    assert edge.threads() <= before + THREADS + 2
    bridge.post("/hpc/trouble/let_go")


def test_an_edge_with_blocked_threads_ends_all_the_same(stand: Stand, calls: ThreadPoolExecutor) -> None:
    """Neither threads that hang nor a ``stop`` that does keep an edge from ending in order."""
    stand.home.mkdir()
    (stand.home / "config.toml").write_text("[plugins.trouble]\nstop_hangs = true\n", encoding="utf-8")
    bridge, edge = troubled(stand, "--drain-s", "1")
    held = hold(bridge, calls, THREADS)
    began = time.monotonic()
    assert edge.stop(30) == 0
    print(f"ended after {time.monotonic() - began:.1f} s")
    assert "still running" not in edge.output
    outcomes = [future.exception(20) for future in held]
    assert all("502" in str(outcome) or "503" in str(outcome) for outcome in outcomes), outcomes


def test_a_blocked_loop_is_named_and_recovers(stand: Stand, calls: ThreadPoolExecutor) -> None:
    """While an operation blocks the edge's loop nothing there can answer; the log names it, and then all goes on."""
    bridge, edge = troubled(stand)
    blocking = calls.submit(bridge.post, "/hpc/trouble/stall", {"seconds": 3.0})
    edge.wait_for("the event loop is blocked", 20)
    assert "hpc" in bridge.edges(), "a pause is no absence"
    assert answers(bridge) < 15
    assert blocking.result(10) == {"count": 1}
    (told,) = [line for line in edge.output.splitlines() if "the event loop is blocked" in line]
    assert "trouble.stall" in json.loads(told)["message"]
    assert "time.sleep(seconds)" in json.loads(told)["message"], "it says where"
    edge.wait_for("the event loop runs again")


@pytest.mark.slow
def test_a_loop_that_is_blocked_for_long_resumes_its_link(stand: Stand, calls: ThreadPoolExecutor) -> None:
    """A loop blocked beyond the link's patience loses its socket, and no call."""
    bridge, _ = troubled(stand)
    blocking = calls.submit(bridge.post, "/hpc/trouble/stall", {"seconds": 14.0})
    until(lambda: "hpc" not in bridge.edges(), 20, "the edge is shown away")
    assert blocking.result(40) == {"count": 1}
    answers(bridge)


# --- that flood -----------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", ["flood", "foam"])
def test_a_flood_of_events_drowns_nobody(stand: Stand, calls: ThreadPoolExecutor, topic: str) -> None:
    """While one plugin publishes without pause, others answer, memory is bounded, and later events arrive."""
    bridge, edge = troubled(stand)
    idle = edge.memory_mib(), bridge.memory_mib()
    flood = partial(bridge.ask, "POST", "/hpc/trouble/flood")
    with listen(bridge, f"?topics={topic}") as listener:
        floods = [calls.submit(flood, {"events": EVENTS, "topic": topic}) for _ in range(THREADS - 1)]
        slowest, count = 0.0, 0
        while not all(future.done() for future in floods):
            slowest = max(slowest, answers(bridge))
            count += 1
        assert count > 0
        assert slowest < 10
        # The journal takes so many events that wait; the flooder, and nobody else, is told when it is full.
        outcomes = Counter(future.result().status for future in floods)
        assert set(outcomes) <= {200, 503}
        until(
            lambda: flood({"events": 1, "topic": topic}).status == 200, 60, "there is room again", pause_s=0.5
        )
        last = {"number": 0, "padding": "x" * 200}
        until(lambda: listener.notification(topic).data["data"] == last, 60)
    grown = [
        round(host.memory_mib("VmHWM") - before) for host, before in zip((edge, bridge), idle, strict=True)
    ]
    print(
        f"{count} calls meanwhile, slowest {slowest:.2f} s; edge and bridge grew by {grown} MiB; {outcomes}"
    )
    assert max(grown) < 150


# --- that raise -----------------------------------------------------------------------------------


def test_what_a_handler_raises_stays_inside(stand: Stand) -> None:
    """Any bug in a handler is a 500 with a request id that finds the traceback in the edge's log, and no more."""
    bridge, edge = troubled(stand)
    for operation in ("fail", "fail_in_thread"):
        for how in ("key", "exit", "cancel", "generator", "deep", "group", "stop", "answer"):
            identity = f"{operation}-{how}"
            answer = bridge.ask("POST", f"/hpc/trouble/{operation}", {"how": how}, X_Request_ID=identity)
            assert answer.status == 500, (identity, answer.body)
            problem = answer.json()
            assert problem["code"] == "plugin_failure"
            assert problem["request_id"] == identity
            for hidden in (b"secret-inside", b"Traceback", b".py"):
                assert hidden not in answer.body, identity
            edge.wait_for(identity, 5)
            answers(bridge)
    assert edge.running


def test_an_answer_that_breaks_off_never_looks_whole(stand: Stand) -> None:
    """A stream that raises half-way is cut off, not ended."""
    bridge, _ = troubled(stand)
    with bridge.open("GET", "/hpc/trouble/break_off") as response, pytest.raises(IncompleteRead) as caught:
        web.whole(response)
    assert caught.value.partial == b"it began well\n"
    answers(bridge)
