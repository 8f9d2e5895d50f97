"""An edge and its plugins as callers meet them, through a real bridge."""

from __future__ import annotations

import asyncio
import threading
import time
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import frozen

from radical_edge_core.errors import PluginUnavailable
from radical_edge_core.plugin import Plugin, operation
from radical_edge_core.testing.bridges import RunningBridge, running_bridge
from radical_edge_core.testing.edges import linked, running_edge
from radical_edge_core.testing.given import GivenPlugin
from radical_edge_core.testing.listening import listening
from radical_edge_core.testing.waiting import wait_until


class Plain(Plugin):
    name = "plain"
    version = "3.1"

    @operation.get("ping")
    async def ping(self) -> dict[str, str]:
        return {"pong": self.context.edge}


class Slow(Plugin):
    name = "slow"
    gate: ClassVar[asyncio.Event]

    async def start(self) -> None:
        await self.gate.wait()

    @operation.get("ping")
    async def ping(self) -> dict[str, str]:
        return {"pong": "slow"}


class Missing(Plugin):
    name = "missing"

    async def start(self) -> None:
        raise PluginUnavailable("there is no scheduler here; install one")


class Broken(Plugin):
    name = "broken"

    async def start(self) -> None:
        raise KeyError("what")


class Unmade(Plugin):
    name = "unmade"

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        raise SystemExit(3)


@frozen(kw_only=True)
class DeskSettings:
    """The table of one plugin."""

    lamps: int = 1


class Desk(Plugin):
    name = "desk"
    config_class = DeskSettings

    @operation.get("lamps")
    async def lamps(self) -> dict[str, int]:
        return {"lamps": self.config.lamps}


class Loud(Plugin):
    name = "loud"
    topics: ClassVar = {"shout": "durable"}

    @operation.post("flood")
    def flood(self, count: int) -> dict[str, int]:
        for n in range(count):
            self.notify("shout", {"n": n})
        return {"count": count}

    @operation.get("ping")
    async def ping(self) -> dict[str, str]:
        return {"pong": "loud"}


# --- plugins that are not there ---------------------------------------------------------------------


async def test_a_plugin_answers_at_its_address(bridge: RunningBridge) -> None:
    """What an edge offers is called at ``/{edge}/{plugin}/…``."""
    async with running_edge(bridge, "here", [Plain]):
        assert (await bridge.api.get("/here/plain/ping")).json == {"pong": "here"}


async def test_an_unknown_plugin_is_404_and_says_what_there_is(bridge: RunningBridge) -> None:
    """A name that the edge does not have is told with those that it has."""
    async with running_edge(bridge, "here", [Plain]):
        answer = await bridge.api.get("/here/plane/ping")
    assert (answer.status, answer.code) == (404, "not_found")
    assert answer.json["plugin"] == "plane"
    assert "it has plain" in answer.json["detail"]


async def test_an_edge_without_plugins_says_so(bridge: RunningBridge) -> None:
    """An edge that offers nothing runs, and tells that it has none at all."""
    async with running_edge(bridge, "here"):
        answer = await bridge.api.get("/here/plain/ping")
    assert "it has none at all" in answer.json["detail"]


async def test_a_starting_plugin_is_503_and_holds_nobody_up(bridge: RunningBridge) -> None:
    """While one plugin starts its calls are told to come back; the others answer, and then it does, too."""
    Slow.gate = asyncio.Event()
    async with running_edge(bridge, "here", [Slow, Plain], wait=False) as edge:
        await linked(bridge, "here", edge)

        async def answered() -> bool:
            return (await bridge.api.get("/here/plain/ping")).status == 200

        await wait_until(answered)
        answer = await bridge.api.get("/here/slow/ping")
        assert (answer.status, answer.code) == (503, "plugin_unavailable")
        assert answer.headers["retry-after"]
        assert answer.json["status"] == "starting"
        Slow.gate.set()

        async def started() -> bool:
            return (await bridge.api.get("/here/slow/ping")).status == 200

        await wait_until(started)


async def test_failing_plugins_are_reported_and_hold_nobody_up(bridge: RunningBridge) -> None:
    """Whatever is wrong with a plugin is in the announcement with the reason, and the others are loaded."""
    nowhere = EntryPoint("nowhere", "radical_edge_core.no_such_module:X", "radical_edge.plugins")
    async with running_edge(bridge, "here", [Plain, Missing, Broken, Unmade, nowhere]):
        plugins = (await bridge.api.get("/edge/list")).json["data"]["edges"]["here"]["plugins"]
        told = {name: (plugin["status"], plugin["enabled"]) for name, plugin in plugins.items()}
        assert told == {
            "plain": ("loaded", True), "missing": ("unavailable", False), "broken": ("failed", False),
            "unmade": ("failed", False), "nowhere": ("failed", False),
        }  # fmt: skip
        assert plugins["missing"]["reason"] == "there is no scheduler here; install one"
        assert "KeyError" in plugins["broken"]["reason"]
        assert "no_such_module" in plugins["nowhere"]["reason"]
        for name in ("missing", "broken", "unmade", "nowhere"):
            answer = await bridge.api.get(f"/here/{name}/ping")
            assert (answer.status, answer.code) == (503, "plugin_unavailable"), answer
            assert answer.json["reason"] == plugins[name]["reason"]


async def test_a_plugin_is_called_what_its_entry_point_says(bridge: RunningBridge) -> None:
    """Two names of one class are two plugins."""
    async with running_edge(bridge, "here", [Plain, GivenPlugin(Plain, "other")]):
        assert (await bridge.api.get("/here/other/ping")).status == 200
        plugins = (await bridge.api.get("/edge/list")).json["data"]["edges"]["here"]["plugins"]
    assert {name: plugin["type"] for name, plugin in plugins.items()} == {"plain": "plain", "other": "plain"}


@pytest.mark.parametrize(
    ("settings", "loaded"),
    [({"only": ("plain",)}, {"plain"}), ({"disable": ("plain",)}, {"desk"}), ({}, {"plain", "desk"})],
)
async def test_plugins_are_chosen_by_the_settings(
    bridge: RunningBridge, settings: dict[str, Any], loaded: set[str]
) -> None:
    """``--plugins`` names those to mount, ``--disable`` those not to."""
    async with running_edge(bridge, "here", [Plain, Desk], **settings):
        plugins = (await bridge.api.get("/edge/list")).json["data"]["edges"]["here"]["plugins"]
    assert {name for name, plugin in plugins.items() if plugin["enabled"]} == loaded


async def test_a_plugin_that_was_asked_for_and_is_not_installed_is_reported(bridge: RunningBridge) -> None:
    """A name that no installed distribution has is no silence."""
    async with running_edge(bridge, "here", [Plain], only=("plain", "nothing")):
        plugins = (await bridge.api.get("/edge/list")).json["data"]["edges"]["here"]["plugins"]
    assert plugins["nothing"]["status"] == "failed"


# --- configuration ----------------------------------------------------------------------------------


async def test_a_plugin_gets_its_own_table(bridge: RunningBridge) -> None:
    """The table of the file with the plugin's name is its configuration, in its own class."""
    async with running_edge(
        bridge, "here", [Desk], tables="[plugins.desk]\nlamps = 4\n[plugins.other]\nx = 1\n"
    ):
        assert (await bridge.api.get("/here/desk/lamps")).json == {"lamps": 4}


async def test_a_wrong_table_fails_its_plugin_alone(bridge: RunningBridge) -> None:
    """A table that does not fit is reported with what is wrong in it."""
    async with running_edge(bridge, "here", [Desk, Plain], tables='[plugins.desk]\nlamps = "many"\n'):
        plugins = (await bridge.api.get("/edge/list")).json["data"]["edges"]["here"]["plugins"]
        assert plugins["desk"]["status"] == "failed"
        assert "lamps" in plugins["desk"]["reason"]
        assert (await bridge.api.get("/here/plain/ping")).status == 200


# --- events -----------------------------------------------------------------------------------------


async def test_events_come_in_the_order_they_were_published(bridge: RunningBridge) -> None:
    """From any thread, in any number, each event is heard once and in order."""
    async with running_edge(bridge, "here", [Loud]), listening(bridge.api) as stream:
        await bridge.api.post("/here/loud/flood", {"count": 500})
        await wait_until(lambda: len(stream.notifications()) == 500)
    assert [data["n"] for data in stream.notifications()] == list(range(500))


async def test_events_of_a_time_without_a_bridge_follow_later(home: Path) -> None:
    """What a plugin published while the bridge was away is heard from the next one, once and in order."""
    async with running_bridge(home) as first, running_edge(first, "here", [Loud]) as edge:
        await first.stop()
        assert edge.runtime is not None
        plugin: Any = edge.runtime.plugins.mounted["loud"].plugin
        for n in range(1200):
            plugin.notify("shout", {"n": n})
        async with (
            running_bridge(home, port=first.port) as second,
            listening(second.api, after="x.0") as stream,
        ):
            await wait_until(lambda: len(stream.notifications()) == 1200, 20)
            assert [data["n"] for data in stream.notifications()] == list(range(1200))
            runtime = edge.runtime
            await wait_until(lambda: runtime.outbox.unacknowledged == 0)


async def test_a_flood_of_events_starves_no_calls(bridge: RunningBridge) -> None:
    """While a plugin floods, calls on the same link are answered in time, and no event is lost."""
    async with running_edge(bridge, "here", [Loud]):
        before = bridge.bridge.events.newest
        flooding = asyncio.create_task(bridge.api.post("/here/loud/flood", {"count": 8000}))
        slowest = 0.0
        while not flooding.done():
            begun = time.monotonic()
            assert (await bridge.api.get("/here/loud/ping")).status == 200
            slowest = max(slowest, time.monotonic() - begun)
        assert (await flooding).status == 200
        assert slowest < 2
        await wait_until(lambda: bridge.bridge.events.newest - before == 8000, 30)


async def test_notify_works_from_a_thread_of_its_own(bridge: RunningBridge) -> None:
    """A plugin's own threads may publish."""
    async with running_edge(bridge, "here", [Loud]) as edge, listening(bridge.api) as stream:
        assert edge.runtime is not None
        plugin: Any = edge.runtime.plugins.mounted["loud"].plugin
        thread = threading.Thread(target=lambda: plugin.notify("shout", {"n": 7}))
        thread.start()
        assert (await stream.notified("shout")).inner == {"n": 7}
        thread.join()


# --- its own life -----------------------------------------------------------------------------------


async def test_plugins_start_though_no_bridge_is_there(home: Path, bridge: RunningBridge) -> None:
    """An edge without a link starts its plugins after a moment: jobs are to be looked after."""
    async with running_edge(bridge, "here", [Plain], port=1, wait=False) as edge:
        assert edge.runtime is not None
        mounted = edge.runtime.plugins.mounted["plain"]
        await wait_until(lambda: mounted.report.status == "loaded", 10)


async def test_strict_plugins_end_the_edge(bridge: RunningBridge) -> None:
    """With ``strict_plugins`` a plugin that can't start ends the edge with code 1."""
    async with running_edge(bridge, "here", [Plain, Missing], wait=False, strict_plugins=True) as edge:
        assert await edge.exit() == 1


async def test_a_plugins_state_folder_is_its_own(bridge: RunningBridge) -> None:
    """Each plugin has a private folder in the edge's."""
    async with running_edge(bridge, "here", [Plain]) as edge:
        assert edge.runtime is not None
        plugin: Any = edge.runtime.plugins.mounted["plain"].plugin
        folder = plugin.context.state_dir
        assert folder == bridge.home / "edges" / "here" / "plugins" / "plain"
        assert folder.stat().st_mode & 0o777 == 0o700
