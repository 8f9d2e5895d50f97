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
        self._broke: EdgeError | None = None
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
            if self._key is not None:
                await self._take_up(self._key)
            total = await self._bring()
            if self._target is not None:
                await anyio.to_thread.run_sync(self._target.commit, total)
            return total
        except EdgeError as exc:
            if self._key is None:
                raise
            # What broke it off says more to who goes on later than why it could not go on at once.
            failure = self._broke if self._broke is not None and exc.transient else exc
            failure.data["received"] = self._done
            if failure is exc:
                raise
            raise failure from exc
        finally:
            if self._target is not None:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(self._target.close)

    async def _bring(self) -> int:
        fruitless = 0
        while self._total is None or self._done < self._total:
            before = self._done
            try:
                await self._attempt()
            except EdgeError as exc:
                if self._done > before:
                    self._broke, fruitless = exc, 0
                else:
                    fruitless += 1
                if not exc.transient or fruitless >= FRUITLESS:
                    raise
                await anyio.sleep(PAUSE_S)
        return self._total

    async def _attempt(self) -> None:
        # The validator sees to it that the two parts are of one file: a changed one is sent whole, from the
        # beginning.
        first = self._done
        if self._total is None and first:
            first -= 1  # perhaps it is all here, and of nothing there is no range
        headers = {"range": f"bytes={first}-", "if-range": self._etag} if first and self._etag else {}
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
            self._etag, self._done = kept.etag, kept.size

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
