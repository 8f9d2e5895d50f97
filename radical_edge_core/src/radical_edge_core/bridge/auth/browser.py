"""
Browsers sign in with a token and get a cookie: ``/auth/login``, ``/auth/logout``, ``/auth/session``.

The cookie holds a secret of its own, never the token; what it opens ends with the token it was made from. A page of
another site can't use it: it is ``SameSite=Strict``, and an unsafe method needs a JSON content type, a header of
the portal's own and, where the browser says where a request comes from, this very origin.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from attrs import frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from radical_edge_core import __version__
from radical_edge_core.bridge.auth.door import BROWSER
from radical_edge_core.bridge.headers import Header
from radical_edge_core.bridge.prefix import public_prefix
from radical_edge_core.codec import dumps, loads
from radical_edge_core.converter import build_converter, parse
from radical_edge_core.errors import BadRequest, Forbidden, TooManyRequests, Unauthorized
from radical_edge_core.plugin.body import read_body

if TYPE_CHECKING:
    from radical_edge_core.bridge.app import Bridge

LIFETIME_S: Final = 7 * 86400.0
PORTAL_HEADER: Final = "x-edge-portal"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_WRONG: Final = 10
_WRONG_WITHIN_S: Final = 60.0
_BODY_LIMIT: Final = 16 * 1024
_SECRET: Final = re.compile(rb"[A-Za-z0-9_-]{43}")
_converter = build_converter()


@frozen(kw_only=True)
class SignIn:
    """The body of ``POST /auth/login``."""

    token: str


class WrongTokens:
    """Counts wrong tokens by where they come from, and lets nobody try without end."""

    def __init__(self) -> None:
        self._tried: dict[str, deque[float]] = {}

    def check(self, address: str) -> None:
        """
        Let an address try once more.

        Raises:
            TooManyRequests: It has tried too often; says when it may again.
        """
        tried, now = self._tried.get(address), time.monotonic()
        while tried and tried[0] <= now - _WRONG_WITHIN_S:
            tried.popleft()
        if tried and len(tried) >= _WRONG:
            again_s = int(tried[0] + _WRONG_WITHIN_S - now) + 1
            raise TooManyRequests(
                f"too many wrong tokens; try again in {again_s} seconds", retry_after_s=again_s
            )

    def note(self, address: str) -> None:
        """Count one wrong token."""
        if len(self._tried) > 1024:
            self._tried.clear()
        self._tried.setdefault(address, deque()).append(time.monotonic())


def credential_of(cookie: bytes, name: str, method: str, headers: list[Header]) -> bytes | None:
    """
    Return what the door takes for a credential out of a ``Cookie`` header; ``None``: our cookie is not there.

    Raises:
        Forbidden: It is there, but another page than the portal's may have sent the request.
    """
    start = name.encode() + b"="
    for part in cookie.split(b";"):
        pair = part.strip()
        if pair.startswith(start) and _SECRET.fullmatch(secret := pair[len(start) :]):
            if method not in _SAFE:
                texts = {key.decode("latin-1"): value.decode("latin-1") for key, value in headers}
                _check_json(texts)
                if texts.get(PORTAL_HEADER) != "1":
                    raise Forbidden(
                        f"a request with a cookie that changes something needs {PORTAL_HEADER}: 1"
                    )
                _check_origin(texts)
            return BROWSER + secret
    return None


def browser_routes(bridge: Bridge) -> list[BaseRoute]:
    """Return the routes of one bridge."""
    wrong = WrongTokens()
    door = bridge.door
    about = {
        "version": __version__,
        "url": bridge.url,
        "instance": bridge.instance,
        "started": round(time.time(), 3),
    }

    def cookie(request: Request, value: str, max_age_s: float) -> str:
        # ASGI servers behind one that ends TLS see plain HTTP: what that one says can only make the cookie stricter.
        tls = "https" in {request.url.scheme, request.headers.get("x-forwarded-proto", "").lower()}
        path = public_prefix(request.scope)
        ending = "; Secure" if tls else ""
        return (
            f"{door.cookie}={value}; Path={path}; Max-Age={max_age_s:.0f}; HttpOnly; SameSite=Strict{ending}"
        )

    async def login(request: Request) -> Response:
        """Sign a browser in: a token in, a cookie out."""
        texts = dict(request.headers)
        _check_json(texts)
        _check_origin(texts)
        address = request.client.host if request.client else ""
        wrong.check(address)
        raw = await read_body(request, _BODY_LIMIT)
        given = parse(loads(raw, "application/json"), SignIn, _converter)
        try:
            identity = door.identify(b"Bearer " + given.token.strip().encode("utf-8", "replace"))
        except Unauthorized:
            wrong.note(address)
            raise Unauthorized("this token is unknown, revoked or expired") from None
        secret, expires = await door.sign_in(given.token.strip(), LIFETIME_S)
        answer = _answer(_session(about, identity.subject, identity.scopes, expires))
        answer.headers["set-cookie"] = cookie(request, secret, expires - time.time())
        return answer

    async def logout(request: Request) -> Response:
        """Sign a browser out: its cookie opens nothing any more, and streams that it opened end."""
        credential = _mine(request, door.cookie)
        if credential is not None:
            await door.sign_out(credential)
            bridge.streams.recheck()
        answer = _answer({"authenticated": False})
        answer.headers["set-cookie"] = cookie(request, "", 0)
        return answer

    async def session(request: Request) -> Response:
        """Tell a browser whether it is signed in, and as whom; 200 either way."""
        credential = _mine(request, door.cookie)
        if credential is None:
            return _answer({"authenticated": False})
        try:
            identity = door.identify(credential)
        except Unauthorized:
            return _answer({"authenticated": False})
        return _answer(_session(about, identity.subject, identity.scopes, door.signed_in_until(credential)))

    return [
        Route("/auth/login", login, methods=["POST"]),
        Route("/auth/logout", logout, methods=["POST"]),
        Route("/auth/session", session, methods=["GET"]),
    ]


def _mine(request: Request, name: str) -> bytes | None:
    cookie = request.headers.get("cookie", "").encode("latin-1")
    return credential_of(cookie, name, request.method, request.scope["headers"])


def _session(
    about: Mapping[str, object], subject: str, scopes: tuple[str, ...], expires: float
) -> dict[str, object]:
    return {
        "authenticated": True,
        "subject": subject,
        "scopes": list(scopes),
        "expires": expires,
        "bridge": about,
    }


def _answer(document: dict[str, object]) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(dumps(document), media_type="application/json", headers=headers)


def _check_json(headers: Mapping[str, str]) -> None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise BadRequest("a browser's request that changes something has the content type application/json")


def _check_origin(headers: Mapping[str, str]) -> None:
    """Raise where the browser says that the request comes from elsewhere."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise Forbidden("this request comes from a page of another site")
        return
    origin = headers.get("origin")  # over plain HTTP, off this machine, browsers send only this
    if origin is not None and urlsplit(origin).netloc not in {
        headers.get("host"),
        headers.get("x-forwarded-host"),
    }:
        raise Forbidden("this request comes from a page of another site")
