"""What surrounds every page: checks S1 to S9."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from kit.hosts import Bridge
from kit.waiting import until

expect = pytest.importorskip("playwright.sync_api").expect


def test_s1_the_rail_follows_the_topology(own_system: Any, browsers: Callable[..., Any]) -> None:
    """S1: edges and plugins appear and go grey by themselves."""
    stand, bridge, _ = own_system
    page = browsers(bridge.url).sign_in(bridge.token)
    rail = page.get_by_role("navigation", name="Main")
    expect(rail.get_by_role("link", name="hpc (connected)")).to_be_visible()
    expect(rail.get_by_role("link", name="Studio")).to_be_visible()
    second = stand.edge("laptop", "--url", bridge.url.replace("http", "ws"), "--plugins", "sysinfo")
    expect(rail.get_by_role("link", name="laptop (connected)")).to_be_visible(timeout=30_000)
    second.stop()
    expect(rail.get_by_role("link", name="laptop (away)")).to_be_visible(timeout=4000)


def test_s2_the_palette_and_the_shortcuts(browser: Any) -> None:
    """S2: Ctrl K finds pages, plugins and views; Escape gives the focus back; g a, / and ? work."""
    page = browser.page
    button = page.get_by_role("button", name="Search")
    button.focus()
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox")
    expect(field).to_be_focused()
    assert browser.axe(page) == []
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    page.keyboard.press("Control+k")
    field.fill("hpc studio")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Studio", level=1)).to_be_focused()
    page.keyboard.press("Control+k")
    field.fill("studio begin")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name")).to_be_visible()
    page.get_by_label("Name").focus()
    page.keyboard.type("ga?")
    expect(page.get_by_label("Name")).to_have_value("ga?")
    page.get_by_role("heading", level=1).focus()
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Activity", level=1)).to_be_focused()
    assert page.title() == "Activity · Edge Explorer"
    page.get_by_label("Filter activity").wait_for()
    page.keyboard.press("/")
    expect(page.get_by_label("Filter activity")).to_be_focused()
    page.get_by_role("heading", level=1).focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


def tab_to(page: Any, wanted: Any) -> None:
    """Press Tab until an element has the focus, as somebody without a mouse does."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if wanted.count() and wanted.first.evaluate("element => element === document.activeElement"):
            return
    pytest.fail("the focus never came there")


def test_s3_the_whole_flow_without_a_mouse(stranger: Any, bridge: Bridge) -> None:
    """S3: sign in, submit, watch, cancel; a skip link comes first, the focus shows, and each page has its title."""
    page = stranger.go("/")
    page.get_by_label("Token").wait_for()
    page.keyboard.type(bridge.token)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Edges", level=1)).to_be_visible()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.get_by_role("link", name="Studio").first.wait_for()
    tab_to(page, page.get_by_role("article", name="hpc").get_by_role("link", name="Studio"))
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Studio", level=1)).to_be_focused()
    assert page.title() == "Studio · Edge Explorer"
    page.get_by_label("Filter takes").wait_for()
    page.keyboard.press("n")
    tab_to(page, page.get_by_label("Name"))
    page.keyboard.type("by keyboard")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("600")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Open take")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Open take"))
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", name=re.compile("^Take take-"), level=1)
    expect(heading).to_be_focused()
    take = heading.inner_text().removeprefix("Take ")
    expect(page.locator("main").get_by_text("RUNNING").first).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Drop it"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.type(take)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("main").get_by_text("DROPPED").first).to_be_visible()


def test_s4_the_theme_is_kept(bridge: Bridge, browsers: Callable[..., Any]) -> None:
    """S4: what is chosen holds over a reload, and from before the first paint."""
    browser = browsers(bridge.url, color_scheme="light")
    browser.sign_in(bridge.token)
    page = browser.go("/ui/settings")
    page.get_by_label("Dark").check()
    background = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(background) == "rgb(16, 20, 26)"
    page.goto(bridge.url + "/ui/settings", wait_until="commit")
    page.locator("html[data-theme=dark]").wait_for(state="attached")
    page.get_by_label("As the system").check()
    assert page.evaluate(background) == "rgb(245, 246, 249)"


def test_s5_a_lost_bridge_is_told_and_comes_back(own_system: Any, browsers: Callable[..., Any]) -> None:
    """S5: a banner within 5 s, nothing to be sent, grey dots; then everything is live again by itself."""
    stand, bridge, _ = own_system
    browser = browsers(bridge.url)
    browser.allowed.append(r"Failed to load resource|net::ERR_(CONNECTION|EMPTY_RESPONSE|INCOMPLETE_CHUNKED)")
    browser.sign_in(bridge.token)
    page = browser.go("/ui/e/hpc/studio/begin")
    page.get_by_label("Name").fill("after the storm")
    send = page.get_by_role("button", name="Begin a take")
    expect(send).to_be_enabled()
    bridge.kill()
    banner = page.get_by_text("The bridge can’t be reached since")
    expect(banner).to_be_visible(timeout=5000)
    expect(send).to_be_disabled()
    expect(page.get_by_role("link", name="hpc (unknown)")).to_be_attached()
    again = stand.bridge(port=bridge.port)
    expect(banner).to_be_hidden(timeout=20_000)
    again.has("hpc", "studio", within_s=60)
    expect(page.get_by_label("Name")).to_have_value("after the storm")
    expect(page.get_by_role("link", name="hpc (connected)")).to_be_attached(timeout=20_000)
    send.click()
    expect(page.get_by_text("Begin a take: done.")).to_be_visible()


def test_s6_what_ended_during_an_outage_is_shown_once(own_system: Any, browsers: Callable[..., Any]) -> None:
    """S6: a state that nobody heard of is there when the bridge is back; no row comes twice, and one toast at most."""
    stand, bridge, _ = own_system
    browser = browsers(bridge.url)
    browser.allowed.append(r"Failed to load resource|net::ERR_(CONNECTION|EMPTY_RESPONSE|INCOMPLETE_CHUNKED)")
    browser.sign_in(bridge.token)
    sid = bridge.session("hpc", "studio", name="portal")
    made = bridge.post(f"/hpc/studio/begin/{sid}", {"name": "unheard", "seconds": 2})
    page = browser.go("/ui/e/hpc/studio")
    rows = page.locator(".t-body").get_by_role("row")
    expect(rows.get_by_text("RUNNING")).to_be_visible()
    bridge.kill()
    expect(page.get_by_text("The bridge can’t be reached since")).to_be_visible()
    expect(page.get_by_text("As of")).to_be_visible()  # S5: dimmed, with its age
    expect(rows.get_by_role("button", name="Drop it")).to_be_disabled()
    page.wait_for_timeout(2000)  # the take ends meanwhile
    again = stand.bridge(port=bridge.port)
    again.has("hpc", "studio", within_s=60)
    expect(rows.get_by_text("DONE")).to_be_visible(timeout=20_000)
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(made["id"])
    assert page.locator(".toast").count() <= 1


def test_s7_a_page_that_comes_back_is_live(browser: Any, bridge: Bridge) -> None:
    """S7: going elsewhere and back, as with the browser's own cache of pages, leads to a live page."""
    page = browser.go("/ui/e/hpc/studio")
    page.get_by_label("Filter takes").wait_for()
    page.goto("about:blank")
    sid = bridge.session("hpc", "studio", name="portal")
    made = bridge.post(f"/hpc/studio/begin/{sid}", {"name": "meanwhile", "seconds": 600})
    page.go_back()
    row = page.get_by_role("row").filter(has_text=made["id"])
    expect(row.get_by_text("RUNNING")).to_be_visible()
    bridge.post(f"/hpc/studio/drop/{sid}/{made['id']}")
    expect(row.get_by_text("DROPPED")).to_be_visible()


def listeners(bridge: Bridge) -> float:
    return bridge.metric("radical_edge_event_listeners")


@pytest.mark.slow
def test_s7_a_killed_tab_leaves_no_stream(
    bridge: Bridge, chromium: Any, browsers: Callable[..., Any]
) -> None:
    """S7: a tab whose process was killed says no goodbye; a minute later its stream is gone."""
    browser = browsers(bridge.url)
    browser.allowed.append(r"favicon")  # of a page that is a script
    browser.sign_in(bridge.token)
    page = browser.page
    expect(page.locator(".rail .dot.ok").first).to_be_visible()
    until(lambda: listeners(bridge) >= 1, 10, "the tab listens")
    keeper = browser.context.new_page()  # keeps the worker's process alive
    keeper.goto(bridge.url + "/assets/theme.js")
    with pytest.raises(Exception, match="crash"):
        page.goto("chrome://crash")
    page.close()
    until(lambda: listeners(bridge) == 0, 75, "the stream of the killed tab is gone")


def test_s8_toasts(browser: Any, bridge: Bridge) -> None:
    """S8: success goes after 6 s, errors stay, four at most; details and the request's id are there."""
    sid = bridge.session("hpc", "studio", name="portal")
    made = bridge.post(f"/hpc/studio/begin/{sid}", {"name": "toasted", "seconds": 600})["id"]
    page = browser.page
    page.clock.install()
    page = browser.go(f"/ui/e/hpc/studio/r/take/{made}")

    def drop() -> None:
        page.get_by_role("button", name="Drop it").first.click()
        page.get_by_role("dialog").get_by_role("textbox").fill(made)
        page.get_by_role("dialog").get_by_role("button", name="Drop it").click()

    toasts = page.get_by_role("status", name="Messages").locator(".toast")
    with browser.refused("**/hpc/studio/drop/**"):
        for _ in range(5):
            drop()
            expect(page.get_by_role("dialog")).to_be_hidden()
            expect(page.get_by_role("button", name="Drop it").first).to_be_enabled()
        expect(toasts).to_have_count(4)
        toasts.first.get_by_text("Details").click()
        expect(toasts.first.get_by_role("button", name="Copy request id")).to_be_visible()
        assert browser.axe(page) == []
    drop()
    done = toasts.filter(has_text="Drop it: asked")
    expect(done).to_be_visible()
    page.clock.fast_forward(7000)
    expect(done).to_be_hidden()
    expect(toasts).to_have_count(3)
    toasts.first.get_by_role("button", name="Dismiss").click()
    expect(toasts).to_have_count(2)


def test_s7_eight_tabs_are_live_at_once(browser: Any, bridge: Bridge) -> None:
    """S7: eight tabs share one event stream."""
    tabs = [browser.page, *(browser.context.new_page() for _ in range(7))]
    for tab in tabs[1:]:
        tab.goto(bridge.url + "/ui/e/hpc/studio")
    for tab in tabs:
        expect(tab.locator(".rail .dot.ok").first).to_be_visible()
    until(lambda: listeners(bridge) == 1, 60, "one stream for all tabs")
    sid = bridge.session("hpc", "studio", name="portal")
    bridge.post(f"/hpc/studio/begin/{sid}", {"name": "seen by all", "seconds": 0})
    for tab in tabs[1:]:
        expect(tab.get_by_role("cell", name="seen by all").first).to_be_visible()


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/ui/nowhere", "Page not found"),
        ("/ui/e/nobody", "No edge “nobody”"),
        ("/ui/e/hpc/nothing", "No plugin “nothing”"),
        ("/ui/e/hpc/studio/nothing", "No view “nothing”"),
        ("/ui/e/hpc/studio/r/take/none", "No take “none”"),
    ],
)
def test_s9_what_is_not_there_has_a_page_with_a_way_back(browser: Any, path: str, title: str) -> None:
    """S9: unknown route, edge, plugin, view and item say so."""
    browser.allowed.append(r"Failed to load resource.*404")
    page = browser.go(path)
    expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
    expect(page.locator("main").get_by_role("link").last).to_be_visible()


@pytest.mark.parametrize("width", [360, 390])
def test_s9_narrow_pages_do_not_scroll_sideways(
    bridge: Bridge, browsers: Callable[..., Any], width: int
) -> None:
    """S9: at the width of a telephone nothing is cut off at the right."""
    browser = browsers(bridge.url, viewport={"width": width, "height": 800})
    browser.sign_in(bridge.token)
    for path in (
        "/",
        "/ui/activity",
        "/ui/launch",
        "/ui/bridge",
        "/ui/settings",
        "/ui/e/hpc",
        "/ui/e/hpc/studio",
        "/ui/e/hpc/studio/begin",
        "/ui/e/hpc/studio/level",
    ):
        page = browser.go(path)
        page.get_by_role("heading", level=1).wait_for()
        page.locator(".skeleton").first.wait_for(state="detached")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
