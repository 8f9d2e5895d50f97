"""The documents that every plugin serves about itself: its description and its OpenAPI."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from radical_edge_core.converter import dumps
from radical_edge_core.errors import MethodNotAllowed
from radical_edge_core.plugin.openapi import plugin_openapi

NAMES: Final = ("describe", "openapi.json")


def etag_of(document: bytes) -> str:
    """Return the SHA-256 of a document, as hexadecimal digits."""
    return hashlib.sha256(document).hexdigest()


class Documents:
    """
    The encoded documents of one plugin, made when first asked for.

    Args:
        description: The plugin's description.
        edge: The edge's name.

    Attributes:
        etag: The SHA-256 of the description.
    """

    def __init__(self, description: Mapping[str, Any], edge: str) -> None:
        self._description = description
        self._edge = edge
        encoded = dumps(description)
        self.etag = etag_of(encoded)
        self._made = {"describe": (encoded, self.etag)}

    def answer(self, name: str, request: Request) -> Response:
        """
        Answer a request for one of ``NAMES``; 304 where the caller has it already.

        Raises:
            MethodNotAllowed: It is no GET.
        """
        if request.method not in {"GET", "HEAD"}:
            raise MethodNotAllowed(f"{request.method} is not for this path; use GET", allow=["GET", "HEAD"])
        if name not in self._made:
            encoded = dumps(plugin_openapi(self._description, edge=self._edge))
            self._made[name] = (encoded, etag_of(encoded))
        body, etag = self._made[name]
        headers = {"etag": f'"{etag}"', "cache-control": "no-cache"}
        known = request.headers.get("if-none-match", "")
        if known.strip() == "*" or headers["etag"] in (
            tag.strip().removeprefix("W/") for tag in known.split(",")
        ):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="application/json")
