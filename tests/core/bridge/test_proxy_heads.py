"""What of a request reaches the edge, and what of an answer comes back, but for the bodies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from radical_edge_core.testing.bridges import RunningBridge
from radical_edge_core.testing.byte_peer import raw_http
from radical_edge_core.testing.edges import RunningEdge, running_application

HOP_BY_HOP = [
    "Connection",
    "Keep-Alive",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Upgrade",
]

Ask = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def ask(bridge: RunningBridge, edge: RunningEdge) -> Ask:
    """Make a call and return what the far end saw of it."""

    async def call(method: str = "GET", path: str = "/here/p/echo", **sent: Any) -> dict[str, Any]:
        answer = await bridge.api.call(method, path, **sent)
        assert answer.status == 200, answer
        seen: dict[str, Any] = answer.json
        seen["names"] = [name for name, _ in seen["headers"]]
        return seen

    return call


async def answered_with(bridge: RunningBridge, *headers: tuple[bytes, bytes], status: int = 200) -> Any:
    """What a caller gets of an answer with these headers."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": b"body"})

    async with running_application(bridge, app):
        return await bridge.api.get("/here/p/x")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_every_method_is_forwarded(ask: Ask, method: str) -> None:
    """The edge sees the method that the caller used."""
    assert (await ask(method))["method"] == method


async def test_head_has_the_headers_and_no_body(bridge: RunningBridge, edge: RunningEdge) -> None:
    """HEAD is forwarded as HEAD, and its answer ends with its head."""
    answer = await bridge.api.call("HEAD", "/here/p/echo")
    assert answer.status == 200
    assert answer.body == b""
    assert int(answer.headers["content-length"]) > 0


async def test_another_method_is_405(bridge: RunningBridge, edge: RunningEdge) -> None:
    """TRACE and invented methods stay at the bridge, which says what it takes."""
    answer = await bridge.api.call("TRACE", "/here/p/echo")
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("name", HOP_BY_HOP)
async def test_hop_by_hop_headers_stay_at_the_bridge(
    bridge: RunningBridge, edge: RunningEdge, far: Any, name: str
) -> None:
    """What belongs to the caller's own connection does not travel on."""
    request = f"GET /here/p/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bridge.admin_token}\r\n"
    await raw_http(bridge.url, f"{request}{name}: close\r\nConnection: close\r\n\r\n".encode())
    assert name.lower() not in {found.decode() for found, _ in far.seen["headers"]}


async def test_headers_that_connection_names_stay_at_the_bridge(
    bridge: RunningBridge, edge: RunningEdge, far: Any
) -> None:
    """A header that ``Connection`` lists is for the next hop only."""
    await raw_http(
        bridge.url,
        b"GET /here/p/echo HTTP/1.1\r\nHost: x\r\nX-One: 1\r\nX-Two: 2\r\nConnection: close, X-One\r\n"
        b"Authorization: Bearer %s\r\n\r\n" % bridge.admin_token.encode(),
    )
    names = {name for name, _ in far.seen["headers"]}
    assert b"x-one" not in names
    assert b"x-two" in names


async def test_credentials_never_reach_the_edge(ask: Ask) -> None:
    """Neither ``Authorization`` nor ``Cookie`` is forwarded."""
    seen = await ask(headers={"cookie": "session=secret"})
    assert "authorization" not in seen["names"]
    assert "cookie" not in seen["names"]


async def test_ordinary_headers_arrive_as_they_were_sent(ask: Ask) -> None:
    """Other headers keep their values and their order."""
    seen = await ask(headers={"x-one": "1", "accept": "a/b;q=0.1", "x-two": "zwei"})
    own = [header for header in seen["headers"] if header[0] in {"x-one", "accept", "x-two"}]
    assert own == [["x-one", "1"], ["accept", "a/b;q=0.1"], ["x-two", "zwei"]]


async def test_the_verified_caller_arrives(ask: Ask) -> None:
    """Subject and scopes of the token, and the caller's request id, travel with the call."""
    seen = await ask(headers={"x-request-id": "abc-1"})
    assert seen["subject"] == "admin"
    assert seen["scopes"] == ["read:*", "write:*", "function:*", "admin:*"]
    assert seen["request_id"] == "abc-1"


async def test_a_call_without_a_request_id_gets_one(ask: Ask) -> None:
    """Each call has an id of its own."""
    assert (await ask())["request_id"] != (await ask())["request_id"]


async def test_the_key_arrives(ask: Ask) -> None:
    """The ``Idempotency-Key`` is told to the edge as the call's key."""
    assert (await ask("POST", headers={"idempotency-key": "k-1"}))["key"] == "k-1"


@pytest.mark.parametrize("key", ["", "x" * 201, "zwölf"])
async def test_an_unfit_key_is_422(bridge: RunningBridge, edge: RunningEdge, key: str) -> None:
    """A key is 1 to 200 printable ASCII characters."""
    answer = await bridge.api.call("POST", "/here/p/echo", headers={"idempotency-key": key})
    assert (answer.status, answer.code) == (422, "invalid")


@pytest.mark.parametrize(
    "query", ["a=1&a=2", "q=%2F%20%00", "empty=", "=", "a&&b", "x=%zz", "q=a+b", "?x=?", "e=%C3%A9"]
)
async def test_the_query_is_untouched(ask: Ask, query: str) -> None:
    """The query arrives byte by byte as it was sent."""
    assert (await ask(path=f"/here/p/echo?{query}"))["query"] == query


@pytest.mark.parametrize(
    "segment", ["a%2Fb", "%252e", "%20", "caf%C3%A9", "a%3Fb", "a%23b", "...", "%7Bx%7D"]
)
async def test_encoded_segments_stay_one_segment(ask: Ask, segment: str) -> None:
    """A percent-encoded segment arrives as that segment, whatever it holds."""
    assert (await ask(path=f"/here/p/{segment}"))["raw_path"] == f"/p/{segment}"


@pytest.mark.parametrize("path", ["/here/p/%61b", "/h%65re/p/ab", "/here/p/a%62"])
async def test_needless_escapes_mean_the_same(ask: Ask, path: str) -> None:
    """What need not be encoded is found under its plain form."""
    assert (await ask(path=path))["raw_path"] == "/p/ab"


@pytest.mark.parametrize(
    "path",
    [
        "/here/p/../x", "/here/../here/p/x", "/here/p/%2e%2e/x", "/here/p/%2E./x", "/here/p/./x", "/here/p//x",
        "/here/p/x/", "/here/p/%00", "/here/p/%ff", "/here/p/%C3%28", "/here/p/%", "/here/p/%2", "/here/p/%zz",
        "//here/p/x", "/here//x",
    ],
)  # fmt: skip
async def test_a_malformed_path_is_told_and_never_forwarded(
    bridge: RunningBridge, edge: RunningEdge, far: Any, path: str
) -> None:
    """Dots, empty segments, bad escapes, NUL and invalid UTF-8 are refused by the bridge."""
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    answer = await raw_http(bridge.url, f"{head}Authorization: Bearer {bridge.admin_token}\r\n\r\n".encode())
    assert answer.split(b" ")[1] in {b"422", b"404"}, answer
    assert b"application/problem+json" in answer
    assert not far.seen


@pytest.mark.parametrize("target", ["*", "http://bridge/here/p/x", "here/p/x", "?"])
async def test_a_target_that_is_no_path_is_told(
    bridge: RunningBridge, edge: RunningEdge, target: str
) -> None:
    """Only paths are answered; anything else is a problem document too."""
    answer = await raw_http(
        bridge.url, f"OPTIONS {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 4"), answer
    assert b"application/problem+json" in answer


@pytest.mark.parametrize("path", ["/here", "/here/"])
async def test_an_address_without_a_plugin_is_told(
    bridge: RunningBridge, edge: RunningEdge, path: str
) -> None:
    """An address names an edge and a plugin."""
    answer = await bridge.api.get(path)
    assert answer.status in {404, 422}
    assert answer.code


async def test_an_edge_nobody_knows_is_404(bridge: RunningBridge) -> None:
    """A name that never joined is not waited for."""
    answer = await bridge.api.get("/nobody/p/x")
    assert (answer.status, answer.code) == (404, "not_found")
    assert answer.json["edge"] == "nobody"


async def test_no_credential_is_401(bridge: RunningBridge, edge: RunningEdge, far: Any) -> None:
    """Without a token nothing is forwarded."""
    answer = await (await bridge.caller(None)).get("/here/p/echo")
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert not far.seen


async def test_a_token_that_reaches_nothing_there_is_403(
    bridge: RunningBridge, edge: RunningEdge, far: Any
) -> None:
    """A call outside every scope of the token stays at the bridge."""
    answer = await (await bridge.caller_with("write:there", "read:here/q")).get("/here/p/echo")
    assert (answer.status, answer.code) == (403, "forbidden")
    assert not far.seen


@pytest.mark.parametrize(
    "name", [b"set-cookie", b"Set-Cookie", b"SET-COOKIE", b"set-cookie2", b"Clear-Site-Data"]
)
async def test_an_edge_sets_nothing_in_a_browser(bridge: RunningBridge, name: bytes) -> None:
    """Headers that would act on the bridge's own origin do not come back, however they are written."""
    answer = await answered_with(bridge, (name, b"a=b"), (b"x-other", b"1"))
    assert name.decode() not in answer.headers
    assert answer.headers["x-other"] == "1"


@pytest.mark.parametrize("name", [b"connection", b"Transfer-Encoding", b"upgrade", b"keep-alive", b"x-named"])
async def test_an_answer_leaves_out_what_is_for_one_hop(bridge: RunningBridge, name: bytes) -> None:
    """Hop-by-hop headers of an answer, and those that its ``Connection`` names, end at the bridge."""
    answer = await answered_with(bridge, (b"Connection", b"X-Named"), (name, b"special"))
    assert answer.status == 200
    assert answer.body == b"body"
    assert answer.headers.get(name.decode()) != "special"


@pytest.mark.parametrize(
    "kind", [b"text/html", b"image/svg+xml", b"application/XHTML+xml", b"text/JavaScript"]
)
async def test_active_content_is_sandboxed(bridge: RunningBridge, kind: bytes) -> None:
    """What an edge sends can't run as the bridge's own pages do, whatever policy it names itself."""
    answer = await answered_with(
        bridge, (b"Content-Type", kind), (b"Content-Security-Policy", b"default-src *")
    )
    assert answer.headers.getall("content-security-policy") == ["sandbox; default-src 'none'"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("status", [201, 204, 206, 301, 304, 400, 404, 409, 418, 507, 599])
async def test_statuses_pass(bridge: RunningBridge, status: int) -> None:
    """The edge's status is the caller's; a redirect is passed on, not followed."""
    assert (await answered_with(bridge, (b"location", b"/x"), status=status)).status == status


@pytest.mark.parametrize(
    "header",
    [(b"bad name", b"x"), (b"x", b"line\r\nset-cookie: a=b"), (b"", b"x"), (b"x", b"nul\0")],
)
async def test_an_impossible_header_of_an_edge_is_told(
    bridge: RunningBridge, header: tuple[bytes, bytes]
) -> None:
    """An answer that can't be written as HTTP is a problem of that call alone, and splits no response."""
    answer = await answered_with(bridge, header)
    assert answer.status in {500, 502}
    assert answer.code
    assert "set-cookie" not in answer.headers
