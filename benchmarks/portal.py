"""
Measure the portal in a real browser: ``nox -s bench_portal``.

A bridge, an edge with the stranger's plugin of the portal's tests, and Debian's Chromium: how long ten thousand
rows take until they can be seen and filtered, and what eight plots cost that move four times a second.
Processor time is the kernel's account, so that a busy machine falsifies the times more than the shares.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import json
import os
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stand import free_port, running, wait_until

PLUGIN = Path(__file__).parents[1] / "tests" / "portal" / "studio.py"
ROWS = 10_000
PLOTS = 8
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
)
# Runs in the page: from a change of the filter to the rows of the answer.
FILTER = """async (text) => {
  const field = document.querySelector("[data-filter]");
  const table = document.querySelector("[role=table]");
  const old = table.getAttribute("aria-rowcount");
  const before = performance.now();
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, text);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  do await new Promise((resolve) => requestAnimationFrame(resolve));
  while (table.getAttribute("aria-rowcount") === old && performance.now() - before < 10000);
  return performance.now() - before;
}"""


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure the portal in a real browser.")
    parser.add_argument("--rounds", type=int, default=5, help="how often the table is opened")
    parser.add_argument("--seconds", type=float, default=20, help="how long the plots are watched")
    parser.add_argument("--json", action="store_true", help="print one JSON document in place of lines")
    return parser.parse_args(arguments)


def installed(site: Path) -> None:
    """Install the stranger's plugin into a folder on the edge's path."""
    info = site / "somebodys_studio-2.3.dist-info"
    info.mkdir(parents=True)
    shutil.copy(PLUGIN, site / "somebodys_studio.py")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys-studio\nVersion: 2.3\n", "utf-8")
    (info / "entry_points.txt").write_text(
        "[radical_edge.plugins]\nstudio = somebodys_studio:Studio\n", "utf-8"
    )


def table(page: Any, url: str, rounds: int) -> Mapping[str, float]:
    """Open the table of ten thousand rows; from the click to the first row, then filter it."""
    shown, filtered = [], []
    rows = page.locator(".t-body [role=row]")
    for number in range(rounds):
        page.goto(f"{url}/ui/e/hpc/studio/begin")
        page.get_by_label("Name").wait_for()
        link = page.get_by_role("navigation", name="Views").get_by_role("link", name="Many")
        started = time.perf_counter()
        link.click()
        rows.first.wait_for()
        shown.append(time.perf_counter() - started)
        count = int(page.get_by_role("table").get_attribute("aria-rowcount")) - 1
        assert count >= ROWS, f"{count} rows"
        filtered.append(page.evaluate(FILTER, f"take {9000 + number}"))
    return {
        "rows_shown_s": statistics.median(shown),
        "rows_shown_worst_s": max(shown),
        "filter_ms": statistics.median(filtered),
        "filter_worst_ms": max(filtered),
        "rows_in_document": rows.count(),
    }


def eight_plots(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Describe the plugin with eight plots and nothing else; half of them have three lines."""
    made = copy.deepcopy(dict(document))
    plots = [view for view in made["views"] if view["kind"] == "plot"]
    made["views"] = [
        {**plots[number % len(plots)], "id": f"plot{number}", "title": f"Plot {number}", "summary": False}
        for number in range(PLOTS)
    ]
    return made


def plots(browser: Any, context: Any, page: Any, url: str, seconds: float) -> Mapping[str, float]:
    """Watch eight plots; the share of one core that the page's process and the whole browser take."""
    document = context.request.get(f"{url}/hpc/studio/describe").json()
    body = json.dumps(eight_plots(document))
    context.route(
        "**/hpc/studio/describe", lambda route: route.fulfill(body=body, content_type="application/json")
    )
    page.goto(f"{url}/ui/e/hpc/studio/plot0")
    figures = page.locator("figure[data-points]")
    figures.nth(PLOTS - 1).wait_for()
    page.wait_for_timeout(4000)  # what belongs to opening the page is over
    session = browser.new_browser_cdp_session()
    before, points, started = spent(session), moved(figures), time.perf_counter()
    page.wait_for_timeout(seconds * 1000)
    passed = time.perf_counter() - started
    after, more = spent(session), moved(figures)
    used = {kind: after[kind] - before.get(kind, 0.0) for kind in after}
    return {
        "plots": figures.count(),
        "points_per_s": (more - points) / passed,
        "page_core_percent": 100 * used.get("renderer", 0.0) / passed,
        "browser_core_percent": 100 * sum(used.values()) / passed,
    }


def moved(figures: Any) -> int:
    """Return how many points the first plot has."""
    return int(figures.first.get_attribute("data-points"))


def spent(session: Any) -> dict[str, float]:
    """Return the seconds of processor time by kind of process."""
    found: dict[str, float] = {}
    for process in session.send("SystemInfo.getProcessInfo")["processInfo"]:
        found[process["type"]] = found.get(process["type"], 0.0) + process["cpuTime"]
    return found


def measure(wanted: argparse.Namespace, folder: Path) -> Mapping[str, float]:
    """Start everything, measure, and end it."""
    installed(folder / "site")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RADICAL_")}
    environ |= {"RADICAL_EDGE_HOME": str(folder / "home"), "PYTHONPATH": str(folder / "site")}
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    bridge = ("radical-edge-bridge", "--port", str(port))
    edge = ("radical-edge-service", "--name", "hpc", "--url", f"ws://127.0.0.1:{port}", "--plugins", "studio")
    token = folder / "home" / "bridge" / "admin.token"
    driver = importlib.import_module("playwright.sync_api")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    log = folder / "bridge.log"
    with running(bridge, environ, log):
        wait_until(lambda: token.exists() and " listens on " in log.read_text("utf-8"), "no bridge", folder)
        with running(edge, environ, folder / "edge.log"), driver.sync_playwright() as started:
            browser = started.chromium.launch(executable_path=program, headless=True, args=list(ARGUMENTS))
            context = browser.new_context(viewport={"width": 1360, "height": 900})
            page = context.new_page()
            page.goto(f"{url}/#token={token.read_text('utf-8').strip()}")
            page.get_by_role("link", name=re.compile("^Studio")).first.wait_for(timeout=60_000)
            found = {**table(page, url, wanted.rounds), **plots(browser, context, page, url, wanted.seconds)}
            browser.close()
    return found


LINES = (
    ("{rows_shown_s:.2f} s (worst {rows_shown_worst_s:.2f} s)", "from the click to 10,000 rows"),
    ("{filter_ms:.0f} ms (worst {filter_worst_ms:.0f} ms)", "from a filter to its rows"),
    ("{plots} at {points_per_s:.1f} a second", "plots that move"),
    ("{page_core_percent:.1f} % of a core", "the page's process meanwhile"),
    ("{browser_core_percent:.1f} % of a core", "all of the browser's processes meanwhile"),
)


def main() -> None:
    """Measure and print."""
    wanted = options()
    with tempfile.TemporaryDirectory(prefix="edge-portal-bench-") as folder:
        found = measure(wanted, Path(folder))
    if wanted.json:
        print(json.dumps(found))
        return
    for figure, what in LINES:
        print(f"{what:45} {figure.format(**found)}")


if __name__ == "__main__":
    main()
