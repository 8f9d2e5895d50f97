"""The caller's side: local files to the edge's host and back, streamed and checked."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio.to_thread

from radical_edge_core.errors import EdgeError
from radical_edge_core.hooks import hookimpl
from radical_edge_core.plugin import PluginClient, Transport
from radical_edge_core.plugin.paths import quote_segment
from radical_edge_staging.fetching import Fetch
from radical_edge_staging.localfile import measure

LocalPath = str | os.PathLike[str]

# An upload may take as long as it takes at the slowest rate that is still one, and a minute.
_SLOWEST_BYTES_S = 64 * 1024
_GRACE_S = 60.0


class StagingClient(PluginClient):
    """
    Client of ``staging``.

    Errors come as Python's own: ``FileExistsError``, ``FileNotFoundError``, ``NotADirectoryError``,
    ``ValueError`` for a path that can't be used; every other one as the error tree has it.
    """

    async def put(self, src: LocalPath, tgt: str, overwrite: bool = False) -> dict[str, Any]:
        """
        Send a local file.

        The target appears as a whole, after its SHA-256 was compared with the source's, or not at all.

        Args:
            src: The local file.
            tgt: Where it goes on the edge's host: absolute or beginning with ``~``.
            overwrite: Whether an existing target is replaced.

        Returns:
            ``path``, ``size`` and ``sha256`` of the target.

        Raises:
            FileNotFoundError: There is no such local file.
            FileExistsError: The target exists.
        """
        path = self._file_path()
        source = await anyio.to_thread.run_sync(measure, Path(src))
        with _python_errors(tgt):
            answer: Any = await self.transport.request(
                "PUT",
                path,
                params={"path": tgt, "overwrite": "true" if overwrite else "false", "sha256": source.sha256},
                content=source.chunks() if source.size else b"",
                # Prefer without a wait: the answer comes after the last byte, whenever that is.
                headers={"content-length": str(source.size), "prefer": "handling=strict"},
                deadline_s=_GRACE_S + source.size / _SLOWEST_BYTES_S,
            )
            if answer["sha256"] != source.sha256:
                raise EdgeError(f"{tgt}: what was stored differs from what was sent", path=tgt)
        return dict(answer)

    async def get(self, src: str, tgt: LocalPath) -> dict[str, Any]:
        """
        Fetch a file; a transfer that breaks off goes on where it stopped.

        Args:
            src: The file on the edge's host: absolute or beginning with ``~``.
            tgt: The local file; it appears when it is whole, or not at all. Missing folders are made.

        Returns:
            ``path`` and ``size`` of the source.

        Raises:
            FileExistsError: The local target exists.
            FileNotFoundError: There is no such file on the edge's host.
        """
        path = self._file_path()
        if await anyio.to_thread.run_sync(os.path.lexists, tgt):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(tgt))
        with _python_errors(src):
            size = await Fetch(self.transport, path, src, Path(tgt)).run()
        return {"path": src, "size": size}

    async def list(self, path: str) -> dict[str, Any]:
        """
        List a folder on the edge's host.

        Raises:
            FileNotFoundError: There is no such folder.
            NotADirectoryError: It is no folder.
        """
        with _python_errors(path):
            answer: Any = await self.call("list", path=path)
        return dict(answer)

    def _file_path(self) -> str:
        return self.path_to(f"file/{quote_segment(self.session_id())}")


@hookimpl
def client_plugin(description: Mapping[str, Any], transport: Transport, edge: str) -> PluginClient | None:
    """Offer the client for the plugin of this distribution."""
    return StagingClient(transport, description, edge) if description["plugin"]["name"] == "staging" else None


@contextmanager
def _python_errors(path: str) -> Iterator[None]:
    try:
        yield
    except EdgeError as exc:
        if (translated := _translated(exc, path)) is not None:
            raise translated from exc
        raise


def _translated(error: EdgeError, path: str) -> Exception | None:
    match error.status_code:
        case 404:
            return FileNotFoundError(errno.ENOENT, error.detail, path)
        case 409:
            return FileExistsError(errno.EEXIST, error.detail, path)
        case 400 if error.data.get("reason") == "not_a_directory":
            return NotADirectoryError(errno.ENOTDIR, error.detail, path)
        case 400:
            return ValueError(error.detail)
        case _:
            return None
