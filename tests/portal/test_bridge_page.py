"""The page of the bridge: checks B1 to B3."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from kit.hosts import Bridge

expect = pytest.importorskip("playwright.sync_api").expect


def test_b1_and_b3_what_the_bridge_tells(browser: Any, bridge: Bridge) -> None:
    """B1: version, how long it runs, edges, listeners, events, TLS, warnings. B3: how another edge joins."""
    page = browser.go("/ui/bridge")
    state = page.get_by_role("region", name="State")
    for term in (
        "Version",
        "Address",
        "Running for",
        "TLS",
        "Edges connected",
        "Event listeners",
        "Event rate",
    ):
        expect(state.get_by_text(re.compile(f"^{term}"))).to_be_visible()
    expect(state.get_by_text("off: plain HTTP")).to_be_visible()
    expect(state.get_by_text(re.compile(r"^\d+\.\d a second$"))).to_be_visible(timeout=15_000)
    expect(page.get_by_role("region", name="Warnings").get_by_text("None.")).to_be_visible()
    join = page.get_by_role("region", name="Connect a new edge")
    expect(join.get_by_text(f"--url {bridge.url.replace('http', 'ws')}")).to_be_visible()


def test_tokens_are_made_shown_once_and_revoked(browser: Any, bridge: Bridge) -> None:
    """A token that the page made opens what its scopes say, until the page revokes it."""
    page = browser.go("/ui/bridge")
    page.get_by_role("button", name="New token").click()
    page.get_by_label("Label").fill("for a test")
    page.get_by_label("Scopes").fill("read:hpc")
    assert browser.axe(page) == []
    page.get_by_role("button", name="Create token").click()
    token = page.locator("[data-secret]").inner_text()
    assert bridge.ask("GET", "/edges", token=token).status == 200
    page.get_by_role("button", name="Done").click()
    assert token not in page.content()
    page.get_by_role("button", name="Revoke for a test").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("button", name="Revoke for a test")).to_be_hidden()
    assert bridge.ask("GET", "/edges", token=token).status == 401


def test_b2_terminating_asks_and_leaves_a_page(own_system: Any, browsers: Callable[..., Any]) -> None:
    """B2: the bridge's name is typed again; then a page says so, and nobody knocks at the closed door."""
    _, bridge, _ = own_system
    browser = browsers(bridge.url)
    browser.allowed.append(r"net::ERR_|Failed to load resource")
    browser.sign_in(bridge.token)
    page = browser.go("/ui/bridge")
    page.get_by_role("button", name="Terminate the bridge").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Edges and their jobs go on")).to_be_visible()
    sure = dialog.get_by_role("button", name="Terminate")
    expect(sure).to_be_disabled()
    dialog.get_by_role("textbox").fill(bridge.url.partition("//")[2])
    sure.click()
    expect(page.get_by_role("heading", name="The bridge was terminated", level=1)).to_be_visible()
    bridge.wait()
    assert browser.axe(page) == []
    with socket.create_server(("127.0.0.1", bridge.port), reuse_port=False) as door:
        door.settimeout(3)
        until = time.monotonic() + 3
        knocked: list[bytes] = []
        try:
            while time.monotonic() < until:
                caller, _ = door.accept()
                # The edge knocks, as it should; a browser tells where its requests are from.
                asked = caller.recv(4096)
                if b"sec-fetch-site" in asked.lower():
                    knocked.append(asked.partition(b"\r\n")[0])
                caller.close()
        except TimeoutError:
            pass
    assert knocked == []
