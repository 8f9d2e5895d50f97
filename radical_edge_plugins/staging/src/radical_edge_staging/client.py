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
from radical_edge_staging.delivering import Delivery
from radical_edge_staging.fetching import Fetch
from radical_edge_staging.kept import key_of
from radical_edge_staging.localfile import measure

LocalPath = str | os.PathLike[str]


class StagingClient(PluginClient):
    """
    Client of ``staging``.

    Errors come as Python's own: ``FileExistsError``, ``FileNotFoundError``, ``NotADirectoryError``,
    ``ValueError`` for a path that can't be used; every other one as the error tree has it.
    """

    async def put(
        self, src: LocalPath, tgt: str, overwrite: bool = False, resume: bool = False
    ) -> dict[str, Any]:
        """
        Send a local file.

        The target appears as a whole, after its SHA-256 was compared with the source's, or not at all.

        Args:
            src: The local file.
            tgt: Where it goes on the edge's host: absolute or beginning with ``~``.
            overwrite: Whether an existing target is replaced.
            resume: Whether the edge keeps what came of an upload that breaks off, for a week. It is gone on with
                from there, by this call and by a later one, also of another process. A target that has the
                content already is success too.

        Returns:
            ``path``, ``size`` and ``sha256`` of the target.

        Raises:
            FileNotFoundError: There is no such local file.
            FileExistsError: The target exists.
            EdgeError: What else went wrong. With ``resume``, it is raised when several attempts in a row brought
                nothing, and ``received`` in its ``data`` says how many bytes the edge keeps.
        """
        path = self._file_path()
        source = await anyio.to_thread.run_sync(measure, Path(src))
        with _python_errors(tgt):
            delivery = Delivery(self, path, source, tgt, overwrite=overwrite)
            return await (delivery.resumable() if resume else delivery.once())

    async def get(self, src: str, tgt: LocalPath, resume: bool = False) -> dict[str, Any]:
        """
        Fetch a file; a transfer that breaks off goes on where it stopped.

        Args:
            src: The file on the edge's host: absolute or beginning with ``~``.
            tgt: The local file; it appears when it is whole, or not at all. Missing folders are made.
            resume: Whether what came stays beside ``tgt`` when the transfer fails, hidden, for a week. A later
                call, also of another process, goes on from there; a source that has changed since is fetched
                whole.

        Returns:
            ``path`` and ``size`` of the source.

        Raises:
            FileExistsError: The local target exists.
            FileNotFoundError: There is no such file on the edge's host.
            EdgeError: What else went wrong. With ``resume``, it is what broke the transfer off (over HTTP a
                ``TransferInterrupted``), and ``received`` in its ``data`` says how many bytes are here.
        """
        path = self._file_path()
        if await anyio.to_thread.run_sync(os.path.lexists, tgt):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(tgt))
        with _python_errors(src):
            key = key_of(self.edge_name, src, Path(tgt)) if resume else None
            size = await Fetch(self.transport, path, src, Path(tgt), key).run()
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
        case 409 if error.data.get("reason") not in ("busy", "offset"):
            return FileExistsError(errno.EEXIST, error.detail, path)
        case 400 if error.data.get("reason") == "not_a_directory":
            return NotADirectoryError(errno.ENOTDIR, error.detail, path)
        case 400:
            return ValueError(error.detail)
        case _:
            return None
