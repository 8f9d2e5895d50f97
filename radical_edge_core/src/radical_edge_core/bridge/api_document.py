"""``/openapi.json``: the bridge's own routes, and with a token those of the plugins that the caller reaches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.routing import Route

from radical_edge_core import __version__
from radical_edge_core.bridge.admin import admin_routes
from radical_edge_core.bridge.auth.browser import browser_routes
from radical_edge_core.bridge.auth.door import Identity
from radical_edge_core.link.heads import RequestHead, decode_response, encode_head
from radical_edge_core.plugin.openapi import merge_openapi
from radical_edge_core.scopes import EVERYTHING, allows
from radical_edge_core.wire.connection import Connection
from radical_edge_core.wire.exchange import ExchangeLost

if TYPE_CHECKING:
    from radical_edge_core.bridge.app import Bridge

log = logging.getLogger(__name__)
_ASK_S: Final = 5.0
_CACHED: Final = 256
_PUBLIC: Final = {
    "/": "The portal, or a plain page that says how to install it.",
    "/healthz": "The bridge is alive.",
    "/readyz": "The bridge accepts edges.",
    "/docs": "This description as a page.",
    "/openapi.json": "This document; with a token, the operations of every plugin in reach too.",
}


class ApiDocument:
    """
    Writes the document, from the routes themselves and from what plugins tell of themselves.

    Descriptions are asked for once per content: an edge announces the hash of each.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._descriptions: dict[str, Mapping[str, Any]] = {}

    def own(self) -> dict[str, Any]:
        """Return the document of the bridge's own routes."""
        paths: dict[str, Any] = {
            path: {"get": _entry(about, secured=False)} for path, about in _PUBLIC.items()
        }
        paths["/events"] = {"get": _entry("Server-sent events: topology, notifications, gaps.", secured=True)}
        for route in [*browser_routes(self._bridge), *admin_routes(self._bridge)]:
            if isinstance(route, Route):
                about = (route.endpoint.__doc__ or "").strip()
                secured = not route.path.startswith("/auth/")
                for method in sorted((route.methods or set()) - {"HEAD"}):
                    entry = _entry(about, secured=secured, parameters=sorted(route.param_convertors))
                    paths.setdefault(route.path, {})[method.lower()] = entry
        return merge_openapi(
            {"info": {"title": "Radical Edge bridge", "version": __version__}, "paths": paths}, []
        )

    async def merged(self, identity: Identity) -> dict[str, Any]:
        """Return the document with every plugin that the caller may read."""
        found: dict[str, tuple[Mapping[str, Any], list[str]]] = {}
        for record in self._bridge.registry.connected():
            for name, announced in sorted(record.plugins.items()):
                etag = str(announced.get("describe") or "")
                if not etag or record.link is None or not allows(identity.scopes, "read", record.name, name):
                    continue
                if etag not in self._descriptions:
                    await self._fetch(record.link, name, etag)
                if etag in self._descriptions:
                    found.setdefault(etag, (self._descriptions[etag], []))[1].append(record.name)
        return merge_openapi(self.own(), list(found.values()))

    async def _fetch(self, link: Connection, plugin: str, etag: str) -> None:
        """Ask an edge for a description; one that does not answer in time is left out."""
        head = RequestHead(
            method="GET", path=f"/{plugin}/describe".encode(), subject="bridge", scopes=list(EVERYTHING)
        )
        try:
            exchange = link.open(encode_head(head), fin=True)
        except ExchangeLost as exc:
            log.info("plugin %s could not be asked for its description: %s", plugin, exc)
            return
        try:
            async with asyncio.timeout(_ASK_S):
                status = decode_response(await exchange.head()).status
                body = bytearray()
                while piece := await exchange.read():
                    body += piece
                    exchange.taken(len(piece))
            exchange.done()
            if status == 200:
                if len(self._descriptions) >= _CACHED:
                    self._descriptions.clear()
                self._descriptions[etag] = msgspec.json.decode(bytes(body), type=dict[str, Any])
        except (TimeoutError, ExchangeLost, msgspec.DecodeError) as exc:
            exchange.abort("canceled", "the bridge waits no longer")
            log.info("plugin %s did not give its description: %r", plugin, exc)


def _entry(about: str, *, secured: bool, parameters: list[str] | None = None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "summary": about.split("\n", maxsplit=1)[0],
        "responses": {"200": {"description": "Done."}},
    }
    if secured:
        entry["security"] = [{"bearer": []}]
    if parameters:
        entry["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in parameters
        ]
    return entry
