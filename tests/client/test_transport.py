"""The transport against real servers that answer well, badly, late, or not at all."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from radical_edge_client.errors import (
    BridgeUnreachable,
    CertificateRefused,
    NotABridge,
    SettingsError,
    TransferInterrupted,
)
from radical_edge_client.settings import resolve
from radical_edge_client.transport import HttpTransport
from radical_edge_core.errors import (
    DeadlineExceeded,
    EdgeAway,
    EdgeError,
    EdgeLost,
    InvalidRequest,
    NotFound,
    Overloaded,
    Unauthorized,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[..., AbstractAsyncContextManager[str]]
TOKEN = "a-token-for-tests"


@asynccontextmanager
async def transport_to(url: str, **given: Any) -> AsyncIterator[HttpTransport]:
    patience = {"patience_s": given.pop("patience_s")} if "patience_s" in given else {}
    transport = HttpTransport(resolve({}, url=url, token=TOKEN, **given), **patience)
    try:
        yield transport
    finally:
        await transport.close()


def problem(error: EdgeError, **headers: str) -> web.Response:
    return web.json_response(
        error.problem(), status=error.status_code, content_type="application/problem+json", headers=headers
    )


async def test_a_call_carries_token_and_body(serve: Serve) -> None:
    """The token, JSON, a query with booleans and without absent values, and the raw path arrive as meant."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(
            {
                "auth": request.headers["Authorization"],
                "path": request.raw_path,
                "json": await request.json(),
                "key": len(request.headers["Idempotency-Key"]),
                "prefer": request.headers["Prefer"],
            }
        )

    async with serve(answer) as url, transport_to(url + "/") as transport:
        assert await transport.request(
            "POST",
            "/e/p/a%2Fb%20c",
            json={"x": [1, "ü"]},
            params={"f": True, "n": None, "t": "a b"},
            deadline_s=7,
        ) == {
            "auth": f"Bearer {TOKEN}",
            "path": "/e/p/a%2Fb%20c?f=true&t=a+b",
            "json": {"x": [1, "ü"]},
            "key": 32,
            "prefer": "wait=6",
        }


async def test_reads_and_uploads_carry_no_key(serve: Serve) -> None:
    """An ``Idempotency-Key`` goes with mutating JSON calls only."""
    keys = []

    async def answer(request: web.Request) -> web.Response:
        keys.append(request.headers.get("Idempotency-Key"))
        return web.json_response({"size": len(await request.read())})

    async def parts() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"defg"

    async with serve(answer) as url, transport_to(url) as transport:
        assert await transport.request("GET", "/x") == {"size": 0}
        assert await transport.request("PUT", "/x", content=b"abc") == {"size": 3}
        assert await transport.request("PUT", "/x", content=parts()) == {"size": 7}
        await transport.request("POST", "/x")
        await transport.request("DELETE", "/x", headers={"idempotency-key": "mine"})
    assert keys[:3] == [None] * 3
    assert keys[3]
    assert keys[4] == "mine"


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
async def test_numbers_that_json_lacks_are_not_sent(serve: Serve, bad: float) -> None:
    """NaN and infinity are the caller's mistake, told before anything is sent."""
    async with serve(lambda _: pytest.fail("sent")) as url, transport_to(url) as transport:
        with pytest.raises(ValueError, match="JSON"):
            await transport.request("POST", "/x", json={"x": bad})


async def test_errors_of_the_bridge_are_raised_as_what_they_are(serve: Serve) -> None:
    """The class, the status, the text and the data of a problem document come back."""

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/a":
            return problem(NotFound("no job x", job="x"))
        return problem(InvalidRequest(problems=[{"path": "$.n", "message": "expected int"}]))

    async with serve(answer) as url, transport_to(url) as transport:
        with pytest.raises(NotFound, match=r"^HTTP 404: no job x$") as caught:
            await transport.request("GET", "/a")
        assert (caught.value.status_code, caught.value.data) == (404, {"job": "x"})
        with pytest.raises(InvalidRequest) as invalid:
            await transport.request("POST", "/b", json={})
        assert invalid.value.problems == [{"path": "$.n", "message": "expected int"}]


async def test_reads_are_repeated_after_transient_answers(serve: Serve) -> None:
    """A read goes on through 503, 504 and a broken connection, and pauses as long as ``Retry-After`` says."""
    seen: list[float] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(asyncio.get_running_loop().time())
        match len(seen):
            case 1:
                return problem(Overloaded("busy"), **{"Retry-After": "0.6"})
            case 2:
                assert request.transport
                request.transport.abort()
            case 3:
                return problem(DeadlineExceeded("slow"))
        return web.json_response({"n": len(seen)})

    async with serve(answer) as url, transport_to(url) as transport:
        assert await transport.request("GET", "/x", repeat=True) == {"n": 4}
    assert seen[1] - seen[0] >= 0.6


async def test_a_body_that_breaks_off_is_read_again(serve: Serve) -> None:
    """A JSON answer without its end is no answer; a read asks once more, anything else says so."""
    count = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        if count % 2:
            return await broken_off(request, b'{"n": 1')
        return web.json_response({"n": count})

    async with serve(answer) as url, transport_to(url) as transport:
        assert await transport.request("GET", "/x", repeat=True) == {"n": 2}
        with pytest.raises(TransferInterrupted):
            await transport.request("POST", "/x", json={})


async def broken_off(request: web.Request, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(body)
    assert request.transport
    request.transport.close()
    return response


async def test_a_remembered_call_is_repeated_with_its_key(serve: Serve) -> None:
    """What the edge remembers by its key is sent again after 502, 503, 504 and a broken connection: one key for all."""
    keys: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        keys.append(request.headers["Idempotency-Key"])
        match len(keys) % 5:
            case 1:
                return problem(EdgeLost("lost"))
            case 2:
                return problem(EdgeAway("away"))
            case 3:
                return problem(DeadlineExceeded("slow"))
            case 4:
                assert request.transport
                request.transport.abort()
        assert await request.json() == {"n": 1}
        return web.json_response({"n": len(keys)})

    async with serve(answer) as url, transport_to(url) as transport:
        assert await transport.request("POST", "/x", json={"n": 1}, repeat=True) == {"n": 5}
        assert await transport.request("POST", "/x", json={"n": 1}, repeat=True) == {"n": 10}
    assert len(set(keys)) == 2
    assert len(set(keys[:5])) == 1


async def test_other_mutating_calls_are_sent_once(serve: Serve) -> None:
    """What may have had an effect, and is not remembered, is never sent again by itself."""
    count = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal count
        count += 1
        return problem(EdgeAway("e is away"), **{"Retry-After": "0"})

    async with serve(answer) as url, transport_to(url) as transport:
        with pytest.raises(EdgeAway):
            await transport.request("POST", "/x", json={})
    assert count == 1


async def test_repeats_end_with_the_deadline(serve: Serve) -> None:
    """The last error is raised where the next attempt would come too late."""

    async def answer(_: web.Request) -> web.Response:
        return problem(EdgeAway("e is away"))

    async with serve(answer) as url, transport_to(url) as transport:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(EdgeAway):
            await transport.request("GET", "/x", repeat=True, deadline_s=1)
        assert asyncio.get_running_loop().time() - begun < 1.1


@pytest.mark.parametrize(("method", "text"), [("GET", "within 0.3 s$"), ("POST", "carried out is not known")])
async def test_no_answer_in_time(serve: Serve, method: str, text: str) -> None:
    """A call ends at its deadline; for one that mutates the text says what is not known."""
    released = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    async with serve(answer) as url, transport_to(url) as transport:
        with pytest.raises(DeadlineExceeded, match=text):
            await transport.request(method, "/x", repeat=method == "GET", deadline_s=0.3)
        released.set()


async def test_a_bridge_that_is_not_there() -> None:
    """Nothing listens: the text says where; patience bounds the attempts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    async with transport_to(f"http://127.0.0.1:{port}", patience_s=0.5) as transport:
        with pytest.raises(
            BridgeUnreachable, match=rf"^HTTP 503: the bridge at 127.0.0.1:{port} can't be reached"
        ):
            await transport.request("GET", "/x", repeat=True)


async def test_a_bridge_that_comes_back_answers_the_read(serve: Serve) -> None:
    """A read begun while the bridge restarts is answered by the new one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async with transport_to(f"http://127.0.0.1:{port}") as transport:
        call = asyncio.create_task(transport.request("GET", "/x", repeat=True))
        await asyncio.wait([call], timeout=0.3)
        assert not call.done()
        async with serve(answer, port=port):
            assert await call == {"ok": True}


async def test_an_unknown_host_name() -> None:
    """A name that does not resolve is told as such."""
    async with transport_to("https://bridge.invalid", patience_s=0) as transport:
        with pytest.raises(BridgeUnreachable, match=r"bridge\.invalid"):
            await transport.request("GET", "/x", repeat=True)


async def test_the_token_is_not_redirected(serve: Serve) -> None:
    """A redirect is an error, and its target gets no request."""

    async def elsewhere(_: web.Request) -> web.Response:
        pytest.fail("followed")

    async with serve(elsewhere) as target:

        async def answer(_: web.Request) -> web.Response:
            raise web.HTTPFound(target)

        async with serve(answer) as url, transport_to(url) as transport:
            with pytest.raises(NotABridge, match="redirects to"):
                await transport.request("GET", "/x", repeat=True)


async def test_another_service_is_told_from_a_bridge(serve: Serve) -> None:
    """A page in answer to a call is no answer of a bridge."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="<h1>hello</h1>", content_type="text/html")

    async with serve(answer) as url, transport_to(url) as transport:
        with pytest.raises(NotABridge, match="text/html"):
            await transport.request("GET", "/x", repeat=True)


async def test_plain_http_elsewhere_is_refused_before_anything_is_sent() -> None:
    """Neither a socket nor a name look-up is needed to say no."""
    with pytest.raises(SettingsError, match="plain http"):
        HttpTransport(resolve({}, url="http://bridge.example:8000"))
    HttpTransport(resolve({"RADICAL_BRIDGE_ALLOW_HTTP": "bridge.example"}, url="http://bridge.example:8000"))


class TestTls:
    """Certificates: the pinned one, another one, none."""

    @pytest.fixture
    async def url(
        self,
        serve: Serve,
        certificate: tuple[Path, Path],
        tls: Callable[[tuple[Path, Path]], ssl.SSLContext],
    ) -> AsyncIterator[str]:
        async def answer(_: web.Request) -> web.Response:
            return web.json_response({"ok": True})

        async with serve(answer, tls(certificate)) as url:
            yield url

    async def test_a_self_signed_certificate_is_pinned(
        self, url: str, certificate: tuple[Path, Path]
    ) -> None:
        """The bridge's own certificate, given as the authority, is enough, for each of its names."""
        for base in (url, url.replace("127.0.0.1", "localhost")):
            async with transport_to(base, cert=str(certificate[0])) as transport:
                assert await transport.request("GET", "/x", repeat=True) == {"ok": True}

    async def test_without_it_the_bridge_is_not_trusted(self, url: str) -> None:
        """The text names the setting that is missing; nothing is repeated."""
        async with transport_to(url) as transport:
            with pytest.raises(CertificateRefused, match="RADICAL_BRIDGE_CERT"):
                await transport.request("GET", "/x", repeat=True)

    async def test_another_certificate_is_told(self, url: str, other_certificate: tuple[Path, Path]) -> None:
        """A file with another certificate is named."""
        async with transport_to(url, cert=str(other_certificate[0])) as transport:
            with pytest.raises(CertificateRefused, match=r"another certificate than .*cert\.pem"):
                await transport.request("GET", "/x", repeat=True)

    async def test_a_certificate_for_another_name(
        self,
        serve: Serve,
        other_certificate: tuple[Path, Path],
        tls: Callable[[tuple[Path, Path]], ssl.SSLContext],
    ) -> None:
        """A trusted certificate that does not name the host is refused."""
        async with (
            serve(lambda _: pytest.fail("reached"), tls(other_certificate)) as url,
            transport_to(url, cert=str(other_certificate[0])) as transport,
        ):
            with pytest.raises(CertificateRefused, match=r"is not for 127\.0\.0\.1"):
                await transport.request("GET", "/x", repeat=True)

    async def test_a_bridge_without_tls(self, serve: Serve) -> None:
        """Https towards plain http is told as that."""

        async def answer(_: web.Request) -> web.Response:
            return web.Response()

        async with serve(answer) as url, transport_to(url.replace("http", "https")) as transport:
            with pytest.raises(CertificateRefused, match="does the bridge speak https"):
                await transport.request("GET", "/x", repeat=True)

    @pytest.mark.parametrize("content", [None, "no certificate"])
    async def test_a_file_that_is_no_certificate(self, tmp_path: Path, content: str | None) -> None:
        """An unreadable or wrong file is named before anything is sent."""
        path = tmp_path / "wrong.pem"
        if content:
            path.write_text(content)
        with pytest.raises(SettingsError, match=r"wrong\.pem can't be used"):
            HttpTransport(resolve({}, url="https://localhost", cert=str(path)))


async def test_a_wrong_token_is_told_with_the_bridges_words(serve: Serve) -> None:
    """401 carries what the bridge says, for example that the token has expired."""

    async def answer(_: web.Request) -> web.Response:
        return problem(Unauthorized("the token 'ci' has expired"))

    async with serve(answer) as url, transport_to(url) as transport:
        with pytest.raises(Unauthorized, match=r"^HTTP 401: the token 'ci' has expired"):
            await transport.request("GET", "/x", repeat=True)


async def test_a_stream_counts_what_came_before_it_broke(serve: Serve) -> None:
    """A body without its end raises, and says from where to go on."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/whole":
            return web.Response(body=b"12345")
        return await broken_off(request, b"1234567")

    async with serve(answer) as url, transport_to(url) as transport:
        async with transport.stream("GET", "/whole") as response:
            assert (response.status, response.headers["content-length"]) == (200, "5")
            assert await response.read() == b"12345"
        async with transport.stream("GET", "/broken", repeat=True) as response:
            chunks = response.iter_chunks()
            assert await anext(chunks) == b"1234567"
            with pytest.raises(TransferInterrupted, match=r"^HTTP 502") as caught:
                await anext(chunks)
        assert caught.value.received == 7


async def test_a_stream_left_early_lets_go(serve: Serve) -> None:
    """Leaving an endless body ends the exchange, on the server's side too."""
    gone = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 1000)
                await asyncio.sleep(0)
        finally:
            gone.set()

    async with serve(answer) as url, transport_to(url) as transport:
        async with transport.stream("GET", "/x") as response:
            async for _ in response.iter_chunks():
                break
        async with asyncio.timeout(5):
            await gone.wait()


async def test_silence_counts_as_broken_off(serve: Serve) -> None:
    """A stream with a bound on silence does not wait for ever."""
    released = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await released.wait()
        return response

    async with serve(answer) as url, transport_to(url) as transport:
        with pytest.raises(TransferInterrupted) as caught:
            async with transport.stream("GET", "/x", silence_s=0.2) as response:
                await response.read()
        assert caught.value.received == 1
        released.set()


async def test_a_closed_client_says_so() -> None:
    """Use after close is the caller's mistake; closing twice is none."""
    async with transport_to("http://127.0.0.1:1") as transport:
        await transport.close()
        with pytest.raises(RuntimeError, match="closed"):
            await transport.request("GET", "/x")
