"""Installed plugins, found on disk: good ones load, and every other one is reported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from radical_edge_core.hooks.calls import Hooks
from radical_edge_core.plugin.client import PluginClient
from radical_edge_core.plugin.loader import GROUPS, Wanted, load_hooks
from radical_edge_core.plugin.manager import PluginManager
from radical_edge_core.plugin.report import PluginReport

GOOD = """
    from radical_edge_core.plugin import Plugin, operation

    class Good(Plugin):
        name = "good"
        version = "1.5"

        @operation.get("who")
        async def who(self) -> dict[str, str]:
            '''Tell the public name.'''
            return {"name": self.name}
"""

HOOKED = """
    from radical_edge_core.hooks import hookimpl
    from radical_edge_core.plugin import Plugin

    class Hooked(Plugin):
        name = "hooked"

    @hookimpl
    def edge_plugin(context):
        return Hooked(context)
"""

LACKING = "from radical_edge_core import errors; raise errors.PluginUnavailable('no back end')"

Install = Callable[..., None]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on ``sys.path`` that distributions are installed into."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(folder) in str(sys.modules[name].__file__):
            del sys.modules[name]


@pytest.fixture
def install(site: Path) -> Install:
    """Install one distribution: its module, its metadata, its entry points."""

    def make(
        distribution: str, source: str, *entries: str, version: str = "1.0", group: str = GROUPS["edge"]
    ) -> None:
        module = distribution.replace("-", "_")
        (site / f"{module}.py").write_text(dedent(source))
        info = site / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = "\n".join(entries)
        (info / "entry_points.txt").write_text(f"[{group}]\n{lines}\n")

    return make


@pytest.fixture
def found(site: Path) -> Callable[..., list[EntryPoint]]:
    """What is installed there, and nothing of the environment that the tests run in."""

    def find(group: str = GROUPS["edge"]) -> list[EntryPoint]:
        return [
            entry
            for distribution in distributions(path=[str(site)])
            for entry in distribution.entry_points
            if entry.group == group
        ]

    return find


@pytest.fixture
def load(found: Callable[..., list[EntryPoint]], context: Any) -> Callable[..., PluginManager]:
    def run(**options: Any) -> PluginManager:
        manager = PluginManager(context_for=lambda _name: context, **options)
        manager.load(found())
        return manager

    return run


def by_name(manager: PluginManager) -> dict[str, PluginReport]:
    return {report.name: report for report in manager.reports()}


async def test_a_bare_class_and_a_module_of_hooks_load(install: Install, load: Any) -> None:
    """Both kinds of entry are plugins, reported with distribution and version."""
    install("x-good", GOOD, "good = x_good:Good", version="1.5")
    install("x-hooked", HOOKED, "hooked = x_hooked")
    manager = load()
    assert [report.status for report in manager.reports()] == ["starting", "starting"]
    await manager.start_all()
    assert by_name(manager) == {
        "good": PluginReport(name="good", distribution="x-good", version="1.5", status="loaded"),
        "hooked": PluginReport(name="hooked", distribution="x-hooked", version="1.0", status="loaded"),
    }
    assert set(manager.descriptions()) == {"good", "hooked"}
    await manager.stop_all()


async def test_the_entrys_name_is_the_public_name(install: Install, load: Any) -> None:
    """Two entries of one module are two plugins, each under its own name."""
    install("x-good", GOOD, "first = x_good:Good", "second = x_good:Good")
    install("x-hooked", HOOKED, "third = x_hooked", "fourth = x_hooked")
    manager = load()
    assert {name: item.plugin.name for name, item in manager.mounted.items()} == {
        name: name for name in ("first", "second", "third", "fourth")
    }


@pytest.mark.parametrize(
    ("source", "status", "reason"),
    [
        ("import no_such_back_end", "failed", "ModuleNotFoundError: No module named 'no_such_back_end'"),
        ("raise SystemExit('bye')", "failed", "SystemExit: bye"),
        ("import sys; sys.exit()", "failed", "SystemExit"),
        ("raise GeneratorExit", "failed", "GeneratorExit"),
        ("def (", "failed", "SyntaxError"),
        ("x = 1", "failed", "holds no function marked with hookimpl"),
        (
            "import radical_edge_core.errors as e; raise e.PluginUnavailable('pip install \"x[back-end]\"')",
            "unavailable",
            'pip install "x[back-end]"',
        ),
        (HOOKED.replace("(context)", "(context, colour)", 1), "failed", "PluginValidationError"),
        (HOOKED.replace("def edge_plugin", "def edge_plugn"), "failed", "edge_plugn"),
        (HOOKED.replace("@hookimpl", ""), "failed", "edge_plugin in broken is not marked with hookimpl"),
        (
            HOOKED.replace("@hookimpl", "@hookimpl(hookwrapper=True)").replace("return", "yield"),
            "failed",
            "wrapper",
        ),
        (HOOKED.replace("Hooked(context)", "'text'"), "failed", "which is no Plugin"),
        (HOOKED.replace("Hooked(context)", "1 / 0"), "failed", "ZeroDivisionError: division by zero"),
        (HOOKED.replace("Hooked(context)", "exit(3)"), "failed", "SystemExit: 3"),
        (
            HOOKED.replace("return Hooked(context)", LACKING),
            "unavailable",
            "no back end",
        ),
        (HOOKED.replace("Hooked(context)", "None"), "disabled", "not for this host"),
        (
            HOOKED.replace('name = "hooked"', 'name = "hooked"; hosts = {"bridge"}'),
            "disabled",
            "not for this host",
        ),
    ],
)
async def test_a_broken_plugin_is_reported_and_the_others_load(
    install: Install, load: Any, source: str, status: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is wrong with one, its report says it and its neighbours do not notice."""
    install("a-good", GOOD, "agood = a_good:Good")
    install("broken", source, "broken = broken")
    install("z-good", GOOD, "zgood = z_good:Good")
    manager = load()
    report = by_name(manager)["broken"]
    assert (report.status, report.distribution) == (status, "broken")
    assert reason in report.reason
    assert status == "disabled" or "broken" in caplog.text
    await manager.start_all()
    assert by_name(manager)["agood"].status == by_name(manager)["zgood"].status == "loaded"
    await manager.stop_all()


def test_the_same_module_twice_does_not_take_its_neighbour_down(install: Install, load: Any) -> None:
    """A misspelt hook is found in its own module, and not blamed on the next."""
    install("a-broken", HOOKED.replace("edge_plugin", "edge_plugn"), "abroken = a_broken")
    install("b-fine", HOOKED, "bfine = b_fine")
    reports = by_name(load())
    assert reports["abroken"].status == "failed"
    assert reports["bfine"].status == "starting"


async def test_a_duplicate_name_is_reported(install: Install, load: Any) -> None:
    """The first by entry-point order is served, the other says who has the name."""
    install("x-first", GOOD, "same = x_first:Good")
    install("x-second", GOOD, "same = x_second:Good")
    manager = load()
    assert [(r.distribution, r.status) for r in manager.reports()] == [
        ("x-second", "failed"),
        ("x-first", "starting"),
    ]
    assert "already taken by distribution x-first" in manager.reports()[0].reason
    assert manager.mounted["same"].report.distribution == "x-first"


def test_what_is_not_wanted_is_not_even_imported(install: Install, load: Any) -> None:
    """Disabled plugins cost nothing; wanted ones that are missing are failures."""
    install("x-good", GOOD, "good = x_good:Good")
    install("x-bad", "raise SystemExit", "bad = x_bad")
    manager = load(wanted=Wanted(disabled=frozenset({"bad"})))
    assert by_name(manager)["bad"].status == "disabled"
    assert "x_bad" not in sys.modules
    reports = by_name(load(wanted=Wanted(only=frozenset({"good", "absent"}))))
    assert reports["bad"].status == "disabled"
    assert (reports["absent"].status, reports["good"].status) == ("failed", "starting")
    assert "no installed distribution" in reports["absent"].reason


def test_a_name_that_is_no_segment_is_refused(install: Install, load: Any) -> None:
    """An entry's name becomes part of a URL."""
    install("x-good", GOOD, "a b = x_good:Good", "ok = x_good:Good")
    reports = by_name(load())
    assert reports["a b"].status == "failed"
    assert reports["ok"].status == "starting"


async def test_an_observer_has_nothing_to_mount(install: Install, load: Any, serve_app: Any) -> None:
    """A distribution may implement other hooks only."""
    install(
        "x-observer",
        """
        from radical_edge_core.hooks import hookimpl

        seen = []

        @hookimpl
        def edge_call(call):
            seen.append((call.operation.name, dict(call.arguments), call.key))
            raise ValueError("observers fail alone")
        """,
        "observer = x_observer",
    )
    install("x-good", GOOD, "good = x_good:Good")
    manager = load()
    await manager.start_all()
    assert by_name(manager)["observer"].status == "loaded"
    assert set(manager.mounted) == {"good"}
    assert (await serve_app(manager.mounted["good"]).get("/who", key="k1")).json == {"name": "good"}
    assert sys.modules["x_observer"].seen == [("who", {}, "k1")]
    assert manager.hooks.raised == {"observer": 1}
    await manager.stop_all()


async def test_a_broken_plugin_answers_503_with_its_reason(
    install: Install, load: Any, serve_app: Any
) -> None:
    """Who calls it is told why it is not there."""
    install("broken", "raise SystemExit('bye')", "broken = broken")
    manager = load()
    reply = await serve_app(manager.mounted["broken"]).get("/version")
    assert (reply.status, reply.json["code"]) == (503, "plugin_unavailable")
    assert (reply.json["status"], reply.json["reason"]) == ("failed", "SystemExit: bye")
    assert reply.headers["retry-after"] == "300"


def test_clients_are_found_too(install: Install, found: Any) -> None:
    """A bare client class serves the plugin of its entry's name, all others get the generated one."""
    install(
        "x-client",
        """
        from radical_edge_core.plugin import PluginClient

        class Mine(PluginClient):
            async def twice(self):
                return 2
        """,
        "mine = x_client:Mine",
        group=GROUPS["client"],
    )
    hooks = Hooks()
    (report,) = load_hooks(hooks, found(GROUPS["client"]), Wanted())
    assert report.status == "loaded"

    def client_of(name: str) -> PluginClient:
        description = {"plugin": {"name": name}, "operations": {}}
        return hooks.client_plugin(description, None, "hpc1")  # type: ignore[arg-type]

    assert type(client_of("mine")).__name__ == "Mine"
    assert type(client_of("other")) is PluginClient
