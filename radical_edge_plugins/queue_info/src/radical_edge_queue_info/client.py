"""The caller's side of ``queue_info``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radical_edge_core.hooks import hookimpl
from radical_edge_core.plugin import PluginClient, Transport


class QueueInfoClient(PluginClient):
    """
    Client of ``queue_info``; what is not named here is generated from the edge's description.

    ``user`` is a name, ``"*"`` for everybody, or ``None`` for the edge's own user; ``force`` asks the scheduler
    anew, within its bounds. Lists carry ``as_of`` and, where the scheduler could not be asked since,
    ``unknown_since`` and ``problem``.
    """

    async def backend(self) -> str:
        """Return which scheduler the edge has: ``slurm``, ``pbs``, ``lsf`` or ``none``; needs no session."""
        answer: Any = await self.call("backend")
        return str(answer["backend"])

    async def job_allocation(self) -> dict[str, Any] | None:
        """Return the batch job that the edge runs in, ``None`` outside of one; needs no session."""
        answer: Any = await self.call("job_allocation")
        allocation = answer["allocation"]
        return None if allocation is None else dict(allocation)

    async def get_info(self, user: str | None = None, force: bool = False) -> dict[str, Any]:
        """Return ``{"queues": {name: queue}}``."""
        return await self._list("get_info", user=user, force=force)

    async def list_jobs(self, queue: str, user: str | None = None, force: bool = False) -> dict[str, Any]:
        """Return ``{"jobs": [job]}``: those in one queue that are not over."""
        return await self._list("list_jobs", queue=queue, user=user, force=force)

    async def list_all_jobs(self, user: str | None = None, force: bool = False) -> dict[str, Any]:
        """Return ``{"jobs": [job]}``: those in all queues that are not over."""
        return await self._list("list_all_jobs", user=user, force=force)

    async def list_allocations(self, user: str | None = None, force: bool = False) -> dict[str, Any]:
        """Return ``{"allocations": [allocation]}``."""
        return await self._list("list_allocations", user=user, force=force)

    async def cancel_job(self, job_id: str | int) -> dict[str, Any]:
        """End a job, with the rights of the edge's user; return ``{"job_id", "status": "canceled"}``."""
        return await self._list("cancel_job", job_id=str(job_id))

    async def _list(self, operation_name: str, **fields: object) -> dict[str, Any]:
        answer: Any = await self.call(operation_name, **fields)
        return dict(answer)


@hookimpl
def client_plugin(description: Mapping[str, Any], transport: Transport, edge: str) -> PluginClient | None:
    """Offer the client for the plugin of this distribution."""
    return (
        QueueInfoClient(transport, description, edge)
        if description["plugin"]["name"] == "queue_info"
        else None
    )
