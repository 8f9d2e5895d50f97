"""Check S4: axe finds nothing on any page, in both themes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kit.hosts import Bridge

PAGES = (
    "/", "/ui/activity", "/ui/launch", "/ui/bridge", "/ui/settings", "/ui/nowhere", "/ui/e/hpc", "/ui/e/hpc/studio",
    "/ui/e/hpc/studio/begin", "/ui/e/hpc/studio/features", "/ui/e/hpc/studio/many", "/ui/e/hpc/studio/level",
    "/ui/e/hpc/studio/-", "/ui/e/hpc/psij", "/ui/e/hpc/psij/submit", "/ui/e/hpc/sysinfo", "/ui/e/hpc/staging",
)  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page(bridge: Bridge, browsers: Callable[..., Any], theme: str) -> None:
    """Each page, and one item with its output."""
    sid = bridge.session("hpc", "studio", name="portal")
    made = bridge.post(f"/hpc/studio/begin/{sid}", {"name": "looked at", "seconds": 0.2})
    browser = browsers(bridge.url, color_scheme=theme)
    browser.sign_in(bridge.token)
    found = {}
    for path in (*PAGES, f"/ui/e/hpc/studio/r/take/{made['id']}"):
        page = browser.go(path)
        page.get_by_role("heading", level=1).wait_for()
        page.locator(".skeleton").first.wait_for(state="detached")
        if violations := browser.axe(page):
            found[path] = violations
    assert found == {}
