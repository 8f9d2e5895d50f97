"""What callers get beside the generated methods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from radical_edge_core.errors import EdgeError
from radical_edge_core.hooks import hookimpl
from radical_edge_core.plugin import PluginClient, Transport

_FINAL = frozenset({"COMPLETED", "FAILED", "CANCELED"})
_LOOK_S = 5.0
_RETRIES = 10


class PsijClient(PluginClient):
    """
    The generated methods (``submit_job``, ``get_job_status``, ``list_jobs``, ``cancel_job``, ...), and two
    more.

    ``follow_output`` continues where a broken connection left off.
    """

    async def wait(self, job_id: str, timeout: float | None = None) -> Any:
        """
        Wait until a job is over and return its status; an event that is missed delays this by a few seconds.

        Raises:
            TimeoutError: It was not over in time.
        """
        loop = asyncio.get_running_loop()
        told = asyncio.Event()

        def hear(_edge: str, _plugin: str, _topic: str, data: object) -> None:
            if isinstance(data, Mapping) and data.get("job_id") == job_id and data.get("state") in _FINAL:
                loop.call_soon_threadsafe(told.set)

        self.register_notification_callback(hear, topic="job_status")
        try:
            async with asyncio.timeout(timeout):
                while True:
                    status: Any = await self.call("get_job_status", job_id=job_id)
                    if status["state"] in _FINAL:
                        return status
                    told.clear()
                    try:
                        async with asyncio.timeout(_LOOK_S):
                            await told.wait()
                    except TimeoutError:
                        continue
        finally:
            self.unregister_notification_callback(hear, topic="job_status")

    async def follow_output(
        self, job_id: str, stream: str = "stdout", offset: int = 0
    ) -> AsyncIterator[bytes]:
        """Yield what a job writes, from an offset on, until it is over; interruptions are bridged, byte by byte."""
        failures = 0
        while True:
            try:
                async with self.stream(
                    "output", job_id=job_id, stream=stream, offset=offset, follow=True
                ) as answer:
                    async for chunk in answer.iter_chunks():
                        offset += len(chunk)
                        failures = 0
                        yield chunk
                return
            except EdgeError as error:
                failures += 1
                if not error.transient or failures > _RETRIES:
                    raise
                await asyncio.sleep(min(0.2 * 2**failures, 10.0))


@hookimpl
def client_plugin(description: Mapping[str, Any], transport: Transport, edge: str) -> PluginClient | None:
    """Offer the client of the plugin to callers."""
    return PsijClient(transport, description, edge) if description["plugin"]["name"] == "psij" else None
