"""Browsers: a token in, a cookie out, and nothing that another site could do with it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from radical_edge_core.testing.api import Answer, Api
from radical_edge_core.testing.bridges import RunningBridge, running_bridge


async def sign_in(api: Api, token: str, **headers: str) -> Answer:
    return await api.post("/auth/login", {"token": token}, **headers)


def cookie_of(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


def portal(cookie: str, **more: str) -> dict[str, str]:
    """The headers of a request that the portal sends."""
    return {
        "cookie": cookie,
        "content-type": "application/json",
        "x-edge-portal": "1",
        "sec-fetch-site": "same-origin",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


@pytest.fixture
async def nobody(bridge: RunningBridge) -> Api:
    return await bridge.caller(None)


async def test_a_token_opens_a_session_whose_cookie_scripts_can_not_read(
    bridge: RunningBridge, nobody: Api
) -> None:
    """The cookie is HttpOnly and SameSite=Strict, holds no token, and reads what the token reads."""
    answer = await sign_in(nobody, bridge.admin_token)
    assert answer.status == 200
    assert answer.json["subject"] == "admin"
    cookie = answer.headers["set-cookie"]
    assert "; HttpOnly" in cookie
    assert "; SameSite=Strict" in cookie
    assert "; Path=/;" in cookie
    assert "Secure" not in cookie
    assert bridge.admin_token not in cookie
    assert (await nobody.get("/edges", cookie=cookie_of(answer))).status == 200
    assert (await nobody.get("/edges")).status == 401


async def test_behind_a_proxy_the_cookie_keeps_to_its_path_and_to_tls(
    bridge: RunningBridge, nobody: Api
) -> None:
    """What the proxy says of prefix and TLS is in the cookie."""
    told = {"x_forwarded_prefix": "/hub/edge", "x_forwarded_proto": "https"}
    cookie = (await sign_in(nobody, bridge.admin_token, **told)).headers["set-cookie"]
    assert "; Path=/hub/edge/;" in cookie
    assert cookie.endswith("; Secure")


async def test_whether_somebody_is_signed_in_is_told_with_200(bridge: RunningBridge, nobody: Api) -> None:
    """``/auth/session`` is no error for who is not signed in."""
    assert (await nobody.get("/auth/session")).json == {"authenticated": False}
    cookie = cookie_of(await sign_in(nobody, bridge.admin_token))
    told = (await nobody.get("/auth/session", cookie=cookie)).json
    assert told["authenticated"] is True
    assert told["bridge"]["started"] <= time.time()
    assert (await nobody.get("/auth/session", cookie=cookie[:-3] + "xyz")).json == {"authenticated": False}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": None}, 200),
        ({"sec-fetch-site": None, "origin": "http://evil.example"}, 403),
        ({"content-type": "text/plain"}, 400),
        ({"x-edge-portal": None}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
async def test_only_the_portal_changes_things_with_a_cookie(
    bridge: RunningBridge, nobody: Api, change: dict[str, Any], status: int
) -> None:
    """An unsafe method needs JSON, the portal's header, and this origin."""
    cookie = cookie_of(await sign_in(nobody, bridge.admin_token))
    headers = {key: value for key, value in (portal(cookie) | change).items() if value is not None}
    answer = await nobody.call("POST", "/tokens", body=b'{"scopes": ["read:*"]}', headers=headers)
    assert answer.status == status


async def test_signing_out_ends_the_cookie(bridge: RunningBridge, nobody: Api) -> None:
    """After it the cookie opens nothing, and the browser is told to drop it."""
    cookie = cookie_of(await sign_in(nobody, bridge.admin_token))
    answer = await nobody.call("POST", "/auth/logout", body=b"{}", headers=portal(cookie))
    assert answer.status == 200
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (await nobody.get("/edges", cookie=cookie)).status == 401


async def test_a_cookie_ends_with_its_token(bridge: RunningBridge, nobody: Api) -> None:
    """Revoking the token revokes what was opened with it."""
    made = (await bridge.api.post("/tokens", {"scopes": ["read:*"]})).json
    cookie = cookie_of(await sign_in(nobody, made["token"]))
    assert (await nobody.get("/edges", cookie=cookie)).status == 200
    assert (await bridge.api.call("DELETE", f"/tokens/{made['id']}")).status == 200
    assert (await nobody.get("/edges", cookie=cookie)).status == 401


async def test_wrong_tokens_are_refused_and_then_slowed(bridge: RunningBridge, nobody: Api) -> None:
    """One clear line each; after ten a minute the answer is 429 and says when to come back."""
    for _ in range(10):
        assert (await sign_in(nobody, "wrong")).status == 401
    answer = await sign_in(nobody, bridge.admin_token)
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) > 0


async def test_join_tokens_sign_nobody_in(bridge: RunningBridge, nobody: Api) -> None:
    """What opens a link opens no session."""
    made = (await bridge.api.post("/tokens", {"join": True})).json
    assert (await sign_in(nobody, made["token"])).status == 401


async def test_a_restart_of_the_bridge_keeps_browsers_signed_in(home: Path) -> None:
    """Sessions are kept, as hashes."""
    async with running_bridge(home) as bridge:
        cookie = cookie_of(await sign_in(await bridge.caller(None), bridge.admin_token))
    async with running_bridge(home) as bridge:
        nobody = await bridge.caller(None)
        assert (await nobody.get("/edges", cookie=cookie)).status == 200
