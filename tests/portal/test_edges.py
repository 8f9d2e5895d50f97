"""The page of edges: checks E1 to E4."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest
from kit.hosts import Bridge
from kit.stand import Stand

expect = pytest.importorskip("playwright.sync_api").expect


def test_e1_cards_tell_what_there_is(browser: Any, bridge: Bridge) -> None:
    """E1: name, host, state, plugins and load; filter, pin and the choice of a table."""
    page = browser.page
    card = page.get_by_role("article", name="hpc")
    expect(card.get_by_text("connected")).to_be_visible()
    for plugin in ("Studio", "Jobs", "Files", "System"):
        expect(card.get_by_role("link", name=plugin)).to_be_visible()
    meter = card.get_by_role("meter", name="Level of hpc")
    expect(meter).to_be_visible()
    expect(card.get_by_text(" %").first).to_be_visible()
    page.get_by_label("Filter edges").fill("no such edge")
    expect(card).to_be_hidden()
    page.get_by_label("Filter edges").fill("studio")
    expect(card).to_be_visible()
    page.get_by_label("Filter edges").fill("")
    page.get_by_role("button", name="Pin hpc").click()
    page.get_by_role("button", name="Table").click()
    expect(page.get_by_role("table")).to_be_visible()
    page.reload()
    expect(page.get_by_role("table").get_by_role("link").first).to_have_text("hpc")


def test_e1_chips_choose_edges_by_what_they_offer(browser: Any, bridge: Bridge) -> None:
    """E1: a chip for each plugin that any edge has; several of them ask for edges with all of these."""
    (own,) = [edge for edge in bridge.get("/edges")["edges"] if edge["name"] == "hpc"]
    edges = [
        {**own, "name": name, "plugins": plugins, "plugin_count": len(plugins)}
        for name, plugins in (("one", ["psij", "sysinfo"]), ("two", ["sysinfo"]), ("three", ["staging"]))
    ]
    browser.context.route("**/edges", lambda route: route.fulfill(json={"edges": edges, "total": 3}))
    page = browser.go("/")
    cards = page.locator("[data-edge]")
    expect(cards).to_have_count(3)
    chips = page.get_by_role("group", name="Edges that offer")
    chips.get_by_role("button", name="sysinfo").click()
    expect(cards).to_have_count(2)
    chips.get_by_role("button", name="psij").click()
    expect(cards).to_have_count(1)
    chips.get_by_role("button", name="staging").click()
    expect(page.get_by_text("No edge matches")).to_be_visible()


def test_e2_without_an_edge_it_says_how_to_start_one(stand: Stand, browsers: Callable[..., Any]) -> None:
    """E2: the command with the bridge's address, to be copied, and a way to launch one."""
    bridge = stand.bridge()
    browser = browsers(bridge.url)
    page = browser.sign_in(bridge.token)
    expect(page.get_by_role("heading", name="No edge has joined yet")).to_be_visible()
    expect(page.get_by_text(f"--url {bridge.url.replace('http', 'ws')}")).to_be_visible()
    expect(page.get_by_role("button", name="Copy command")).to_be_visible()
    assert browser.axe(page) == []
    page.get_by_role("link", name="Launch an edge").click()
    expect(page.get_by_role("heading", name="Launch an edge", level=1)).to_be_visible()


def test_e3_and_e4_disconnecting_asks_and_the_lost_edge_stays(
    own_system: Any, browsers: Callable[..., Any]
) -> None:
    """E4: the name is typed again, the card tells; X4: Keep has the focus. E3: it stays, lost since when."""
    _, bridge, edge = own_system
    page = browsers(bridge.url).sign_in(bridge.token)
    card = page.get_by_role("article", name="hpc")
    card.get_by_role("button", name="Disconnect").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    card.get_by_role("button", name="Disconnect").click()
    sure = dialog.get_by_role("button", name="Disconnect")
    expect(sure).to_be_disabled()
    dialog.get_by_role("textbox").fill("hpc")
    edge.send(signal.SIGSTOP)  # so that it takes its time
    sure.click()
    expect(card.get_by_text("disconnecting")).to_be_visible()
    edge.send(signal.SIGCONT)
    expect(card.get_by_text("away")).to_be_visible(timeout=20_000)
    expect(card.get_by_text("lost")).to_be_visible()
    edge.wait()


def test_e5_five_hundred_edges_are_filtered_at_once(browser: Any, bridge: Bridge) -> None:
    """E5: the filter answers within a tenth of a second (on an idle machine)."""
    (own,) = [edge for edge in bridge.get("/edges")["edges"] if edge["name"] == "hpc"]
    edges = [
        {**own, "name": f"edge-{n}", "host": f"node{n}.example", "connected": n % 3 > 0} for n in range(500)
    ]
    browser.context.route("**/edges", lambda route: route.fulfill(json={"edges": edges, "total": len(edges)}))
    page = browser.go("/")
    expect(page.locator("[data-edge]")).to_have_count(500)
    took_ms = page.evaluate(
        """async (needle) => {
          const field = document.querySelector("[data-filter]");
          Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, needle);
          const began = performance.now();
          field.dispatchEvent(new Event("input", {bubbles: true}));
          while (document.querySelectorAll("[data-edge]").length > 1) await new Promise(requestAnimationFrame);
          return performance.now() - began;
        }""",
        "node499.example",
    )
    print(f"500 edges filtered in {took_ms:.0f} ms")
    assert took_ms < 500
