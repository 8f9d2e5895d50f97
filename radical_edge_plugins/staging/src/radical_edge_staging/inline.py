"""Whole files inside JSON documents, for small ones."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from radical_edge_core.errors import BadRequest, TooLarge
from radical_edge_staging.download import Download
from radical_edge_staging.models import Content, Stored
from radical_edge_staging.paths import locate
from radical_edge_staging.upload import Upload


def store(filename: str, content: str, *, overwrite: bool, roots: Sequence[str], limit: int) -> Stored:
    """
    Write a file from its content in base64; blocks.

    Raises:
        BadRequest: The content is no base64, or the path can't be used.
        TooLarge: It is longer than ``limit`` bytes.
        Conflict: The file exists and may not be replaced.
    """
    data = _decoded(content)
    if len(data) > limit:
        raise _too_large(filename, len(data), limit, "PUT")
    upload = Upload(locate(filename, roots), overwrite=overwrite)
    try:
        upload.write(data)
        received = upload.commit()
    finally:
        upload.abort()
    return Stored(path=received.path, size=received.size)


def load(filename: str, *, roots: Sequence[str], limit: int) -> Content:
    """
    Return a file's content in base64; blocks.

    Raises:
        NotFound: There is no such file.
        TooLarge: It is longer than ``limit`` bytes.
        BadRequest: The path can't be used, or names no file.
    """
    located = locate(filename, roots)
    download = Download(located)
    try:
        if download.size > limit:
            raise _too_large(filename, download.size, limit, "GET")
        data = download.read(0, download.size)
    finally:
        download.close()
    return Content(path=located.shown, size=len(data), content=base64.b64encode(data).decode("ascii"))


def _decoded(content: str) -> bytes:
    try:
        return base64.b64decode(content.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as exc:
        raise BadRequest(f"content is no base64: {exc}", reason="base64") from None


def _too_large(filename: str, size: int, limit: int, method: str) -> TooLarge:
    return TooLarge(
        f"{filename}: {size} bytes, and at most {limit} travel inside a JSON document; "
        f"stream the file instead: {method} file/{{sid}}?path=...",
        limit_bytes=limit,
        size=size,
    )
