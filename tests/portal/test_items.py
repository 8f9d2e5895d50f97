"""Items, what became of them, and everything that runs anywhere: checks F9, J1, J3, A1, A2."""

from __future__ import annotations

import re
from typing import Any

import pytest
from kit.hosts import Bridge

expect = pytest.importorskip("playwright.sync_api").expect

TOLD = """
window.__told = [];
const Real = window.Notification;
window.Notification = class extends Real {
  constructor(title, options) { super(title, options); window.__told.push(`${title} · ${options.body}`); }
};
"""


def test_j1_why_it_failed_comes_first(browser: Any, bridge: Bridge) -> None:
    """J1: the reason stands above everything else; then times and durations, ids, and the whole as JSON."""
    sid = bridge.session("hpc", "studio", name="portal")
    made = bridge.post(f"/hpc/studio/begin/{sid}", {"name": "doomed", "seconds": 0.2})
    page = browser.go(f"/ui/e/hpc/studio/r/take/{made['id']}")
    reason = page.get_by_role("alert")
    expect(reason).to_have_text("the tape tore")
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.get_by_text("Ended")).to_be_visible()
    expect(timeline.get_by_text(re.compile(r"^\d+ ms$|^\d\.\d s$"))).to_be_visible()
    above = reason.bounding_box()
    below = timeline.bounding_box()
    assert above is not None
    assert below is not None
    assert above["y"] < below["y"]
    details = page.get_by_role("region", name="Details")
    expect(details.get_by_text(made["id"])).to_be_visible()
    details.get_by_role("button", name="JSON").click()
    expect(details.get_by_text('"why": "the tape tore"')).to_be_visible()


def test_f9_and_j3_from_a_form_to_the_item_and_back(browser: Any, bridge: Bridge) -> None:
    """F9: success leads to what was made, by a button and in the toast. J3: that is the template of the next one."""
    page = browser.go("/ui/e/hpc/studio/begin")
    page.get_by_label("Name").fill("first of two")
    page.get_by_label("Seconds").fill("1")
    page.get_by_role("button", name="Begin a take").click()
    expect(page.get_by_role("button", name="Open take")).to_be_visible()
    page.get_by_role("status", name="Messages").get_by_role("link", name=re.compile("^Open take-")).click()
    expect(page.get_by_role("heading", name=re.compile("^Take take-"), level=1)).to_be_visible()
    page.get_by_role("button", name="Use as template").click()
    expect(page.get_by_label("Name")).to_have_value("first of two")
    page.get_by_role("button", name="Begin a take").click()
    expect(page.get_by_role("button", name="Open take")).to_be_visible()
    sid = bridge.session("hpc", "studio", name="portal")
    names = [take["name"] for take in bridge.get(f"/hpc/studio/takes/{sid}")["takes"]]
    assert names.count("first of two") == 2


def test_a1_everything_that_runs_is_in_one_table(browser: Any, bridge: Bridge) -> None:
    """A1: takes and jobs of every plugin, newest first, to be filtered by words and by state."""
    sid = bridge.session("hpc", "psij", name="portal")
    job = bridge.post(f"/hpc/psij/submit/{sid}", {"job_spec": {"executable": "true"}})["job_id"]
    sid = bridge.session("hpc", "studio", name="portal")
    take = bridge.post(f"/hpc/studio/begin/{sid}", {"name": "newest", "seconds": 600})["id"]
    page = browser.go("/ui/activity")
    rows = page.locator(".t-body").get_by_role("row")
    expect(rows.filter(has_text=job)).to_be_visible()
    expect(rows.first).to_contain_text(take)
    page.get_by_label("Filter activity").fill("jobs")
    expect(rows.filter(has_text=take)).to_have_count(0)
    expect(rows.filter(has_text=job)).to_be_visible()
    page.get_by_label("Filter activity").fill("")
    kind = page.get_by_role("combobox", name="Kind")
    kind.select_option("Studio › Take")
    expect(rows.filter(has_text=job)).to_have_count(0)
    expect(page).to_have_url(re.compile("is.kind=Studio"))
    kind.select_option(label="Kind: all")
    expect(rows.filter(has_text=job)).to_be_visible()
    page.get_by_role("button", name=re.compile("^RUNNING")).click()
    expect(rows.filter(has_text=job)).to_have_count(0)
    bridge.post(f"/hpc/studio/drop/{sid}/{take}")
    expect(rows.filter(has_text=take)).to_have_count(0)
    page.get_by_role("button", name=re.compile("^DROPPED")).click()
    rows.filter(has_text=take).filter(has_text="› Take").click()
    expect(page.get_by_role("heading", name=f"Take {take}", level=1)).to_be_visible()


def test_a2_the_browser_tells_when_an_item_ends(browser: Any, bridge: Bridge) -> None:
    """A2: asked for on the click and not before; told also while another page is open."""
    browser.context.add_init_script(TOLD)
    sid = bridge.session("hpc", "studio", name="portal")
    made = bridge.post(f"/hpc/studio/begin/{sid}", {"name": "waited for", "seconds": 600})["id"]
    page = browser.go(f"/ui/e/hpc/studio/r/take/{made}")
    browser.context.grant_permissions(["notifications"])
    page.get_by_role("button", name="Tell me when it ends").click()
    expect(page.get_by_role("button", name="Will tell you")).to_be_visible()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
    bridge.post(f"/hpc/studio/drop/{sid}/{made}")
    for _ in range(100):
        if told := page.evaluate("window.__told"):
            break
        page.wait_for_timeout(50)
    assert told == [f"Take {made}: DROPPED · Studio on hpc"]


def test_a2_without_the_permission_it_says_so(browser: Any, bridge: Bridge) -> None:
    """A2: a browser that refuses is told of, and nothing pretends to watch."""
    sid = bridge.session("hpc", "studio", name="portal")
    made = bridge.post(f"/hpc/studio/begin/{sid}", {"name": "not told", "seconds": 600})["id"]
    page = browser.go(f"/ui/e/hpc/studio/r/take/{made}")
    page.evaluate("Notification.requestPermission = async () => 'denied'")
    page.get_by_role("button", name="Tell me when it ends").click()
    expect(page.get_by_text("does not let the portal show notifications")).to_be_visible()
    expect(page.get_by_role("button", name="Tell me when it ends")).to_be_visible()
