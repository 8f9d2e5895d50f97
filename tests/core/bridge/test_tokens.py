"""Tokens: made narrower only, shown once, revoked at once; and what the lack of a scope means."""

from __future__ import annotations

import json
import logging
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from radical_edge_core.bridge.access_log import AccessLog
from radical_edge_core.plugin import Plugin, PluginSession, operation
from radical_edge_core.testing.bridges import RunningBridge, running_bridge
from radical_edge_core.testing.edges import RunningEdge, running_edge
from radical_edge_core.testing.waiting import wait_until


class Notebook(PluginSession):
    @operation.get("page/{sid}")
    async def page(self) -> dict[str, str]:
        return {"owner": self.owner}


class Desk(Plugin):
    name = "desk"
    session_class = Notebook

    @operation.get("look")
    async def look(self) -> dict[str, bool]:
        return {"looked": True}

    @operation.post("put")
    async def put(self) -> dict[str, bool]:
        return {"put": True}

    @operation.post("clear", effect="destructive")
    async def clear(self) -> dict[str, bool]:
        return {"cleared": True}

    @operation.post("run", effect="function")
    async def run(self) -> dict[str, bool]:
        return {"run": True}

    @operation.post("ask", effect="read")
    async def ask(self) -> dict[str, bool]:
        return {"asked": True}


@pytest.fixture
async def desk(bridge: RunningBridge) -> AsyncIterator[RunningEdge]:
    """The edge ``here`` with one plugin."""
    async with running_edge(bridge, "here", [Desk]) as edge:
        yield edge


# --- making and showing -----------------------------------------------------------------------------


async def test_a_token_works_and_says_who_it_is(bridge: RunningBridge, edge: RunningEdge) -> None:
    """A new token speaks for its maker's subject unless told otherwise."""
    caller = await bridge.caller_with("read:*", label="for reading")
    seen = (await caller.get("/here/p/echo")).json
    assert (seen["subject"], seen["scopes"]) == ("admin", ["read:*"])


async def test_the_answer_has_everything_about_the_token(bridge: RunningBridge) -> None:
    """Making a token tells id, secret, subject, scopes, label and times."""
    answer = await bridge.api.post("/tokens", {"scopes": ["read:*"], "label": "x", "expires_s": 60})
    assert answer.status == 200
    assert set(answer.json) == {"token", "id", "kind", "subject", "scopes", "label", "created", "expires"}
    assert answer.json["expires"] == pytest.approx(time.time() + 60, abs=5)
    assert len(answer.json["token"]) >= 43


async def test_secrets_are_shown_once(bridge: RunningBridge) -> None:
    """The list of tokens holds no secret, and neither does the file that keeps them."""
    secret = await bridge.token("read:*")
    listed = await bridge.api.get("/tokens")
    assert secret.encode() not in listed.body
    assert b"hash" not in listed.body
    for file in (bridge.home / "bridge").glob("tokens.db*"):
        content = file.read_bytes()
        assert secret.encode() not in content
        assert bridge.admin_token.encode() not in content


async def test_a_token_survives_a_restart(home: Path) -> None:
    """Tokens last as long as they say, whatever becomes of the process."""
    async with running_bridge(home) as first:
        secret = await first.token("read:*")
    async with running_bridge(home) as second:
        assert (await (await second.caller(secret)).get("/edges")).status == 200
        assert (await second.api.get("/edges")).status == 200


async def test_the_admin_token_is_a_private_file(bridge: RunningBridge) -> None:
    """The first start leaves admin and join token to the folder's owner, and to nobody else."""
    folder = bridge.home / "bridge"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("admin.token", "join.token", "tokens.db", "events.db"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


async def test_a_removed_admin_token_is_void_after_a_restart(home: Path) -> None:
    """Whoever lost the admin token removes the file; the next start makes another, and the old one opens nothing."""
    async with running_bridge(home) as first:
        old = first.admin_token
    (home / "bridge" / "admin.token").unlink()
    async with running_bridge(home) as second:
        assert second.admin_token != old
        assert (await (await second.caller(old)).get("/edges")).status == 401


# --- narrower only ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scope", ["write:here", "admin:bridge", "read:*", "function:here/desk", "read:here*"]
)
async def test_nobody_gives_more_than_they_have(bridge: RunningBridge, scope: str) -> None:
    """A token can't make another that may do what itself may not."""
    caller = await bridge.caller_with("read:here", "write:here/desk")
    answer = await caller.post("/tokens", {"scopes": [scope]})
    assert (answer.status, answer.code) == (403, "forbidden")
    assert scope in answer.json["detail"]


async def test_a_token_made_without_scopes_has_those_of_its_maker(bridge: RunningBridge) -> None:
    """Leaving scopes out copies the maker's, and no more."""
    caller = await bridge.caller_with("read:here/desk")
    assert (await caller.post("/tokens", {})).json["scopes"] == ["read:here/desk"]


async def test_a_token_does_not_outlive_its_maker(bridge: RunningBridge) -> None:
    """A token made by one that expires expires with it, at the latest."""
    caller = await bridge.caller_with("read:*", expires_s=100)
    for wanted in (None, 1e9):
        answer = await caller.post("/tokens", {"expires_s": wanted})
        assert answer.json["expires"] <= time.time() + 100


async def test_another_subject_takes_an_admin(bridge: RunningBridge) -> None:
    """Only ``admin:bridge`` makes tokens that speak for others."""
    caller = await bridge.caller_with("read:*", subject="alice")
    assert (await caller.post("/tokens", {"subject": "bob"})).code == "forbidden"
    assert (await caller.post("/tokens", {"subject": "alice"})).json["subject"] == "alice"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"scopes": "read:*"}, 422), ({"scopes": ["nonsense"]}, 422), ({"scopes": [1]}, 422), ({"other": 1}, 422),
        ({"expires_s": "1h"}, 422), ({"expires_s": 0}, 400), ({"expires_s": -1}, 400), ([], 422), ("x", 422),
    ],
)  # fmt: skip
async def test_a_wrong_body_is_told(bridge: RunningBridge, body: Any, status: int) -> None:
    """What can't be read as the wish for a token is told as such."""
    answer = await bridge.api.call("POST", "/tokens", json=body)
    assert answer.status == status, answer
    assert answer.code


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"scopes": NaN}', b"[" * 100_000])
async def test_a_malformed_body_is_400(bridge: RunningBridge, body: bytes) -> None:
    """What is no JSON is told as such."""
    answer = await bridge.api.call("POST", "/tokens", body=body)
    assert answer.status in {400, 413}
    assert answer.code


# --- the end of a token -----------------------------------------------------------------------------


async def test_a_revoked_token_opens_nothing(bridge: RunningBridge, edge: RunningEdge) -> None:
    """From the moment a token is revoked its calls are 401, also on a connection that it has used."""
    made = (await bridge.api.post("/tokens", {"scopes": ["read:*"]})).json
    caller = await bridge.caller(made["token"])
    assert (await caller.get("/here/p/echo")).status == 200
    assert (await bridge.api.call("DELETE", f"/tokens/{made['id']}")).json == {
        "id": made["id"],
        "status": "revoked",
    }
    for path in ("/here/p/echo", "/edges", "/events"):
        assert (await caller.get(path)).code == "unauthorized"


async def test_a_revoked_token_stays_revoked(home: Path) -> None:
    """A restart brings no revoked token back."""
    async with running_bridge(home) as first:
        made = (await first.api.post("/tokens", {"scopes": ["read:*"]})).json
        await first.api.call("DELETE", f"/tokens/{made['id']}")
    async with running_bridge(home) as second:
        assert (await (await second.caller(made["token"])).get("/edges")).status == 401


async def test_a_token_expires(bridge: RunningBridge) -> None:
    """A token past its time is 401, and says why."""
    caller = await bridge.caller_with("read:*", expires_s=0.3, label="brief")
    assert (await caller.get("/edges")).status == 200

    async def refused() -> Any:
        answer = await caller.get("/edges")
        return answer if answer.status == 401 else None

    answer = await wait_until(refused)
    assert "'brief' has expired" in answer.json["detail"]


async def test_unknown_tokens_cannot_be_revoked(bridge: RunningBridge) -> None:
    """Revoking what is not there is 404."""
    assert (await bridge.api.call("DELETE", "/tokens/none")).code == "not_found"


async def test_the_admin_token_is_not_revoked_but_removed(bridge: RunningBridge) -> None:
    """The token of the state folder would come back with the next start; the answer says what to do instead."""
    answer = await bridge.api.call("DELETE", "/tokens/admin")
    assert (answer.status, answer.code) == (409, "conflict")
    assert (await bridge.api.get("/edges")).status == 200


async def test_tokens_of_others_do_not_exist(bridge: RunningBridge) -> None:
    """A caller sees and revokes tokens of its own subject only."""
    theirs = (await bridge.api.post("/tokens", {"scopes": ["read:*"], "subject": "bob"})).json
    alice = await bridge.caller_with("read:*", "write:*", subject="alice")
    assert {token["subject"] for token in (await alice.get("/tokens")).json["tokens"]} == {"alice"}
    assert (await alice.call("DELETE", f"/tokens/{theirs['id']}")).code == "not_found"
    assert (await (await bridge.caller(theirs["token"])).get("/edges")).status == 200


async def test_a_narrow_token_cannot_revoke_a_wider_one(bridge: RunningBridge) -> None:
    """A token that may only read is no way to lock its owner out."""
    wide = (await bridge.api.post("/tokens", {"scopes": ["write:*"]})).json
    join = (await bridge.api.post("/tokens", {"join": True})).json
    narrow = await bridge.caller_with("read:*")
    for token_id in (wide["id"], join["id"]):
        assert (await narrow.call("DELETE", f"/tokens/{token_id}")).code == "forbidden"
    assert (await narrow.call("DELETE", "/tokens/admin")).status in {403, 409}
    assert (await (await bridge.caller(wide["token"])).get("/edges")).status == 200


async def test_a_token_can_revoke_itself(bridge: RunningBridge) -> None:
    """Whoever is done with a token ends it."""
    made = (await bridge.api.post("/tokens", {"scopes": ["read:*"]})).json
    caller = await bridge.caller(made["token"])
    assert (await caller.call("DELETE", f"/tokens/{made['id']}")).status == 200
    assert (await caller.get("/edges")).status == 401


@pytest.mark.parametrize(
    "value",
    ["", "x", "Basic abc", "Bearer", "Bearer  ", "bearer", "Token {}", "Bearer x{}", "Bearer {}x", "{}"],
)
async def test_what_is_no_credential_is_401(bridge: RunningBridge, value: str) -> None:
    """Another scheme, no secret, or a secret that is nearly right opens nothing."""
    anybody = await bridge.caller(None)
    answer = await anybody.get("/edges", authorization=value.format(bridge.admin_token))
    assert (answer.status, answer.code) == (401, "unauthorized")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_written_in_any_case(bridge: RunningBridge, scheme: str) -> None:
    """The name of the scheme is not case-sensitive."""
    anybody = await bridge.caller(None)
    answer = await anybody.get("/edges", authorization=f"{scheme} {bridge.admin_token}")
    assert answer.status == 200


# --- by effect --------------------------------------------------------------------------------------

CALLS = {
    "look": ("GET", "/here/desk/look", "read"),
    "ask": ("POST", "/here/desk/ask", "read"),
    "put": ("POST", "/here/desk/put", "write"),
    "clear": ("POST", "/here/desk/clear", "write"),
    "run": ("POST", "/here/desk/run", "function"),
    "describe": ("GET", "/here/desk/describe", "read"),
    "health": ("GET", "/here/desk/health", "read"),
}
MAY = {
    "read": {"read"},
    "write": {"read", "write"},
    "function": {"function"},
    "admin": set[str](),
}


@pytest.mark.parametrize("held", sorted(MAY))
@pytest.mark.parametrize("call", sorted(CALLS))
async def test_a_call_needs_the_scope_of_its_effect(
    bridge: RunningBridge, desk: RunningEdge, held: str, call: str
) -> None:
    """What an operation does to the world decides, not its method."""
    method, path, needed = CALLS[call]
    answer = await (await bridge.caller_with(f"{held}:here/desk")).call(method, path)
    assert answer.status == (200 if needed in MAY[held] else 403), answer


async def test_reading_is_enough_for_a_session_of_ones_own(bridge: RunningBridge, desk: RunningEdge) -> None:
    """A read-only token opens, uses and closes its own session."""
    reader = await bridge.caller_with("read:here/desk")
    sid = (await reader.post("/here/desk/register_session")).json["sid"]
    assert (await reader.get(f"/here/desk/page/{sid}")).json == {"owner": "admin"}
    assert (await reader.post(f"/here/desk/unregister_session/{sid}")).json == {"ok": True}


async def test_sessions_of_others_do_not_exist(bridge: RunningBridge, desk: RunningEdge) -> None:
    """Another subject's session is 404, whatever one may do at the edge."""
    alice = await bridge.caller_with("write:*", subject="alice")
    bob = await bridge.caller_with("write:*", subject="bob")
    sid = (await alice.post("/here/desk/register_session")).json["sid"]
    assert (await bob.get(f"/here/desk/page/{sid}")).status == 404
    assert (await bob.post(f"/here/desk/unregister_session/{sid}")).status == 404
    assert (await bob.get("/here/desk/list_sessions")).json == {"sessions": []}
    assert (await alice.get(f"/here/desk/page/{sid}")).json == {"owner": "alice"}


async def test_what_a_token_does_not_reach_is_not_in_its_lists(
    bridge: RunningBridge, desk: RunningEdge
) -> None:
    """The topology and the list of edges hold what a token reaches."""
    outsider = await bridge.caller_with("read:elsewhere")
    assert (await outsider.get("/edges")).json == {"edges": [], "total": 0}
    assert (await outsider.get("/edge/list")).json["data"]["edges"] == {}
    half = await bridge.caller_with("read:here/other")
    assert (await half.get("/edge/list")).json["data"]["edges"]["here"]["plugins"] == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/edge/disconnect/here"), ("DELETE", "/edges/here"), ("POST", "/bridge/terminate"),
        ("GET", "/metrics"),
    ],
)  # fmt: skip
async def test_the_bridges_own_affairs_take_their_own_scopes(
    bridge: RunningBridge, edge: RunningEdge, method: str, path: str
) -> None:
    """Writing at every edge is no right over edges or bridge."""
    caller = await bridge.caller_with("write:here", "function:*", "write:other")
    answer = await caller.call(method, path)
    assert (answer.status, answer.code) == (403, "forbidden")
    assert bridge.bridge.registry.live("here") is not None


# --- no secret leaves -------------------------------------------------------------------------------


async def test_no_secret_is_logged(home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the log nor the request log holds a token, a credential or a body."""
    caplog.set_level(logging.DEBUG)
    with (tmp_path / "requests.log").open("w") as log:
        async with running_bridge(home, access_log=AccessLog(log)) as bridge:
            async with running_edge(bridge, "here", [Desk]):
                secret = await bridge.token("read:*", label="the-label")
                caller = await bridge.caller(secret)
                await caller.get(f"/here/desk/look?token={secret}")
                await (await bridge.caller("wrong-secret")).get("/edges")
                await caller.call("POST", "/here/desk/put", json={"password": "hunter2"})
            secrets = [
                secret, "wrong-secret", "hunter2", bridge.admin_token, bridge.join_token,
                (home / "edges" / "here" / "credential").read_text().strip(),
            ]  # fmt: skip
    written = (tmp_path / "requests.log").read_text() + caplog.text
    assert "desk" in written
    assert not [found for found in secrets if found in written]


async def test_the_request_log_has_a_line_for_each_call(home: Path, tmp_path: Path) -> None:
    """One line of JSON a request: edge, plugin, subject, request id, status, duration."""
    with (tmp_path / "requests.log").open("w") as log:
        async with (
            running_bridge(home, access_log=AccessLog(log)) as bridge,
            running_edge(bridge, "here", [Desk]),
        ):
            await bridge.api.get("/here/desk/look", x_request_id="r-1")
    lines = [json.loads(line) for line in (tmp_path / "requests.log").read_text().splitlines()]
    (line,) = [line for line in lines if line["request_id"] == "r-1"]
    told = {key: line[key] for key in ("method", "edge", "plugin", "subject", "status")}
    assert told == {"method": "GET", "edge": "here", "plugin": "desk", "subject": "admin", "status": 200}
    assert line["duration_ms"] > 0


async def test_no_secret_is_in_a_problem_document(bridge: RunningBridge, edge: RunningEdge) -> None:
    """What a caller is told of its mistake does not repeat its secret."""
    answer = await (await bridge.caller("the-wrong-secret")).get("/here/p/echo")
    assert b"the-wrong-secret" not in answer.body
