"""
Requests that no polite client sends: each is refused by the status and the words that it deserves, and disturbs
nobody.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kit import raw
from kit.distributions import make_distribution
from kit.hosts import Bridge
from kit.stand import Stand

MIB = 1024 * 1024


@dataclass(frozen=True)
class Case:
    """
    One request and what becomes of it.

    ``{token}``, ``{reader}``, ``{sid}``, ``{files}`` and ``{folder}`` in the request are filled in. ``paths`` are the
    fields that a 422 names. ``bare`` answers come from the HTTP parser itself, which then closes the connection.
    """

    name: str
    data: bytes
    status: int | tuple[int, ...]
    code: str = ""
    paths: tuple[str, ...] = ()
    bare: bool = False
    says: str = ""


@dataclass
class Place:
    """The system that the requests go to."""

    bridge: Bridge
    home: Path
    values: dict[str, str] = field(default_factory=dict)

    def send(self, data: bytes) -> raw.Reply:
        """Send a request with its blanks filled in."""
        for name, value in self.values.items():
            data = data.replace(b"{%s}" % name.encode(), value.encode())
        return raw.exchange(self.bridge.port, data)


@pytest.fixture(scope="module")
def place(shared_stand: Stand) -> Place:
    """A bridge and an edge, a session, and a token that may only read."""
    make_distribution(shared_stand.site, "echo", target="EchoPlugin")
    bridge = shared_stand.bridge()
    shared_stand.edge("hpc", "--url", bridge.url, "--plugins", "echo,staging")
    bridge.has("hpc", "echo", "staging")
    folder = shared_stand.folder / "files"
    folder.mkdir()
    (folder / "there").write_bytes(b"0123456789")
    return Place(
        bridge,
        shared_stand.home,
        {
            "token": bridge.token,
            "reader": bridge.post("/tokens", {"scopes": ["read:*"], "subject": "reader"})["token"],
            "sid": bridge.session("hpc", "echo"),
            "files": bridge.session("hpc", "staging"),
            "folder": str(folder),
        },
    )


def ask(method: str, target: str, *headers: str, body: bytes | str = b"", **how: Any) -> bytes:
    """Write a request with the admin's token."""
    data = body.encode() if isinstance(body, str) else body
    return raw.request(method, target, "Authorization: Bearer {token}", *headers, body=data, **how)


def read(target: str, *headers: str) -> bytes:
    return ask("GET", target, *headers)


def post(target: str, body: bytes | str, *headers: str) -> bytes:
    return ask("POST", target, "Content-Type: application/json", *headers, body=body)


def tell(body: bytes | str, *headers: str) -> bytes:
    return post("/hpc/echo/tell", body, *headers)


def packed(body: bytes) -> bytes:
    return ask("POST", "/hpc/echo/tell", "Content-Type: application/msgpack", body=body)


def upgrade(target: str, *headers: str) -> bytes:
    """Ask for a WebSocket."""
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    return raw.request(
        "GET", target, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", key, *headers
    )


INVALID, BAD, MISSING, METHOD = "invalid", "bad_request", "not_found", "method_not_allowed"
DENIED, FORBIDDEN = "unauthorized", "forbidden"
PATHS = [
    Case("dots", read("/hpc/echo/../echo/version"), 422, INVALID, says="'..'"),
    Case("dots at the root", read("/../../etc/passwd"), 422, INVALID),
    Case("dots as the edge", read("/../echo/version"), 422, INVALID),
    Case("dots as the plugin", read("/hpc/../version"), 422, INVALID),
    Case("encoded dots", read("/hpc/echo/%2e%2e/version"), 422, INVALID),
    Case("half encoded dots", read("/hpc/echo/.%2E/version"), 422, INVALID),
    Case("encoded dots as the edge", read("/%2e%2e/echo/version"), 422, INVALID),
    Case("a dot", read("/hpc/echo/./version"), 422, INVALID),
    Case("encoded slash in dots", read("/hpc/echo/..%2fversion"), 404, MISSING),
    Case("twice encoded dots are a name", read("/hpc/echo/%252e%252e"), 404, MISSING),
    Case("an empty segment", read("/hpc//version"), 422, INVALID),
    Case("a slash at the end", read("/hpc/echo/version/"), 422, INVALID),
    Case("a broken escape", read("/hpc/echo/%zz"), 422, INVALID, says="%25"),
    Case("half an escape", read("/hpc/echo/%2"), 422, INVALID),
    Case("a NUL", read("/hpc/echo/%00"), 422, INVALID),
    Case("no UTF-8", read("/hpc/echo/%ff%fe"), 422, INVALID),
    Case("a raw byte", read("/hpc/echo/\xff"), (400, 422), bare=True),
    Case("two slashes first", read("//etc/passwd"), (404, 422)),
    Case("an edge alone", read("/hpc"), 404, MISSING, says="/edge/list"),
    Case("an edge and a slash", read("/hpc/"), (404, 422)),
    Case("no such edge", read("/nobody/echo/version"), 404, MISSING, says="'nobody'"),
    Case("no such plugin", read("/hpc/nothing/version"), 404, MISSING, says="it has"),
    Case("no such route", read("/hpc/echo/nothing"), 404, MISSING, says="it has"),
    Case("a name too long for an edge", read(f"/{'e' * 200}/echo/version"), 404, MISSING),
    Case("no such session", read("/hpc/echo/recall/nosuch?text=a"), 404, MISSING, says="register"),
    Case("somebody else's session", raw.request(
        "GET", "/hpc/echo/recall/{sid}?text=a", "Authorization: Bearer {reader}"), 404, MISSING),
    Case("closing no session", post("/hpc/echo/unregister_session/nosuch", "{}"), 404, MISSING),
    Case("no such token", ask("DELETE", "/tokens/none"), 404, MISSING),
    Case("no such route of the bridge", read("/edges/a/b/c"), 404, MISSING),
    Case("to end no edge", post("/edge/disconnect/nobody", "{}"), 404, MISSING),
    Case("to end the bridge's own", post("/edge/disconnect/bridge", "{}"), 400, BAD),
    Case("the absolute form of another host", read("http://evil.example/hpc/echo/version"), (400, 404, 422)),
    Case("the asterisk form", ask("OPTIONS", "*"), (400, 404, 405, 422)),
    Case("the authority form", ask("CONNECT", "evil.example:443"), (400, 404, 405, 422)),
]  # fmt: skip
METHODS = [
    Case("DELETE on a reading", ask("DELETE", "/hpc/echo/version"), 405, METHOD),
    Case("PUT on a reading", ask("PUT", "/hpc/echo/say"), 405, METHOD),
    Case("GET on a writing", read("/hpc/echo/tell"), 405, METHOD),
    Case("TRACE", ask("TRACE", "/hpc/echo/version"), 405, METHOD),
    Case("a method nobody knows", ask("BREW", "/hpc/echo/version"), 405, METHOD),
    Case("a method in lower case", ask("brew", "/hpc/echo/version"), 405, METHOD),
    Case("POST on the bridge's reading", post("/edges", "{}"), 405, METHOD),
    Case("GET on the bridge's end", read("/bridge/terminate"), 405, METHOD),
    Case("POST to the events", post("/events", "{}"), 405, METHOD),
]
BODIES = [
    Case("an open brace", tell("{"), 400, BAD),
    Case("cut off", tell('{"text": "a"'), 400, BAD),
    Case("something after the end", tell('{"text": "a"} x'), 400, BAD),
    Case("two documents", tell('{"text": "a"}{"text": "b"}'), 400, BAD),
    Case("a list", tell("[]"), 422, INVALID, ("$",)),
    Case("a text", tell('"text"'), 422, INVALID, ("$",)),
    Case("a bare number", tell("1"), 422, INVALID, ("$",)),
    Case("null", tell("null"), 422, INVALID, ("$",)),
    Case("a bare NaN", tell("NaN"), 400, BAD),
    Case("a NaN within", tell('{"text": "a", "times": NaN}'), 400, BAD),
    Case("infinity", tell('{"text": "a", "times": Infinity}'), 400, BAD),
    Case("a number beyond a double", tell('{"text": "a", "times": 1e999}'), 400, BAD),
    Case("a number as text", tell('{"text": "a", "times": "2"}'), 422, INVALID, ("$.times",)),
    Case("a truth as a number", tell('{"text": "a", "times": true}'), 422, INVALID, ("$.times",)),
    Case("a fraction", tell('{"text": "a", "times": 1.5}'), 422, INVALID, ("$.times",)),
    Case("null for a number", tell('{"text": "a", "times": null}'), 422, INVALID, ("$.times",)),
    Case("a text as a number", tell('{"text": 1}'), 422, INVALID, ("$.text",)),
    Case("a list for a text", tell('{"text": ["a"]}'), 422, INVALID, ("$.text",)),
    Case("a missing field", tell("{}"), 422, INVALID, ("$.text",)),
    Case("no body at all", ask("POST", "/hpc/echo/tell"), 422, INVALID, ("$.text",)),
    Case("a field too many", tell('{"text": "a", "more": 1}'), 422, INVALID, ("$.more",)),
    Case("everything wrong at once", tell('{"times": "x", "more": 1}'), 422, INVALID,
         ("$.text", "$.times", "$.more")),
    Case("one name twice", tell('{"text": "a", "text": "b"}'), 400, BAD),
    Case("no UTF-8 within", tell(b'{"text": "\xff"}'), 400, BAD),
    Case("UTF-16", tell('{"text": "a"}'.encode("utf-16")), 400, BAD),
    Case("half a surrogate", tell('{"text": "\\ud800"}'), 400, BAD),
    Case("a control character", tell(b'{"text": "a\x00"}'), 400, BAD),
    Case("nested without end", tell("[" * 200_000), 400, BAD),
    Case("nested and closed", tell('{"text": ' + "[" * 50_000 + "]" * 50_000 + "}"), (400, 422)),
    Case("a number of a million digits", tell('{"text": "a", "times": ' + "9" * 1_000_000 + "}"), (400, 422)),
    Case("nine MiB", tell(b'{"text": "' + b"x" * (9 * MIB) + b'"}'), 413, "too_large"),
    Case("nine GiB announced", ask("POST", "/hpc/echo/tell", length=str(9 * 1024 * MIB), body=b"{"), 413, "too_large"),
    Case("nine MiB in chunks", ask(
        "POST", "/hpc/echo/tell", chunked=True,
        body=b"100000\r\n" + b"x" * MIB + b"\r\n" + (b"100000\r\n" + b"x" * MIB + b"\r\n") * 8 + b"0\r\n\r\n"),
        413, "too_large"),
    Case("JSON called msgpack", packed(b'{"text": "a"}'), (400, 422)),
    Case("cut off msgpack", packed(b"\x82\xa4text\xa1a\xa5times"), 400, BAD),
    Case("msgpack with an extension", packed(b"\x81\xa4text\xd4\x01\x00"), (400, 422)),
    Case("msgpack with bytes for text", packed(b"\x81\xa4text\xc4\x01a"), 422, INVALID, ("$.text",)),
    Case("msgpack with a number as key", packed(b"\x81\x01\x01"), (400, 422)),
    Case("a field that belongs into the path", post("/hpc/echo/unregister_session/{sid}", '{"sid": "x"}'), 422, INVALID,
         ("$.sid",)),
    Case("a session named by a number", post("/hpc/echo/register_session", '{"name": 5}'), 422, INVALID, ("$.name",)),
    Case("a session without a name", post("/hpc/echo/register_session", '{"name": ""}'), 422, INVALID, ("$.name",)),
    Case("a session's name too long", post("/hpc/echo/register_session", f'{{"name": "{"n" * 65}"}}'), 422, INVALID,
         ("$.name",)),
    Case("an option of no session", post("/hpc/echo/register_session", '{"size": 1}'), 422, INVALID, ("$.size",)),
    Case("a token of one scope", post("/tokens", '{"scopes": "read:*"}'), 422, INVALID, ("$.scopes",)),
    Case("a token of nonsense", post("/tokens", '{"scopes": ["nonsense"]}'), (400, 422)),
    Case("a token that ends before it begins", post("/tokens", '{"expires_s": -1}'), (400, 422)),
    Case("a token that ends never, and says so", post("/tokens", '{"expires_s": 1e400}'), 400, BAD),
    Case("a token with a field too many", post("/tokens", '{"scope": "read:*"}'), 422, INVALID, ("$.scope",)),
    Case("a body for the bridge that is none", post("/tokens", "{"), 400, BAD),
    Case("a body for the bridge that is too long", post("/tokens", b" " * (65 * 1024)), 413, "too_large"),
]  # fmt: skip
QUERIES = [
    Case("no query", read("/hpc/echo/say"), 422, INVALID, ("$.text",)),
    Case("a field twice", read("/hpc/echo/say?text=a&text=b"), 422, INVALID, ("$.text",)),
    Case("an unknown field", read("/hpc/echo/say?text=a&nope=1"), 422, INVALID, ("$.nope",)),
    Case("a word for a number", read("/hpc/echo/pour?text=a&lines=x"), 422, INVALID, ("$.lines",)),
    Case("a fraction for a number", read("/hpc/echo/pour?text=a&lines=1.5"), 422, INVALID, ("$.lines",)),
    Case("nothing for a number", read("/hpc/echo/pour?text=a&lines="), 422, INVALID, ("$.lines",)),
    Case("a query that is no UTF-8", read("/hpc/echo/say?text=%ff"), 400, BAD),
    Case(
        "a thousand and one fields",
        read("/hpc/echo/say?" + "&".join(f"a{n}=1" for n in range(1001))),
        400,
        BAD,
    ),
    Case("a query for POST", post("/hpc/echo/tell?text=a", '{"text": "b"}'), 422, INVALID, ("$.text",)),
    Case("an unknown filter of the events", read("/events?nope=1"), 422, INVALID, ("$.nope",)),
]
HEADERS = [
    Case("no credential", raw.request("GET", "/hpc/echo/version"), 401, DENIED),
    Case("a credential of the wrong kind", raw.request("GET", "/edges", "Authorization: Basic eDp5"), 401, DENIED),
    Case("a credential that is no ASCII", raw.request("GET", "/edges", "Authorization: Bearer \xe9\xff"), 401, DENIED),
    Case("two credentials", ask("GET", "/edges", "Authorization: Bearer wrong"), (400, 401)),
    Case("writing with a reader's token", raw.request(
        "PUT", "/hpc/staging/file/{files}?path={folder}/new", "Authorization: Bearer {reader}", body=b"x"),
        403, FORBIDDEN),
    Case("ending the bridge with a reader's token", raw.request(
        "POST", "/bridge/terminate", "Authorization: Bearer {reader}", body=b"{}"), 403, FORBIDDEN),
    Case("a token wider than its maker's", raw.request(
        "POST", "/tokens", "Authorization: Bearer {reader}", body=b'{"scopes": ["admin:*"]}'), 403, FORBIDDEN),
    Case("a wait that is a word", read("/hpc/echo/version", "Prefer: wait=soon"), 400, BAD),
    Case("a wait below zero", read("/hpc/echo/version", "Prefer: wait=-1"), 400, BAD),
    Case("a wait of a year", read("/hpc/echo/version", "Prefer: wait=31536000"), 400, BAD),
    Case("a wait that is no number", read("/hpc/echo/version", "Prefer: wait=nan"), 400, BAD),
    Case("an empty key", tell('{"text": "a"}', "Idempotency-Key: "), 422, INVALID),
    Case("a key too long", tell('{"text": "a"}', f"Idempotency-Key: {'k' * 201}"), 422, INVALID),
    Case("a key that is no ASCII", tell('{"text": "a"}', "Idempotency-Key: \xe9"), 422, INVALID),
    Case("a key on an upload", ask(
        "PUT", "/hpc/staging/file/{files}?path={folder}/new", "Idempotency-Key: k", body=b"x"), 400, BAD),
    Case("a range beyond the end", read(
        "/hpc/staging/file/{files}?path={folder}/there", "Range: bytes=10-"), 416, "range_not_satisfiable"),
    Case("an upload to nowhere", ask("PUT", "/hpc/staging/file/{files}", body=b"x"), 422, INVALID),
    Case("an upload to a relative path", ask("PUT", "/hpc/staging/file/{files}?path=a", body=b"x"), 400, BAD),
    Case("an upload outside", ask("PUT", "/hpc/staging/file/{files}?path=/etc/passwd", body=b"x"), 400, BAD),
    Case("an upload by dots", ask(
        "PUT", "/hpc/staging/file/{files}?path={folder}/../../../../../../../../etc/passwd", body=b"x"), 400, BAD),
    Case("an upload over a file", ask(
        "PUT", "/hpc/staging/file/{files}?path={folder}/there", body=b"x"), 409, "conflict"),
    Case("a download of nothing", read("/hpc/staging/file/{files}?path={folder}/nothing"), 404, MISSING),
    Case("a base64 that is none", post(
        "/hpc/staging/put/{files}", '{"filename": "{folder}/b", "content": "?"}'), 400, BAD),
    Case("a folder that is a file", post("/hpc/staging/list/{files}", '{"path": "{folder}/there"}'), 400, BAD),
    Case("plain HTTP where links come in", read("/register"), 400, BAD),
    Case("a token in the query", raw.request("GET", "/edges?token={token}"), 401, DENIED),
    Case("a token in the query, by its other name", raw.request("GET", "/edges?access_token={token}"), 401, DENIED),
    Case("a link without a token", upgrade("/register"), 401, DENIED),
    Case("a link with a caller's token", upgrade("/register", "Authorization: Bearer {token}"), 401, DENIED),
    Case("a WebSocket for what is none", upgrade("/events", "Authorization: Bearer {token}"), 403, bare=True),
    Case("a WebSocket to a plugin", upgrade("/hpc/echo/say", "Authorization: Bearer {token}"), 403, bare=True),
]  # fmt: skip
FRAMING = [
    Case("no request at all", b"\r\n\r\n\r\n", (0, 400), bare=True),
    Case("one word", b"GET\r\n\r\n", 400, bare=True),
    Case("no target", b"GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400, bare=True),
    Case("bytes of nothing", bytes(range(256)) + b"\r\n\r\n", 400, bare=True),
    Case("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64 + b"\r\n\r\n", 400, bare=True),
    Case("another protocol", b"SSH-2.0-OpenSSH_9.6\r\n\r\n", 400, bare=True),
    Case("a version of letters", read("/healthz").replace(b"HTTP/1.1", b"HTTP/x.y"), 400, bare=True),
    Case("no host", b"GET /healthz HTTP/1.1\r\n\r\n", 400, bare=True),
    Case("two hosts", b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, bare=True),
    Case("a header without a colon", read("/healthz", "nonsense"), 400, bare=True),
    Case("a blank before the colon", read("/healthz", "Name : value"), 400, bare=True),
    Case("a header with a NUL", read("/healthz", "Name: a\0b"), 400, bare=True),
    Case("a header that is folded", read("/healthz", "Name: a\r\n\tb"), (200, 400)),
    Case("a header of 200 kB", read("/healthz", f"Name: {'x' * 200_000}"), 431, bare=True),
    Case("five thousand headers", read("/healthz", *[f"Name-{n}: a rather long value" for n in range(5000)]),
         431, bare=True),
    Case("a target of 200 kB", read(f"/healthz?{'x' * 200_000}"), (414, 431), bare=True),
    Case("a length that is a word", ask("POST", "/hpc/echo/tell", length="ten"), 400, bare=True),
    Case("a length below zero", ask("POST", "/hpc/echo/tell", length="-1"), 400, bare=True),
    Case("a length of many digits", ask("POST", "/hpc/echo/tell", length="9" * 30), (400, 413), bare=True),
    Case("two lengths", ask("POST", "/hpc/echo/tell", "Content-Length: 3", body=b"{}"), 400, bare=True),
    Case("a length and chunks", ask("POST", "/hpc/echo/tell", "Content-Length: 2", body=b"0\r\n\r\n", chunked=True),
         (400, 422), bare=True),
    # RFC 9112, 6.1: a server that does not know a transfer coding answers 501.
    Case("a coding nobody knows", ask("POST", "/hpc/echo/tell", "Transfer-Encoding: gzip"), (400, 501), bare=True),
    Case("chunks of no size", ask("POST", "/hpc/echo/tell", body=b"zz\r\n{}\r\n0\r\n\r\n", chunked=True),
         400, bare=True),
    Case("chunks below zero", ask("POST", "/hpc/echo/tell", body=b"-2\r\n{}\r\n0\r\n\r\n", chunked=True),
         400, bare=True),
    Case("chunks that lie", ask("POST", "/hpc/echo/tell", body=b"1\r\n{}\r\n0\r\n\r\n", chunked=True),
         400, bare=True),
    Case("chunks whose size has thirty digits", ask(
        "POST", "/hpc/echo/tell", body=b"f" * 30 + b"\r\n{}\r\n", chunked=True), 400, bare=True),
    Case("chunked bytes of nothing", ask(
        "POST", "/hpc/echo/tell", body=bytes(range(255, 0, -1)) + b"\r\n", chunked=True), 400, bare=True),
]  # fmt: skip
CASES = [*PATHS, *METHODS, *BODIES, *QUERIES, *HEADERS, *FRAMING]


def test_the_table_is_long_enough() -> None:
    """There are more than sixty ways to be wrong, each with a name of its own."""
    assert len({case.name for case in CASES}) == len(CASES) > 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_a_malformed_request_is_refused(place: Place, case: Case) -> None:
    """The status is the one deserved, the document names what is wrong, and the server goes on."""
    reply = place.send(case.data)
    wanted = case.status if isinstance(case.status, tuple) else (case.status,)
    assert reply.status in wanted, reply
    assert b"Traceback" not in reply.body
    if reply.status >= 400 and not (case.bare and reply.headers.get("content-type") is None):
        problem = reply.problem
        assert problem["code"] == case.code or not case.code
        assert case.says in problem["detail"]
        if case.paths:
            assert {found["path"] for found in problem["problems"]} == set(case.paths)
            assert all(found["message"] for found in problem["problems"])
    elif case.bare and reply.status != 200:
        assert reply.closed, "what has lost its framing can't go on"
    alive = place.send(read("/hpc/echo/say?text=alive"))
    assert alive.status == 200


def test_a_refusal_leaves_the_connection_of_use(place: Place) -> None:
    """After a problem document the next request on the same connection is answered as if nothing had been."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", place.bridge.port, timeout=20)
    headers = place.bridge.headers()
    try:
        for method, path, body, status in (
            ("POST", "/hpc/echo/tell", b"{", 400),
            ("POST", "/hpc/echo/tell", b"{}", 422),
            ("GET", "/hpc/echo/..", None, 422),
            ("GET", "/nobody/echo/version", None, 404),
            ("POST", "/hpc/echo/tell", b'{"text": "fine"}', 200),
        ):
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            response.read()
            assert response.status == status
            assert not response.will_close
    finally:
        connection.close()


@pytest.mark.slow
def test_a_header_that_dribbles_in_is_let_go(place: Place) -> None:
    """A caller that sends its header byte by byte keeps its connection for half a minute, and no longer."""
    with socket.create_connection(("127.0.0.1", place.bridge.port), 60) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        connection.settimeout(0.5)
        began = time.monotonic()
        ended = False
        while not ended:
            with suppress(TimeoutError):
                ended = not connection.recv(1000)
            with suppress(OSError):
                connection.sendall(b"x")
            assert time.monotonic() - began < 32
        print(f"let go after {time.monotonic() - began:.1f} s")


@pytest.mark.slow
def test_a_link_that_says_nothing_is_let_go(place: Place) -> None:
    """A WebSocket that never says hello is closed within 16 s, with a reason."""
    join = (place.home / "bridge/join.token").read_text(encoding="utf-8").strip()
    with socket.create_connection(("127.0.0.1", place.bridge.port), 60) as connection:
        connection.sendall(upgrade("/register", f"Authorization: Bearer {join}"))
        began = time.monotonic()
        heard = b""
        connection.settimeout(20)
        while piece := connection.recv(1000):
            heard += piece
        assert b"101" in heard.split(b"\r\n")[0]
        assert b"no hello within 15 s" in heard
        assert time.monotonic() - began < 17
