"""What means no good does no harm: check X1."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from kit.hosts import Bridge

expect = pytest.importorskip("playwright.sync_api").expect
EVIL = '<img src=x onerror="alert(1)"><script>alert(2)</script>'


def test_x1_markup_in_data_is_text(browser: Any, bridge: Bridge) -> None:
    """Titles, values, labels and output with markup in them show it as it is."""
    sid = bridge.session("hpc", "studio", name="portal")
    bridge.post(f"/hpc/studio/begin/{sid}", {"name": EVIL, "seconds": 0})
    page = browser.go("/ui/e/hpc/studio")
    expect(page.get_by_role("cell", name=EVIL).first).to_be_visible()
    page = browser.go("/ui/e/hpc/studio/rooms")
    expect(page.get_by_role("meter", name=EVIL)).to_be_visible()
    assert page.locator("main img").count() == 0
    expect(
        browser.go("/ui/e/hpc/studio/odd").get_by_text("does not know views of the kind “hologram”")
    ).to_be_visible()


@pytest.fixture
def document(bridge: Bridge) -> dict[str, Any]:
    found: dict[str, Any] = bridge.get("/hpc/studio/describe")
    return found


def serve(browser: Any, document: object) -> None:
    """Answer for the plugin's description."""
    body = document if isinstance(document, str) else json.dumps(document)
    browser.context.route(
        "**/hpc/studio/describe",
        lambda route: route.fulfill(body=body, content_type="application/json"),
    )


def test_x1_a_hostile_description_leads_nowhere(browser: Any, document: dict[str, Any]) -> None:
    """Paths that leave the plugin, foreign and endless schemas, evil patterns: each in its own card, the rest works."""
    made = copy.deepcopy(document)
    operations = made["operations"]
    operations["begin"]["input"]["properties"]["name"]["pattern"] = "^(a+)+$"
    operations["features"]["input"]["properties"]["text"] = {"$ref": "https://evil.example/schema.json"}
    operations["many"]["input"] = {"$ref": "#/$defs/Loop"}
    made["$defs"]["Loop"] = {"type": "object", "properties": {"again": {"$ref": "#/$defs/Loop"}}}
    made["views"] += [
        {"id": "evil", "kind": "facts", "title": EVIL, "operation": "drop"},
        {
            "id": "proto",
            "kind": "table",
            "title": "Proto",
            "resource": "__proto__",
            "columns": [{"field": "/__proto__"}],
        },
    ]
    made["plugin"]["summary"] = EVIL
    serve(browser, made)
    page = browser.go("/ui/e/hpc/studio/features")
    expect(page.get_by_text("refers to https://evil.example/schema.json")).to_be_visible()
    page.get_by_role("link", name="Begin").first.click()
    page.get_by_label("Name").fill("a" * 40 + "!")
    page.get_by_role("button", name="Begin a take").click()
    expect(page.get_by_role("region", name="Result")).to_be_visible()
    page = browser.go("/ui/e/hpc/studio/evil")
    expect(page.get_by_text("only reading ones run unasked")).to_be_visible()
    expect(browser.go("/ui/e/hpc/studio/proto").get_by_text("does not exist")).to_be_visible()
    assert not any("/drop/" in url for url in browser.requests)


@pytest.mark.parametrize(
    "path", ["../../hpc/psij/list_jobs/x", "/edge/disconnect/hpc", "a/../b", "https://evil.example/"]
)
def test_x1_paths_that_leave_the_plugin_make_no_request(
    browser: Any, document: dict[str, Any], path: str
) -> None:
    """A description whose operations aim elsewhere does not fit the contract; nothing is sent for them."""
    made = copy.deepcopy(document)
    made["operations"]["takes"]["path"] = path
    made["operations"]["begin"]["path"] = path
    serve(browser, made)
    page = browser.go("/ui/e/hpc/studio")
    expect(page.get_by_text("does not fit the contract")).to_be_visible()
    expect(page.get_by_role("option", name="Begin a take")).to_have_count(0)
    assert not any(
        part in url for url in browser.requests for part in ("disconnect", "list_jobs", "evil.example")
    )


@pytest.mark.parametrize(
    "wrong",
    ["x" * 10_000_000, "null", "[]", '{"contract": 7}', '{"__proto__": {"views": []}}'],
    ids=["10 MB", "null", "list", "wrong types", "prototype"],
)
def test_x1_what_is_no_description_breaks_nothing(browser: Any, wrong: str) -> None:
    """The page says so, and the rest of the portal works."""
    serve(browser, wrong)
    page = browser.go("/ui/e/hpc/studio")
    expect(page.get_by_text("does not fit the contract")).to_be_visible()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Activity").click()
    expect(page.get_by_role("heading", name="Activity", level=1)).to_be_visible()


def test_x1_ten_thousand_columns_are_refused(browser: Any, document: dict[str, Any]) -> None:
    """A view beyond the contract's limits has a card that says so."""
    made = copy.deepcopy(document)
    made["views"][0]["columns"] = [{"field": f"/{n}"} for n in range(10_000)]
    serve(browser, made)
    expect(browser.go("/ui/e/hpc/studio").get_by_text("does not fit the contract")).to_be_visible()
