"""
Every page before a real cluster, in both themes, at the width of a screen and of telephones: checks S4, S9, S10.

``RADICAL_EDGE_TEST_PICTURES`` names a folder for the pictures: what no test sees, somebody has to look at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kit.hosts import Bridge
from kit.slurm import Cluster
from kit.stand import Stand
from kit.waiting import until

PICTURES = os.environ.get("RADICAL_EDGE_TEST_PICTURES")
WIDTHS = (1360, 390, 360)
SCRIPT = r"for n in $(seq 1 40); do printf 'step %s of 40 \033[32mok\033[0m\n' $n; done; echo careful >&2"


@pytest.fixture(scope="module")
def places(
    slurm: Cluster, shared_stand: Stand, install_stranger: Callable[[Path], None]
) -> Iterator[tuple[Bridge, dict[str, str]]]:
    """A bridge, an edge at a cluster with jobs of every state, one that is away; and the addresses of their pages."""
    stand = shared_stand
    install_stranger(stand.site)
    bridge = stand.bridge()
    url = bridge.url.replace("http", "ws")
    stand.edge("hpc", "--url", url, also={"SLURM_CONF": slurm.conf})
    laptop = stand.edge("laptop", "--url", url, "--plugins", "sysinfo")
    bridge.has("hpc", "psij", "queue_info", "studio", within_s=90)
    bridge.has("laptop", "sysinfo", within_s=60)
    laptop.stop()
    sid = bridge.session("hpc", "psij", name="portal")

    def submit(*arguments: str, executor: str = "local") -> str:
        spec: dict[str, Any] = {"executable": "sh", "arguments": ["-c", *arguments]}
        if executor == "slurm":
            spec["attributes"] = {"queue_name": "debug"}
        answer = bridge.post(f"/hpc/psij/submit/{sid}", {"job_spec": spec, "executor": executor})
        return str(answer["job_id"])

    done, failed = submit(SCRIPT), submit("echo no such input >&2; exit 3")
    running = submit("echo begun; sleep 600", executor="slurm")
    submit("sleep 601", executor="slurm")
    wanted = {done: "COMPLETED", failed: "FAILED", running: "ACTIVE"}

    def states() -> dict[str, str]:
        return {job["job_id"]: job["state"] for job in bridge.get(f"/hpc/psij/list_jobs/{sid}")["jobs"]}

    until(lambda: all(states()[job] == state for job, state in wanted.items()), 60, "the jobs are as wanted")
    sid = bridge.session("hpc", "studio", name="portal")
    take = bridge.post(f"/hpc/studio/begin/{sid}", {"name": "doomed", "seconds": 0.1})["id"]
    bridge.post(f"/hpc/studio/begin/{sid}", {"name": "long", "seconds": 600})
    item = "/ui/e/hpc/psij/r/job/"
    yield (
        bridge,
        {
            "edges": "/",
            "activity": "/ui/activity",
            "launch": "/ui/launch",
            "bridge": "/ui/bridge",
            "settings": "/ui/settings",
            "not-found": "/ui/nowhere",
            "edge": "/ui/e/hpc",
            "edge-away": "/ui/e/laptop",
            "jobs": "/ui/e/hpc/psij",
            "submit": "/ui/e/hpc/psij/submit",
            "job-done": item + done,
            "job-failed": item + failed,
            "job-running": item + running,
            "operations": "/ui/e/hpc/psij/-",
            "queues": "/ui/e/hpc/queue_info",
            "queue-jobs": "/ui/e/hpc/queue_info/jobs",
            "nodes": "/ui/e/hpc/queue_info/nodes",
            "system": "/ui/e/hpc/sysinfo",
            "files": "/ui/e/hpc/staging",
            "stranger": "/ui/e/hpc/studio",
            "stranger-form": "/ui/e/hpc/studio/features",
            "stranger-plots": "/ui/e/hpc/studio/level",
            "stranger-item": f"/ui/e/hpc/studio/r/take/{take}",
        },
    )
    slurm.cancel_all()


@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page(
    places: tuple[Bridge, dict[str, str]], browsers: Callable[..., Any], theme: str, width: int
) -> None:
    """Axe finds nothing, nothing is cut off at the right, and the browser complains of nothing, with real data."""
    bridge, pages = places
    browser = browsers(
        bridge.url, color_scheme=theme, viewport={"width": width, "height": 900 if width > 400 else 780}
    )
    page = browser.go("/")
    page.get_by_label("Token").wait_for()
    found = [*look(browser, page, f"sign-in-{theme}-{width}", width)]
    browser.sign_in(bridge.token)
    for name, path in pages.items():
        page = browser.go(path)
        page.get_by_role("heading", level=1).wait_for()
        page.locator(".skeleton").first.wait_for(state="detached")
        page.wait_for_timeout(2500 if PICTURES and name in {"system", "stranger-plots"} else 400)
        found += look(browser, page, f"{name}-{theme}-{width}", width)
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("hpc")
    found += look(browser, page, f"palette-{theme}-{width}", width)
    assert found == []


def look(browser: Any, page: Any, name: str, width: int) -> list[str]:
    """Keep a picture where one is wanted; return what is wrong with the page."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)
    found = [f"{name}: {each}" for each in browser.axe(page)]
    across = page.evaluate("document.documentElement.scrollWidth")
    return [*found, f"{name}: {across} pixels wide"] if across > width else found
