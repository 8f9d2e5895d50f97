"""What tables do beside showing rows: checks T4 to T7."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit.hosts import Bridge

expect = pytest.importorskip("playwright.sync_api").expect


def test_t4_several_rows_at_once(browser: Any, bridge: Bridge) -> None:
    """T4: rows are chosen by keyboard or mouse; one question, and the action goes to each that can take it."""
    sid = bridge.session("hpc", "studio", name="portal")
    made = [bridge.post(f"/hpc/studio/begin/{sid}", {"name": "bulk", "seconds": 600})["id"] for _ in range(3)]
    page = browser.go("/ui/e/hpc/studio")
    page.get_by_label("Filter takes").fill("bulk")
    rows = page.locator(".t-body").get_by_role("row")
    expect(rows).to_have_count(3)
    rows.first.focus()
    page.keyboard.press("Space")
    expect(rows.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Drop it (2)").click()
    dialog = page.get_by_role("dialog", name="drop for 2 items?")
    expect(dialog.get_by_role("button", name="Keep")).to_be_focused()
    assert browser.axe(page) == []
    dialog.get_by_role("button", name="Drop it").click()
    expect(page.locator(".t-body").get_by_text("DROPPED")).to_have_count(2)
    expect(page.locator(".t-body").get_by_text("RUNNING")).to_have_count(1)
    page.get_by_label("Select all").check()
    page.locator(".filter").get_by_role("button", name="Drop it").click()  # the other two are over
    (left,) = [
        take["id"] for take in bridge.get(f"/hpc/studio/takes/{sid}")["takes"] if take["state"] == "RUNNING"
    ]
    page.get_by_role("dialog").get_by_role("textbox").fill(left)
    page.get_by_role("dialog").get_by_role("button", name="Drop it").click()
    expect(page.locator(".t-body").get_by_text("DROPPED")).to_have_count(3)
    states = {take["id"]: take["state"] for take in bridge.get(f"/hpc/studio/takes/{sid}")["takes"]}
    assert {states[each] for each in made} == {"DROPPED"}


@pytest.mark.parametrize("width", [1360, 760, 390, 360])
def test_t5_the_actions_stay_in_view(bridge: Bridge, browsers: Callable[..., Any], width: int) -> None:
    """T5: where there is little room the less important columns go, and the actions never do."""
    sid = bridge.session("hpc", "studio", name="portal")
    made = bridge.post(f"/hpc/studio/begin/{sid}", {"name": "narrow", "seconds": 600})["id"]
    browser = browsers(bridge.url, viewport={"width": width, "height": 800})
    browser.sign_in(bridge.token)
    page = browser.go("/ui/e/hpc/studio")
    row = page.locator(".t-body").get_by_role("row").filter(has_text=made)
    button = row.get_by_role("button", name="Drop it")
    box = button.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    heads = page.get_by_role("columnheader")
    expect(heads.filter(has_text="State")).to_be_visible()
    if width <= 390:
        expect(heads.filter(has_text="Note")).to_have_count(0)
    else:
        expect(heads.filter(has_text="Name")).to_be_visible()
    bridge.post(f"/hpc/studio/drop/{sid}/{made}")


def test_t6_what_fails_can_be_tried_again(browser: Any) -> None:
    """T6: an error is told with its cause, and one button away from another try."""
    with browser.refused("**/hpc/studio/takes/**"):
        page = browser.go("/ui/e/hpc/studio")
        alert = page.get_by_role("alert")
        expect(alert.get_by_text("no luck")).to_be_visible()
        assert browser.axe(page) == []
    alert.get_by_role("button", name="Try again").click()
    expect(page.get_by_label("Filter takes")).to_be_visible()


def test_t7_what_is_filtered_is_exported(browser: Any, tmp_path: Path) -> None:
    """T7: CSV and JSON of the rows that the filter leaves; no cell of the CSV is a formula."""
    page = browser.go("/ui/e/hpc/studio/many")
    page.get_by_label("Filter many").fill("take 999")
    expect(page.get_by_role("table")).to_have_attribute("aria-rowcount", "12")
    for name in ("CSV", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        download.value.save_as(tmp_path / name)
    rows = list(csv.reader((tmp_path / "CSV").read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["Take", "State", "Name", "Note", "Began"]
    assert len(rows) == 12
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)
    names = [row["name"] for row in json.loads((tmp_path / "JSON").read_text(encoding="utf-8"))]
    assert names == ["take 999", *(f"take 999{n}" for n in range(10))]
