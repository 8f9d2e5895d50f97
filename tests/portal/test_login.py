"""Signing in and out: checks L1 to L3 and S11."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from kit.hosts import Bridge

expect = pytest.importorskip("playwright.sync_api").expect


def test_l1_a_wrong_token_is_told_in_one_line(bridge: Bridge, stranger: Any) -> None:
    """L1: one clear line, the field is kept and has the focus, and the limit on tries is told."""
    stranger.allowed.append(r"Failed to load resource.*(401|429)")
    page = stranger.go("/")
    field = page.get_by_label("Token")
    expect(field).to_be_focused()
    field.fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("This token is unknown, revoked or expired.")
    expect(field).to_have_value("wrong")
    expect(field).to_be_focused()
    assert stranger.axe(page) == []
    for _ in range(10):
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Sign in").wait_for()
    expect(page.get_by_role("alert")).to_contain_text("Too many wrong tokens; try again in")


def test_l2_the_token_stays_nowhere(own_system: Any, browsers: Callable[..., Any]) -> None:
    """L2: the cookie is HttpOnly and SameSite=Strict; neither storage, address nor page holds the token."""
    _, bridge, _ = own_system
    browser = browsers(bridge.url)
    page = browser.sign_in(bridge.token)
    (cookie,) = browser.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert bridge.token not in cookie["value"]
    assert page.url == bridge.url + "/"
    kept = page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, history.state])"
    )
    assert bridge.token not in json.dumps(kept)
    assert bridge.token not in page.content()
    assert not any(bridge.token in url.partition("#")[0] for url in browser.requests)


def test_signing_in_by_hand_leads_to_where_one_wanted_to_be(
    own_system: Any, browsers: Callable[..., Any]
) -> None:
    """S11: the address is kept through the sign-in page."""
    _, bridge, _ = own_system
    page = browsers(bridge.url).go("/ui/bridge")
    page.get_by_label("Token").fill(bridge.token)
    page.get_by_label("Token").press("Enter")
    expect(page.get_by_role("heading", name="Bridge", level=1)).to_be_visible()
    assert page.url == bridge.url + "/ui/bridge"


def test_l3_signing_out_ends_every_tab(own_system: Any, browsers: Callable[..., Any]) -> None:
    """L3: after signing out in one tab the others are at the sign-in page too."""
    _, bridge, _ = own_system
    browser = browsers(bridge.url)
    page = browser.sign_in(bridge.token)
    other = browser.context.new_page()
    other.goto(bridge.url + "/ui/activity")
    expect(other.get_by_role("heading", name="Activity")).to_be_visible()
    expect(other.locator(".rail .dot.ok").first).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    for tab in (page, other):
        expect(tab.get_by_label("Token")).to_be_visible()
    assert other.url == bridge.url + "/ui/activity"


def test_s11_a_session_that_ends_keeps_address_and_form(
    own_system: Any, browsers: Callable[..., Any]
) -> None:
    """S11: the sign-in page comes, then the same page again, with what was not sent yet."""
    _, bridge, _ = own_system
    browser = browsers(bridge.url)
    browser.allowed.append(r"Failed to load resource.*401")
    browser.sign_in(bridge.token)
    page = browser.go("/ui/e/hpc/studio/begin")
    page.get_by_label("Name").fill("not sent yet")
    browser.context.clear_cookies()
    page.get_by_role("button", name="Begin a take").click()
    page.get_by_label("Token").fill(bridge.token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Name")).to_have_value("not sent yet")
    assert page.url == bridge.url + "/ui/e/hpc/studio/begin"
    page.get_by_role("button", name="Begin a take").click()
    expect(page.get_by_role("region", name="Result")).to_be_visible()


def test_the_printed_link_signs_in_where_the_portal_is_open(
    own_system: Any, browsers: Callable[..., Any]
) -> None:
    """L2: such a link changes the fragment alone; it signs in all the same, and is gone from the address."""
    _, bridge, _ = own_system
    browser = browsers(bridge.url)
    browser.go("/").get_by_label("Token").wait_for()
    page = browser.sign_in(bridge.token)
    assert page.url == bridge.url + "/"
