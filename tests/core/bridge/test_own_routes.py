"""The bridge's own routes: who may call them, what they answer, and what they bring about."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate
from prometheus_client.parser import text_string_to_metric_families

from radical_edge_core.plugin import Plugin, operation
from radical_edge_core.testing.bridges import RunningBridge, running_bridge
from radical_edge_core.testing.edges import RunningEdge, running_application, running_edge
from radical_edge_core.testing.waiting import wait_until


class Clock(Plugin):
    name = "clock"
    version = "1.2"
    title = "The clock"
    hosts = frozenset({"edge", "bridge"})

    @operation.get("time", title="What time it is")
    async def time(self, zone: str = "UTC") -> dict[str, str]:
        return {"zone": zone}

    @operation.post("set/{hand}")
    async def set_hand(self, hand: str, minute: int) -> dict[str, int]:
        return {hand: minute}


@pytest.fixture
async def clock(bridge: RunningBridge) -> AsyncIterator[RunningEdge]:
    """The edge ``here`` with one plugin."""
    async with running_edge(bridge, "here", [Clock]) as edge:
        yield edge


@pytest.fixture
async def anybody(bridge: RunningBridge) -> Any:
    """A caller without a token."""
    return await bridge.caller(None)


# --- open to anybody --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/docs", "/openapi.json"])
async def test_open_pages_answer_without_a_token(anybody: Any, path: str) -> None:
    """What helps to find one's way needs no token; HEAD is as good as GET."""
    assert (await anybody.get(path)).status == 200
    head = await anybody.call("HEAD", path)
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize("path", ["/", "/healthz", "/docs", "/openapi.json"])
async def test_open_pages_answer_with_a_wrong_token_too(bridge: RunningBridge, path: str) -> None:
    """A token that is wrong does no harm where none is needed."""
    assert (await (await bridge.caller("wrong")).get(path)).status == 200


@pytest.mark.parametrize(
    "path",
    ["/edges", "/edge/list", "/events", "/tokens", "/metrics", "/audit", "/plugins", "/mcp", "/none", "/edges/x",
     "/edge/jobs", "/here/p/x", "/bridge/p/x", "/nobody/p/x"],
)  # fmt: skip
async def test_everything_else_is_401(anybody: Any, path: str) -> None:
    """Without a token nothing is told, not even what exists."""
    answer = await anybody.get(path)
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_pages_run_nothing(anybody: Any) -> None:
    """The plain pages have no script, and a policy that allows none."""
    for path in ("/", "/docs"):
        answer = await anybody.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert b"<script" not in answer.body


async def test_a_bridge_that_stops_is_alive_but_not_ready(home: Path, far: Any) -> None:
    """While calls are let finish, ``/healthz`` is 200 and ``/readyz`` 503."""
    async with running_bridge(home) as bridge, running_application(bridge, far):
        call = asyncio.create_task(bridge.api.get("/here/p/wait"))
        await wait_until(lambda: far.begun["wait"])
        stopping = asyncio.create_task(bridge.stop())
        await wait_until(lambda: not bridge.bridge.registry.accepting)
        assert (await bridge.api.get("/healthz")).status == 200
        ready = await bridge.api.get("/readyz")
        assert (ready.status, ready.code) == (503, "unavailable")
        far.gate.set()
        assert (await call).status == 200
        await stopping


# --- unknown and not allowed ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/plugins", "/edges/a/b", "/tokens/a/b", "/healthz/x", "/edge", "/edge/none", "/mcp"]
)
async def test_an_unknown_route_is_404(bridge: RunningBridge, path: str) -> None:
    """What is none of the bridge's routes is told as a problem document."""
    answer = await bridge.api.get(path)
    assert (answer.status, answer.code) == (404, "not_found")
    assert path in answer.json["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/healthz", {"GET", "HEAD"}),
        ("DELETE", "/", {"GET", "HEAD"}),
        ("DELETE", "/edge/list", {"GET", "HEAD", "POST"}),
        ("PUT", "/tokens", {"GET", "HEAD", "POST"}),
        ("GET", "/tokens/x", {"DELETE"}),
        ("GET", "/bridge/terminate", set()),
        ("GET", "/edge/disconnect/here", {"POST"}),
        ("PATCH", "/edges", {"GET", "HEAD"}),
        ("POST", "/events", {"GET"}),
    ],
)
async def test_another_method_is_405_with_those_that_are_allowed(
    bridge: RunningBridge, method: str, path: str, allow: set[str]
) -> None:
    """A path that exists says which methods it takes."""
    answer = await bridge.api.call(method, path)
    if not allow:  # an address of the bridge's own edge, where no such plugin is
        assert answer.status in {404, 405}
        return
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == allow


# --- edges ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_list_of_edges_is_the_topology(
    bridge: RunningBridge, clock: RunningEdge, method: str
) -> None:
    """``/edge/list`` tells URL, endpoints and plugins of what is connected, by either method."""
    answer = await bridge.api.call(method, "/edge/list")
    data = answer.json["data"]
    assert data["bridge"] == {"url": bridge.url}
    here = data["edges"]["here"]
    assert {"host", "pid", "python", "system", "version", "started_at"} <= set(here["endpoint"])
    plugin = here["plugins"]["clock"]
    told = {key: plugin[key] for key in ("type", "namespace", "version", "enabled", "status")}
    assert told == {
        "type": "clock", "namespace": "/here/clock", "version": "1.2", "enabled": True, "status": "loaded",
    }  # fmt: skip
    assert plugin["ui_config"]["title"] == "The clock"


async def test_edges_that_are_away_are_listed_too(bridge: RunningBridge, far: Any) -> None:
    """``/edges`` has a row for each edge that ever joined, and says which are connected."""
    async with running_application(bridge, far, "gone"):
        pass
    async with running_edge(bridge, "here", [Clock]):
        rows = {row["name"]: row for row in (await bridge.api.get("/edges")).json["edges"]}
    assert (rows["here"]["connected"], rows["here"]["plugins"], rows["here"]["plugin_count"]) == (
        True,
        ["clock"],
        1,
    )
    assert (rows["gone"]["connected"], rows["gone"]["plugins"]) == (False, [])
    assert rows["gone"]["reason"]
    assert rows["here"]["clock_skew_s"] == pytest.approx(0, abs=1)


async def test_edges_are_known_after_a_restart(home: Path, far: Any) -> None:
    """A restarted bridge knows who ever joined, before any of them is back."""
    async with running_bridge(home) as first, running_application(first, far):
        pass
    async with running_bridge(home) as second:
        answer = (await second.api.get("/edges")).json
        assert [(row["name"], row["connected"]) for row in answer["edges"]] == [("here", False)]
        assert answer["total"] == 1


async def test_disconnect_ends_the_edge(bridge: RunningBridge, clock: RunningEdge) -> None:
    """``/edge/disconnect`` ends the edge's process in good order."""
    answer = await bridge.api.post("/edge/disconnect/here")
    assert answer.json == {"status": "shutdown", "edge": "here"}
    assert await clock.exit() == 0
    assert bridge.bridge.registry.live("here") is None


async def test_disconnecting_what_is_not_connected_is_404(bridge: RunningBridge, far: Any) -> None:
    """An unknown edge, and one that is away, can't be disconnected."""
    async with running_application(bridge, far, "gone"):
        pass
    for name in ("gone", "nobody"):
        assert (await bridge.api.post(f"/edge/disconnect/{name}")).code == "not_found"


async def test_the_bridges_own_edge_is_not_disconnected(bridge: RunningBridge) -> None:
    """The edge ``bridge`` lives as long as the bridge does."""
    answer = await bridge.api.post("/edge/disconnect/bridge")
    assert (answer.status, answer.code) == (400, "bad_request")


async def test_forgetting_an_edge_tells_those_that_wait_for_it(bridge: RunningBridge, far: Any) -> None:
    """A call parked for an edge whose name is freed is 404 at once."""
    async with running_application(bridge, far):
        pass
    call = asyncio.create_task(bridge.api.get("/here/p/short"))
    await wait_until(lambda: bridge.bridge.registry.parked == 1)
    assert (await bridge.api.call("DELETE", "/edges/here")).json == {"status": "forgotten", "edge": "here"}
    assert (await call).code == "not_found"
    assert (await bridge.api.call("DELETE", "/edges/here")).code == "not_found"
    assert (await bridge.api.get("/edges")).json["total"] == 0


async def test_terminate_ends_the_bridge_and_not_its_edges(home: Path, far: Any) -> None:
    """``/bridge/terminate`` is answered, and then the bridge stops; edges wait for the next one."""
    async with running_bridge(home) as bridge, running_application(bridge, far) as edge:
        answer = await bridge.api.post("/bridge/terminate")
        assert (answer.status, answer.json["status"]) == (200, "terminating")
        await asyncio.wait_for(asyncio.shield(bridge.done), 10)
        assert not edge.task.done()


# --- hosted on the bridge ---------------------------------------------------------------------------


async def test_plugins_hosted_on_the_bridge_answer_there(home: Path) -> None:
    """A plugin in the bridge's own edge is called at ``/bridge/{plugin}`` like any other."""
    async with running_bridge(home, hosted=[Clock]) as bridge:
        answer = await bridge.api.get("/bridge/clock/time?zone=CET")
        assert answer.json == {"zone": "CET"}
        await wait_until(lambda: bridge.bridge.registry.record("bridge").plugins)
        listed = (await bridge.api.get("/edge/list")).json["data"]["edges"]["bridge"]
        assert listed["plugins"]["clock"]["namespace"] == "/bridge/clock"


async def test_a_large_body_passes_the_link_in_memory(home: Path) -> None:
    """The link without a socket has windows as well, and carries what is larger."""
    async with running_bridge(home, hosted=[Clock]) as bridge:
        body = json.dumps({"minute": 5, "more": "x" * 2_000_000}).encode()
        answer = await bridge.api.call("POST", "/bridge/clock/set/long", body=io.BytesIO(body))
        assert answer.code == "invalid"


# --- the API's description --------------------------------------------------------------------------


async def test_the_description_is_valid_openapi(
    bridge: RunningBridge, clock: RunningEdge, anybody: Any
) -> None:
    """With and without a token the document is OpenAPI 3.1, by its own validator."""
    for caller in (anybody, bridge.api):
        document = (await caller.get("/openapi.json")).json
        assert document["openapi"].startswith("3.1")
        validate(document)


async def test_without_a_token_the_bridge_describes_itself_alone(anybody: Any, clock: RunningEdge) -> None:
    """What edges offer is not told to anybody."""
    paths = (await anybody.get("/openapi.json")).json["paths"]
    assert {"/edges", "/edge/list", "/events", "/tokens", "/tokens/{token_id}", "/healthz"} <= set(paths)
    assert not [path for path in paths if "clock" in path]


async def test_with_a_token_the_plugins_in_reach_are_merged(
    bridge: RunningBridge, clock: RunningEdge
) -> None:
    """One entry a plugin and version, with the edge as a parameter, for those who may read it."""
    async with running_edge(bridge, "there", [Clock]):
        paths = (await bridge.api.get("/openapi.json")).json["paths"]
        found = [path for path in paths if path.endswith("/clock/time")]
        assert found == ["/{edge}/clock/time"]
        names = next(p for p in paths[found[0]]["get"]["parameters"] if p["name"] == "edge")
        assert names["schema"]["enum"] == ["here", "there"]
    outsider = await bridge.caller_with("read:elsewhere")
    assert not [path for path in (await outsider.get("/openapi.json")).json["paths"] if "clock" in path]


async def test_a_plugins_own_description_is_at_its_address(bridge: RunningBridge, clock: RunningEdge) -> None:
    """The same document for one plugin of one edge, valid by itself."""
    document = (await bridge.api.get("/here/clock/openapi.json")).json
    validate(document)
    assert [path for path in document["paths"] if path.endswith("/time")]


async def test_descriptions_are_asked_for_once(bridge: RunningBridge, clock: RunningEdge) -> None:
    """However often the document is read, an edge is asked for what it announced once."""
    await bridge.api.get("/openapi.json")
    link = bridge.bridge.registry.live("here")
    assert link is not None
    before = link._mux._table.ids.last
    for _ in range(5):
        await bridge.api.get("/openapi.json")
    assert link._mux._table.ids.last == before


async def test_the_docs_page_lists_the_routes(anybody: Any) -> None:
    """The page without scripts tells method, path and a line about each."""
    body = (await anybody.get("/docs")).body.decode()
    assert "POST /tokens" in body
    assert "Make a token" in body


async def test_plugins_that_are_switched_off_are_not_listed(bridge: RunningBridge, edge: RunningEdge) -> None:
    """``/edges`` tells what an edge offers."""
    announced = {name: {"status": name} for name in ("loaded", "failed", "disabled")}
    bridge.bridge.registry.announce("here", announced, {})
    (row,) = [row for row in (await bridge.api.get("/edges")).json["edges"] if row["name"] == "here"]
    assert (row["plugins"], row["plugin_count"]) == (["failed", "loaded"], 2)


# --- metrics ----------------------------------------------------------------------------------------


async def test_metrics_are_prometheus_text(bridge: RunningBridge, edge: RunningEdge) -> None:
    """Requests by edge, plugin and status, their durations and bytes, and what is there now."""
    for _ in range(3):
        await bridge.api.get("/here/p/short")
    await bridge.api.get("/nobody-has-this-name/p/x")
    answer = await bridge.api.get("/metrics")
    families = {family.name: family for family in text_string_to_metric_families(answer.body.decode())}
    requests = families["radical_edge_request_seconds"].samples
    counted = {
        (s.labels["edge"], s.labels["plugin"], s.labels["status"]): s.value
        for s in requests
        if s.name.endswith("_count")
    }
    assert counted["here", "p", "200"] == 3
    assert counted["-", "-", "404"] == 1
    assert "nobody-has-this-name" not in answer.body.decode()
    sent = {s.labels["edge"]: s.value for s in families["radical_edge_response_bytes"].samples}
    assert sent["here"] == 12
    assert families["radical_edge_edges_connected"].samples[0].value == 2
    for name in ("radical_edge_calls_under_way", "radical_edge_link_queued_bytes"):
        assert {s.labels["edge"]: s.value for s in families[name].samples} == {"here": 0, "bridge": 0}
