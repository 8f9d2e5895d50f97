"""Starting and stopping: concurrent, bounded, and each plugin by itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from radical_edge_core.errors import PluginUnavailable
from radical_edge_core.plugin import Plugin, PluginSession, current_caller, operation
from radical_edge_core.plugin.manager import PluginManager
from radical_edge_core.plugin.watchdog import Watchdog

MakeManager = Callable[..., PluginManager]


class Steps(Plugin):
    """A plugin that notes what happens to it."""

    log_of: list[str]

    async def start(self) -> None:
        self.log_of.append(f"start {self.name}")

    async def stop(self) -> None:
        self.log_of.append(f"stop {self.name}")


@pytest.fixture
def manager(context: Any) -> MakeManager:
    def make(*plugins: type[Plugin], **options: Any) -> PluginManager:
        made = PluginManager(context_for=lambda _name: context, **options)
        for cls in plugins:
            made.add(cls(context))
        return made

    return make


def statuses(manager: PluginManager) -> dict[str, tuple[str, str]]:
    return {report.name: (report.status, report.reason) for report in manager.reports()}


async def test_plugins_start_at_once_and_stop_in_reverse(manager: MakeManager) -> None:
    """No start waits for another; the last plugin stops first."""
    steps: list[str] = []
    both = asyncio.Barrier(2)

    class First(Steps):
        name, log_of = "first", steps

        async def start(self) -> None:
            await both.wait()
            await super().start()

    class Second(First):
        name = "second"

    made = manager(First, Second)
    async with asyncio.timeout(5):
        await made.start_all()
    assert sorted(steps) == ["start first", "start second"]
    await made.stop_all()
    assert steps[2:] == ["stop second", "stop first"]
    assert statuses(made)["first"] == ("unavailable", "it has been stopped")


async def test_a_starting_plugin_answers_503(manager: MakeManager, serve_app: Any, until: Any) -> None:
    """Until it is up its callers are told to come back; the change is told to the host."""
    gate = asyncio.Event()
    told: list[str] = []

    class Slow(Plugin):
        name = "slow"

        async def start(self) -> None:
            await gate.wait()

    made = manager(Slow, changed=lambda report: told.append(report.status))
    served = serve_app(made.mounted["slow"])
    starting = asyncio.create_task(made.start_all())
    await asyncio.sleep(0)
    reply = await served.get("/health")
    assert (reply.status, reply.json["code"], reply.json["status"]) == (503, "plugin_unavailable", "starting")
    assert reply.json["transient"] is True
    assert reply.headers["retry-after"] == "2"
    assert (await served.call("HEAD", "/health")).body == b""
    gate.set()
    await starting
    assert told == ["loaded"]
    assert (await served.get("/health")).status == 200
    await made.stop_all()
    assert (await served.get("/health")).status == 503


async def test_starts_that_fail_hang_or_lack_something(
    manager: MakeManager, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is reported as what it is, and a good one starts beside them."""

    class Good(Plugin):
        name = "good"

    class Failing(Plugin):
        name = "failing"

        async def start(self) -> None:
            raise KeyError("x")

    class Exiting(Plugin):
        name = "exiting"

        async def start(self) -> None:
            raise SystemExit(1)

    class Lacking(Plugin):
        name = "lacking"

        async def start(self) -> None:
            raise PluginUnavailable("pip install something")

    class Hanging(Plugin):
        name = "hanging"

        async def start(self) -> None:
            await asyncio.get_running_loop().create_future()

    class Stubborn(Plugin):
        name = "stubborn"
        release: asyncio.Event

        async def start(self) -> None:
            while not self.release.is_set():
                try:
                    await self.release.wait()
                except asyncio.CancelledError:
                    continue

    class Odd(Plugin):
        name = "odd"

        async def start(self) -> None:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

    class Undescribed(Plugin):
        name = "undescribed"

        def views(self) -> dict[str, object]:
            raise ValueError("no views")

    Stubborn.release = asyncio.Event()
    made = manager(Good, Failing, Exiting, Lacking, Hanging, Stubborn, Odd, Undescribed, start_deadline_s=0.1)
    async with asyncio.timeout(10):
        await made.start_all()
    assert statuses(made) == {
        "good": ("loaded", ""),
        "failing": ("failed", "KeyError: 'x'"),
        "exiting": ("failed", "SystemExit: 1"),
        "lacking": ("unavailable", "pip install something"),
        "hanging": ("failed", "TimeoutError: not done within 0.1 s"),
        "stubborn": ("failed", "TimeoutError: not done within 0.1 s"),
        "odd": ("failed", "CancelledError: it cancelled itself"),
        "undescribed": ("failed", "ValueError: no views"),
    }
    assert set(made.descriptions()) == {"good"}
    assert "plugin failing failed to start" in caplog.text
    Stubborn.release.set()
    await made.stop_all()


async def test_a_stop_that_hangs_or_fails_is_contained(
    manager: MakeManager, serve_app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Sessions are closed first; every plugin gets its turn, whatever the others do."""
    steps: list[str] = []

    class Session(PluginSession):
        async def close(self) -> None:
            steps.append(f"close {self.owner}")

    class Good(Steps):
        name, log_of, session_class = "good", steps, Session

    class Hanging(Plugin):
        name = "hanging"

        async def stop(self) -> None:
            await asyncio.get_running_loop().create_future()

    class Exiting(Plugin):
        name = "exiting"

        async def stop(self) -> None:
            raise SystemExit

    made = manager(Good, Hanging, Exiting, stop_deadline_s=0.05)
    await made.start_all()
    await serve_app(made.mounted["good"]).sid()
    async with asyncio.timeout(5):
        await made.stop_all()
    assert steps == ["start good", "close alice", "stop good"]
    assert "plugin hanging did not stop: TimeoutError" in caplog.text
    assert "plugin exiting did not stop: SystemExit" in caplog.text


async def test_background_tasks_are_owned(manager: MakeManager, serve_app: Any, until: Any) -> None:
    """A crash is logged and shown in health; a stop ends what runs."""
    ended: list[str] = []

    class Busy(Plugin):
        name = "busy"

        async def start(self) -> None:
            self.run_in_background("crasher", self.crash)
            self.run_in_background("exiter", self.exit)
            self.run_in_background("worker", self.work)

        async def crash(self) -> None:
            raise ZeroDivisionError

        async def exit(self) -> None:
            raise SystemExit

        async def work(self) -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                ended.append("worker")

    made = manager(Busy)
    await made.start_all()
    plugin = made.mounted["busy"].plugin
    assert plugin is not None
    await until(lambda: len(plugin.background.failed) == 2)
    health = (await serve_app(made.mounted["busy"]).get("/health")).json
    assert health["status"] == "degraded"
    assert health["failed"] == {"crasher": "ZeroDivisionError", "exiter": "SystemExit"}
    await made.stop_all()
    assert ended == ["worker"]


async def test_background_work_has_no_caller(manager: MakeManager, serve_app: Any, until: Any) -> None:
    """What a call begins is not that caller's any more when the call is over."""
    said: list[str] = []

    class Beginner(Plugin):
        name = "beginner"

        @operation.post("begin")
        async def begin(self) -> dict[str, str]:
            """Begin."""
            self.run_in_background("later", self.later)
            return {"who": current_caller().subject}

        async def later(self) -> None:
            with pytest.raises(LookupError) as caught:
                current_caller()
            said.append(str(caught.value))

    made = manager(Beginner)
    await made.start_all()
    assert (await serve_app(made.mounted["beginner"]).post("/begin")).json == {"who": "alice"}
    await until(lambda: said)
    assert said == ["no call is being served here, so there is no caller"]
    await made.stop_all()


async def test_background_work_that_ignores_its_end_is_left(
    manager: MakeManager, caplog: pytest.LogCaptureFixture
) -> None:
    """A stop does not wait for it, and says so."""
    release = asyncio.Event()

    class Stubborn(Plugin):
        name = "stubborn"

        async def start(self) -> None:
            self.run_in_background("mule", self.stay)

        async def stay(self) -> None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

    made = manager(Stubborn, stop_deadline_s=0.05)
    await made.start_all()
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(5):
            await made.stop_all()
        assert "stubborn.mule ignores its cancellation" in caplog.text
    finally:
        release.set()


async def test_health_has_the_plugins_own_fields(manager: MakeManager, serve_app: Any, clock: Any) -> None:
    """What ``health`` returns stands beside the standard fields, and may replace the status."""

    class Ill(Plugin):
        name = "ill"
        version = "2"

        def health(self) -> dict[str, object]:
            return {"status": "ill", "fever": 39}

    made = manager(Ill)
    await made.start_all()
    clock.now += 5
    assert (await serve_app(made.mounted["ill"]).get("/health")).json == {
        "status": "ill",
        "plugin": "ill",
        "version": "2",
        "uptime_seconds": 5.0,
        "active_sessions": 0,
        "fever": 39,
    }
    await made.stop_all()


async def test_sweep_ends_idle_sessions(manager: MakeManager, serve_app: Any, clock: Any) -> None:
    """The host's minute tick reaches every plugin's sessions."""

    class Short(Plugin):
        name = "short"
        idle_timeout_s = 1.0

    made = manager(Short)
    await made.start_all()
    served = serve_app(made.mounted["short"])
    await served.sid()
    clock.now += 2
    await made.sweep()
    assert (await served.get("/list_sessions")).json == {"sessions": []}
    await made.stop_all()


async def test_events_are_published_under_the_public_name(context: Any, published: list[Any]) -> None:
    """A topic's kind travels with its events; one that nobody declared is durable."""
    import attrs

    class Talker(Plugin):
        name = "talker"
        topics: ClassVar = {"metrics": "ephemeral", "state": "durable"}

    plugin = Talker(attrs.evolve(context, name="alias"))
    for topic in ("metrics", "state", "other"):
        plugin.notify(topic, {"x": 1})
    assert [(e.plugin, e.topic, e.durable, e.owner) for e in published] == [
        ("alias", "metrics", False, ""),
        ("alias", "state", True, ""),
        ("alias", "other", True, ""),
    ]


async def test_an_operation_that_blocks_the_loop_is_named(
    manager: MakeManager, serve_app: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the operation's name and where it stands."""

    class Blocker(Plugin):
        name = "blocker"

        async def start(self) -> None:
            time.sleep(0.3)  # noqa: ASYNC251 - that is the point

        @operation.get("hog")
        async def hog(self) -> None:
            """Hog the loop."""
            time.sleep(0.3)  # noqa: ASYNC251 - that is the point

    with caplog.at_level(logging.WARNING):
        made = manager(Blocker, watchdog=Watchdog(0.1))
        await made.start_all()
        await until(lambda: "runs again" in caplog.text)
        assert "blocker.start" in caplog.text
        caplog.clear()
        await serve_app(made.mounted["blocker"]).get("/hog")
        await until(lambda: "runs again" in caplog.text)
        await made.stop_all()
    assert "blocked for" in caplog.text
    assert "by blocker.hog" in caplog.text
    assert "time.sleep(0.3)" in caplog.text


async def test_the_watchdog_stops_and_starts_once(until: Any) -> None:
    """Starting twice is one thread; stopping twice is none."""
    import threading

    def threads() -> int:
        return sum(thread.name == "loop-watchdog" for thread in threading.enumerate())

    watchdog = Watchdog()
    watchdog.start()
    watchdog.start()
    assert threads() == 1
    watchdog.stop()
    watchdog.stop()
    assert threads() == 0
