"""The plugin and its sessions: small files as operations, files of any size as streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from radical_edge_core.converter import dumps
from radical_edge_core.plugin import Plugin, PluginContext, PluginSession, operation
from radical_edge_staging import __version__, inline
from radical_edge_staging.config import StagingConfig
from radical_edge_staging.listing import list_folder
from radical_edge_staging.models import Content, Listing, Partial, Stored
from radical_edge_staging.partials import look
from radical_edge_staging.paths import expand, locate
from radical_edge_staging.receiving import receive
from radical_edge_staging.sending import send


class StagingSession(PluginSession):
    """One caller's session; it keeps nothing."""

    plugin: StagingPlugin

    @operation.post("put/{sid}", title="Store a small file")
    def put(self, filename: str, content: str, overwrite: bool = False) -> Stored:
        """
        Store a file whose content is given in base64; missing folders are made.

        The file is there as a whole or not at all. One that exists is replaced only with ``overwrite``.
        Larger files are streamed: ``PUT file/{sid}?path=...``.
        """
        config = self.plugin.config
        return inline.store(
            filename, content, overwrite=overwrite, roots=config.roots, limit=config.inline_limit_bytes
        )

    @operation.post("get/{sid}", title="Fetch a small file", effect="read")
    def get(self, filename: str) -> Content:
        """Return a file's content in base64. Larger files are streamed: ``GET file/{sid}?path=...``."""
        config = self.plugin.config
        return inline.load(filename, roots=config.roots, limit=config.inline_limit_bytes)

    @operation.post(
        "list/{sid}",
        title="List a folder",
        effect="read",
        result="table",
        examples=[{"title": "Home directory", "input": {"path": "~"}}],
    )
    def list(self, path: str) -> Listing:
        """List a folder by name; a link counts as what it leads to."""
        config = self.plugin.config
        return list_folder(locate(path, config.roots), config.roots, config.list_limit)

    @operation.get("partial/{sid}", title="Ask for the rest of an upload")
    def partial(self, path: str, sha256: str, size: int | None = None) -> Partial:
        """
        Tell how many bytes are kept of a resumable upload that broke off; the rest is sent from there.

        With ``size``, a file that is at ``path`` already is compared too.
        """
        return look(locate(path, self.plugin.config.roots), sha256, size)

    def snapshot(self) -> object:
        """Let the session outlive a restart of the edge; there is nothing to remember."""
        return {}


class StagingPlugin(Plugin):
    """Moves files to and from the host."""

    name: ClassVar[str] = "staging"
    version: ClassVar[str] = __version__
    title: ClassVar[str] = "Files"
    summary: ClassVar[str] = "Move files to and from the host."
    icon: ClassVar[str] = "folder"
    session_class: ClassVar[type[PluginSession] | None] = StagingSession
    config_class: ClassVar[type[Any] | None] = StagingConfig
    config: StagingConfig

    def __init__(self, context: PluginContext) -> None:
        super().__init__(context)
        for root in self.config.roots:
            expand(root)  # a root that is none is told now and not at the first call

    def routes(self) -> Sequence[BaseRoute]:
        """Return the two routes that stream."""
        return (
            Route("/file/{sid}", self._upload, methods=["PUT"]),
            Route("/file/{sid}", self._download, methods=["GET", "HEAD"]),
        )

    def views(self) -> dict[str, object]:
        """Place the operations on the portal's page."""
        return {
            "views": [
                {"id": "list", "kind": "form", "title": "Folder", "operation": "list"},
                {"id": "get", "kind": "form", "title": "Fetch", "operation": "get"},
                {"id": "put", "kind": "form", "title": "Store", "operation": "put"},
            ]
        }

    async def _upload(self, request: Request) -> Response:
        self.session(request.path_params["sid"])
        received = await receive(self, self.config, request)
        return Response(dumps(received), status_code=201, media_type="application/json")

    async def _download(self, request: Request) -> Response:
        self.session(request.path_params["sid"])
        return await send(self, self.config, request)
