"""A download that goes on where it broke off."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import anyio.to_thread

from radical_edge_core.errors import EdgeError, EdgeLost
from radical_edge_core.plugin import StreamedResponse, Transport
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
    """

    def __init__(self, transport: Transport, path: str, src: str, tgt: Path) -> None:
        self._transport = transport
        self._path = path
        self._src = src
        self._tgt = tgt
        self._target: Target | None = None
        self._etag: str | None = None
        self._total: int | None = None
        self._done = 0

    async def run(self) -> int:
        """
        Bring the whole file here and return its size.

        Raises:
            EdgeError: What the edge says, or that the transfer broke off and does not get on.
            OSError: The local file can't be written.
        """
        try:
            fruitless = 0
            while self._total is None or self._done < self._total:
                before = self._done
                try:
                    await self._attempt()
                except EdgeError as exc:
                    fruitless = 0 if self._done > before else fruitless + 1
                    if not exc.transient or fruitless >= FRUITLESS:
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
            self._begun(answer)
            if self._target is None:
                self._target = await anyio.to_thread.run_sync(Target, self._tgt)
            async for chunk in answer.iter_chunks():
                await anyio.to_thread.run_sync(self._target.write, chunk, self._done)
                self._done += len(chunk)
        if self._done != self._total:
            raise EdgeLost(f"{self._src}: {self._done} of {self._total} bytes came", path=self._src)

    def _begun(self, answer: StreamedResponse) -> None:
        match = _RANGE.fullmatch(answer.headers.get("content-range", ""))
        if match is not None:
            self._done, self._total = int(match[1]), int(match[2])
        else:
            self._done, self._total = 0, int(answer.headers["content-length"])
        self._etag = answer.headers.get("etag")
