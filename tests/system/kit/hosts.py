"""The two hosts as processes: what ``radical-edge-bridge`` and ``radical-edge-service`` are asked and told."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from kit import web
from kit.processes import Process
from kit.waiting import until


class Bridge(Process):
    """A bridge: where it listens, and requests to it with the token of its state folder."""

    def __init__(
        self,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        log: Path,
        home: Path,
        context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(("radical-edge-bridge", *arguments), environ, log)
        self.home = home
        self.context = context
        self._url = ""

    @property
    def url(self) -> str:
        """Its address, as its log tells it."""
        if not self._url:
            self.wait_for(" listens on ")
            match = re.search(r" listens on ([\w:/.\[\]]+)", self.output)
            assert match is not None
            self._url = match[1]
        return self._url

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.url.rpartition(":")[2])

    @property
    def token(self) -> str:
        """The admin token of its state folder."""
        return (self.home / "bridge" / "admin.token").read_text(encoding="utf-8").strip()

    def ready(self) -> Bridge:
        """Wait until it takes edges and requests."""
        until(lambda: self._get("/readyz") == 200, 30, f"{self.name} is ready")
        return self

    def _get(self, path: str) -> int:
        assert self.running, f"{self.name} has ended"
        try:
            with web.exchange(self.url, "GET", path, headers={}, context=self.context) as response:
                return web.whole(response).status
        except OSError:
            return 0

    def headers(self, token: str | None = None) -> dict[str, str]:
        """Return the header that carries a token, the admin's by default."""
        return {"Authorization": f"Bearer {self.token if token is None else token}"}

    @contextmanager
    def open(
        self, method: str, path: str, *, body: web.Body = None, token: str | None = None, **headers: str
    ) -> Iterator[HTTPResponse]:
        """Make a request, and leave the body of the answer to the caller; ``_`` in header names is ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with web.exchange(
            self.url, method, path, headers=self.headers(token) | named, body=body, context=self.context
        ) as response:
            yield response

    def ask(
        self, method: str, path: str, document: Any = None, *, token: str | None = None, **headers: str
    ) -> web.Answer:
        """Make a request with a JSON body, and return the whole answer."""
        body = None if document is None else json.dumps(document).encode()
        if body is not None:
            headers = {"Content_Type": "application/json"} | headers
        with self.open(method, path, body=body, token=token, **headers) as response:
            return web.whole(response)

    def get(self, path: str, **headers: str) -> Any:
        """Return the document at a path."""
        return self.ask("GET", path, **headers).ok

    def post(self, path: str, document: Any = None, **headers: str) -> Any:
        """Post a document and return the answer's."""
        return self.ask("POST", path, {} if document is None else document, **headers).ok

    def metric(self, name: str) -> float:
        """Return the value of one that has no labels, as ``/metrics`` tells it."""
        lines = self.ask("GET", "/metrics").body.decode().splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))

    def edges(self) -> dict[str, Any]:
        """Return the connected edges, as ``/edge/list`` tells them."""
        found: dict[str, Any] = self.get("/edge/list")["data"]["edges"]
        return found

    def plugin(self, edge: str, plugin: str) -> dict[str, Any]:
        """Return what is told of a plugin; empty where edge or plugin are not there."""
        found: dict[str, Any] = self.edges().get(edge, {}).get("plugins", {}).get(plugin, {})
        return found

    def has(self, edge: str, *plugins: str, within_s: float = 30.0) -> None:
        """Wait until an edge is connected and these plugins are loaded."""

        def loaded() -> bool:
            known = self.edges().get(edge, {}).get("plugins", {})
            wanted = [known.get(name, {}) for name in plugins]
            broken = [plugin for plugin in wanted if plugin.get("status") in {"failed", "unavailable"}]
            assert not broken, broken
            return bool(known) and all(plugin.get("status") == "loaded" for plugin in wanted)

        until(loaded, within_s, f"edge {edge} with {', '.join(plugins) or 'any plugin'}", pause_s=0.1)

    def session(self, edge: str, plugin: str, **fields: Any) -> str:
        """Open a session and return its id."""
        return str(self.post(f"/{edge}/{plugin}/register_session", fields)["sid"])


class Edge(Process):
    """An edge."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], log: Path, name: str) -> None:
        super().__init__(("radical-edge-service", "--name", name, *arguments), environ, log)
        self.edge = name
