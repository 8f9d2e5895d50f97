"""The built pages, served from memory, with the headers that keep a browser from running anything else."""

from __future__ import annotations

import gzip
import hashlib
import html
import mimetypes
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from radical_edge_core.bridge.prefix import public_prefix

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'self'; "
    "form-action 'self'; object-src 'none'; require-trusted-types-for 'script'; trusted-types edge-portal"
)
SECURITY: Final[Mapping[str, str]] = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_BASE: Final = '<base href="/" />'
_HASHED: Final = re.compile(r".+-[A-Za-z0-9_-]{8}\.[a-z0-9]+")
_TEXT: Final = ("text/", "image/svg", "application/json")
_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@frozen
class Asset:
    """One built file."""

    raw: bytes
    packed: bytes | None
    kind: str
    etag: str
    lasting: bool


class Pages:
    """
    Answers for the portal.

    Args:
        folder: The built files: ``index.html`` and ``assets/``.
    """

    def __init__(self, folder: Path) -> None:
        self._index = (folder / "index.html").read_text(encoding="utf-8")
        if _BASE not in self._index:
            raise ValueError(f"{folder}/index.html has no {_BASE}")
        self._assets = {
            path.relative_to(folder / "assets").as_posix(): _asset(path)
            for path in sorted((folder / "assets").rglob("*"))
            if path.is_file()
        }

    def routes(self) -> list[BaseRoute]:
        """Return what the bridge is to serve."""
        return [
            Route("/", self._page, methods=["GET"]),
            Route("/ui/{rest:path}", self._page, methods=["GET"]),
            Route("/assets/{name:path}", self._file, methods=["GET"]),
        ]

    async def _page(self, request: Request) -> Response:
        """Answer with the one page, wherever in it the browser wants to be; never to who asks for something else."""
        accepts = request.headers.get("accept", "*/*")
        if request.url.path != "/" and "text/html" not in accepts:
            raise HTTPException(404)
        base = html.escape(public_prefix(request.scope))
        page = self._index.replace(_BASE, f'<base href="{base}" />', 1).encode()
        headers = {**SECURITY, "cache-control": "no-cache", "vary": "accept, x-forwarded-prefix"}
        return Response(page, media_type="text/html; charset=utf-8", headers=headers)

    async def _file(self, request: Request) -> Response:
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        headers = {
            **SECURITY,
            "etag": asset.etag,
            "vary": "accept-encoding",
            "cache-control": "public, max-age=31536000, immutable" if asset.lasting else "no-cache",
        }
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        body = asset.raw
        if asset.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            body = asset.packed
        return Response(body, media_type=asset.kind, headers=headers)


def _asset(path: Path) -> Asset:
    raw = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    packed = gzip.compress(raw, 9, mtime=0) if kind.startswith(_TEXT) else None
    etag = f'"{hashlib.sha256(raw).hexdigest()[:32]}"'
    return Asset(raw, packed, kind, etag, _HASHED.fullmatch(path.name) is not None)
