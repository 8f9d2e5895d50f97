"""An upload that goes on where it broke off."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import anyio

from radical_edge_core.errors import EdgeError, InvalidRequest, NotSupported
from radical_edge_core.plugin import PluginClient
from radical_edge_staging.localfile import Source

# So many attempts in a row may bring nothing, each after a pause twice as long; while each brings something,
# there is no end to them.
FRUITLESS = 5
PAUSE_S = 0.25
# An upload may take as long as it takes at the slowest rate that is still one, and a minute; reading a file there
# may take so too.
_SLOWEST_BYTES_S = 64 * 1024
_SLOWEST_DISK_BYTES_S = 16 * 1024 * 1024
_GRACE_S = 60.0


class Delivery:
    """
    One file on its way to the edge's host.

    Args:
        client: The plugin's client, with a session.
        path: The route's address.
        source: The local file.
        tgt: Where it goes.
        overwrite: Whether an existing target is replaced.
    """

    def __init__(self, client: PluginClient, path: str, source: Source, tgt: str, *, overwrite: bool) -> None:
        self._client = client
        self._path = path
        self._source = source
        self._tgt = self._shown = tgt
        self._params = {
            "path": tgt,
            "overwrite": "true" if overwrite else "false",
            "sha256": source.sha256,
        }

    async def once(self, offset: int | None = None) -> dict[str, Any]:
        """
        Send the file, or with ``offset`` its rest, in one attempt, and return what the edge says.

        Raises:
            EdgeError: What the edge says, or that the exchange broke off.
            OSError: The local file can't be read.
        """
        rest = self._source.size - (offset or 0)
        chunks = self._source.chunks(offset or 0)
        try:
            answer: Any = await self._client.transport.request(
                "PUT",
                self._path,
                params=self._params if offset is None else {**self._params, "offset": str(offset)},
                content=chunks if rest else b"",
                # Prefer without a wait: the answer comes after the last byte, whenever that is.
                headers={"content-length": str(rest), "prefer": "handling=strict"},
                deadline_s=_GRACE_S + self._source.size / _SLOWEST_BYTES_S,
            )
        finally:
            with suppress(RuntimeError):  # the transport is still at it, and about to stop
                await chunks.aclose()
        if answer["sha256"] != self._source.sha256:
            raise EdgeError(f"{self._tgt}: what was stored differs from what was sent", path=self._tgt)
        return dict(answer)

    async def resumable(self) -> dict[str, Any]:
        """
        Send what the edge does not have yet, in as many attempts as it takes.

        Raises:
            NotSupported: The edge is too old for it.
            EdgeError: What the edge says, or that the transfer broke off and does not get on; ``received`` in its
                ``data`` says how many bytes are kept there.
            OSError: The local file can't be read.
        """
        if not self._client.supports("partial"):
            edge = self._client.edge_name
            raise NotSupported(f"the staging plugin of {edge} can't resume uploads: put without resume")
        fruitless = 0
        there = await self._there()
        while there is not None:
            try:
                return await self._attempt(there)
            except EdgeError as exc:
                if not exc.transient and exc.data.get("reason") not in ("busy", "offset"):
                    raise
                failure = exc
            await anyio.sleep(PAUSE_S * 2**fruitless)
            before, there = there, await self._there()
            fruitless = fruitless + 1 if there is not None and there <= before else 0
            if fruitless >= FRUITLESS:
                failure.data["received"] = there
                raise failure
        return {"path": self._shown, "size": self._source.size, "sha256": self._source.sha256}

    async def _attempt(self, offset: int) -> dict[str, Any]:
        try:
            return await self.once(offset)
        except InvalidRequest as exc:
            if not offset or "sha256" not in exc.data:
                raise
            # What was kept is not what was sent: the edge's machine may have lost its power. It is removed by now.
            return await self.once(0)

    async def _there(self) -> int | None:
        """Ask how many bytes the edge keeps; ``None``: the target has the whole content."""
        fields = {"path": self._tgt, "sha256": self._source.sha256, "size": self._source.size}
        deadline_s = _GRACE_S + self._source.size / _SLOWEST_DISK_BYTES_S
        answer: Any = await self._client.invoke("partial", fields, deadline_s=deadline_s)
        self._shown = answer["path"]
        if answer["whole"]:
            return None
        received = int(answer["received"])
        return received if received <= self._source.size else 0
