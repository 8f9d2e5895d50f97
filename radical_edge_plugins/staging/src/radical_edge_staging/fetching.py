"""A download that goes on where it broke off."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import anyio.to_thread

from radical_edge_core.errors import EdgeError, EdgeLost
from radical_edge_core.plugin import StreamedResponse, Transport
from radical_edge_staging.kept import KeptTarget
from radical_edge_staging.localfile import Target

# So many attempts in a row may bring nothing; as long as each brings something, there is no end to them.
FRUITLESS = 3
PAUSE_S = 0.25
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class Fetch:
    """
    One file on its way here.

    Args:
        transport: What carries the calls.
        path: The route's address.
        src: The file on the edge's host.
        tgt: The local file.
        key: What is kept of it is found by, where it is to be kept.
    """

    def __init__(self, transport: Transport, path: str, src: str, tgt: Path, key: str | None = None) -> None:
        self._transport = transport
        self._path = path
        self._src = src
        self._tgt = tgt
        self._key = key
        self._target: Target | None = None
        self._etag: str | None = None
        self._total: int | None = None
        self._done = 0

    async def run(self) -> int:
        """
        Bring the whole file here and return its size.

        Raises:
            EdgeError: What the edge says, or that the transfer broke off and does not get on; where it is kept,
                ``received`` in its ``data`` says how many bytes are there.
            OSError: The local file can't be written.
        """
        try:
            fruitless = 0
            if self._key is not None:
                await self._take_up(self._key)
            while self._total is None or self._done < self._total:
                before = self._done
                try:
                    await self._attempt()
                except EdgeError as exc:
                    fruitless = 0 if self._done > before else fruitless + 1
                    if not exc.transient or fruitless >= FRUITLESS:
                        if self._key is not None:
                            exc.data["received"] = self._done
                        raise
                    await anyio.sleep(PAUSE_S)
            if self._target is not None:
                await anyio.to_thread.run_sync(self._target.commit, self._total)
            return self._total
        finally:
            if self._target is not None:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(self._target.close)

    async def _attempt(self) -> None:
        # The validator sees to it that the two parts are of one file: a changed one is sent whole, from the
        # beginning.
        headers = (
            {"range": f"bytes={self._done}-", "if-range": self._etag} if self._done and self._etag else {}
        )
        async with self._transport.stream(
            "GET", self._path, params={"path": self._src}, headers=headers, repeat=True
        ) as answer:
            whole = self._begun(answer)
            if self._target is None:
                target = await anyio.to_thread.run_sync(self._made)
            elif whole:
                target = await anyio.to_thread.run_sync(self._target.renewed, self._etag)
            else:
                target = self._target
            self._target = target
            async for chunk in answer.iter_chunks():
                await anyio.to_thread.run_sync(target.write, chunk, self._done)
                self._done += len(chunk)
        if self._done != self._total:
            raise EdgeLost(f"{self._src}: {self._done} of {self._total} bytes came", path=self._src)

    async def _take_up(self, key: str) -> None:
        self._target = kept = await anyio.to_thread.run_sync(KeptTarget.found, self._tgt, key)
        if kept is not None:
            # Its last byte is asked for again: of nothing there is no range.
            self._etag, self._done = kept.etag, max(0, kept.size - 1)

    def _made(self) -> Target:
        return Target(self._tgt) if self._key is None else KeptTarget.made(self._tgt, self._key, self._etag)

    def _begun(self, answer: StreamedResponse) -> bool:
        """Take note of what comes, and tell whether it is the whole file."""
        self._etag = answer.headers.get("etag")
        match = _RANGE.fullmatch(answer.headers.get("content-range", ""))
        if match is not None:
            self._done, self._total = int(match[1]), int(match[2])
        else:
            self._done, self._total = 0, int(answer.headers["content-length"])
        return match is None
