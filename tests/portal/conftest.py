"""A real browser before a real bridge and edge; whatever the browser complains of fails the test."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kit.distributions import install_plugin
from kit.hosts import Bridge, Edge
from kit.stand import Stand

HERE = Path(__file__).parent
PORTAL = HERE.parents[1] / "portal"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
NEEDED = [name for name in ("playwright", "radical_edge_portal") if importlib.util.find_spec(name) is None]
if NEEDED or CHROMIUM is None:
    # `nox -s portal` has all of it; the other sessions go on without.
    collect_ignore_glob = ["test_*.py"]

ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
WATCH = """
window.__reports = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.__reports.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
NO_LUCK = {
    "type": "about:blank",
    "title": "x",
    "status": 500,
    "code": "plugin_failure",
    "detail": "no luck",
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Browser:
    """
    One browser with a profile of its own, in which nobody is signed in.

    Attributes:
        allowed: Patterns of console messages that the test brings about by intent.
    """

    def __init__(self, context: Any, url: str) -> None:
        self.context = context
        self.url = url
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.allowed: list[str] = []
        context.add_init_script(WATCH)
        context.on("page", self._watch)
        context.on("request", self._requested)

    @property
    def page(self) -> Any:
        """The first tab."""
        return self.context.pages[0]

    def _watch(self, page: Any) -> None:
        page.set_default_timeout(15_000)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))

    def _said(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"console: {message.text} {message.location.get('url', '')}")

    def _requested(self, request: Any) -> None:
        self.requests.append(request.url)
        if not request.url.startswith((self.url + "/", "data:", "blob:")):
            self.complaints.append(f"foreign request: {request.url}")

    def go(self, path: str) -> Any:
        """Open a path in the first tab."""
        self.page.goto(self.url + path)
        return self.page

    def sign_in(self, token: str, path: str = "/") -> Any:
        """Sign in by the link that the bridge prints."""
        self.page.goto(f"{self.url}{path}#token={token}")
        self.page.locator("nav.rail").wait_for(state="attached")
        return self.page

    def axe(self, page: Any) -> list[str]:
        """Return what axe finds on a page."""
        page.evaluate((PORTAL / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8"))
        found = page.evaluate("(rules) => axe.run(document, {runOnly: rules})", RULES)
        return [
            f"{each['id']}: {node['html'][:200]}" for each in found["violations"] for node in each["nodes"]
        ]

    @contextmanager
    def refused(self, pattern: str) -> Iterator[None]:
        """Let calls to what fits a pattern fail with a 500, whose problem says ``no luck``."""
        self.allowed.append(r"Failed to load resource.*500")
        body = json.dumps(NO_LUCK)
        kind = "application/problem+json"
        self.context.route(pattern, lambda route: route.fulfill(status=500, body=body, content_type=kind))
        try:
            yield
        finally:
            self.context.unroute(pattern)

    def unexpected(self) -> list[str]:
        """Return what the browser complained of, and no test allowed."""
        found = list(self.complaints)
        for page in self.context.pages:
            if page.url.startswith(self.url):
                found += [f"policy: {each}" for each in page.evaluate("window.__reports ?? []")]
        return [each for each in found if not any(re.search(pattern, each) for pattern in self.allowed)]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    """The driver; one for all tests, since its loop can't be started twice."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="session")
def chromium(playwright: Any) -> Iterator[Any]:
    """One process for all tests; each browser in it has cookies, storage and workers of its own."""
    started = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(ARGUMENTS))
    yield started
    started.close()


@pytest.fixture
def browsers(chromium: Any) -> Iterator[Callable[..., Browser]]:
    """Start browsers; at the end none of them may have complained."""
    started: list[Browser] = []

    def start(url: str, **options: Any) -> Browser:
        context = chromium.new_context(**{"viewport": {"width": 1360, "height": 900}, **options})
        made = Browser(context, url)
        context.new_page()
        started.append(made)
        return made

    try:
        yield start
        for browser in started:
            assert browser.unexpected() == []
    finally:
        for browser in started:
            browser.context.close()


def third_party(site: Path) -> None:
    """Install a distribution that this repository knows nothing of."""
    names = ("somebodys_studio", "somebodys-studio")
    install_plugin(site, HERE / "studio.py", *names, entry="studio", target="Studio", version="2.3")


@pytest.fixture(scope="session")
def install_stranger() -> Callable[[Path], None]:
    """What installs a stranger's distribution into a folder on the path of an edge."""
    return third_party


@pytest.fixture(scope="module")
def system(shared_stand: Stand) -> tuple[Bridge, Edge]:
    """A bridge and the edge ``hpc`` with every installed plugin and a stranger's."""
    third_party(shared_stand.site)
    bridge = shared_stand.bridge()
    edge = shared_stand.edge("hpc", "--url", bridge.url.replace("http", "ws"))
    bridge.has("hpc", "sysinfo", "psij", "staging", "studio", within_s=60)
    return bridge, edge


@pytest.fixture
def bridge(system: tuple[Bridge, Edge]) -> Bridge:
    """The bridge that the tests of one file share."""
    return system[0]


@pytest.fixture
def browser(bridge: Bridge, browsers: Callable[..., Browser]) -> Browser:
    """A browser at the shared bridge, signed in."""
    made = browsers(bridge.url)
    made.sign_in(bridge.token)
    return made


@pytest.fixture
def stranger(bridge: Bridge, browsers: Callable[..., Browser]) -> Browser:
    """A browser at the shared bridge in which nobody is signed in."""
    return browsers(bridge.url)


@pytest.fixture
def own_system(stand: Stand) -> tuple[Stand, Bridge, Edge]:
    """A bridge and the edge ``hpc`` of this test's own, to be stopped and started."""
    third_party(stand.site)
    bridge = stand.bridge()
    edge = stand.edge("hpc", "--url", bridge.url.replace("http", "ws"))
    bridge.has("hpc", "sysinfo", "psij", "studio", within_s=60)
    return stand, bridge, edge
