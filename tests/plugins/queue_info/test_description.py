"""What the plugin says of itself, and the client that is made from it."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import pytest

from radical_edge_core.errors import from_problem
from radical_edge_queue_info.client import QueueInfoClient, client_plugin


class Carrier:
    """A transport over the application under test."""

    def __init__(self, host: Any) -> None:
        self._host = host

    async def request(
        self, method: str, path: str, *, json: object = None, params: Any = None, **_: object
    ) -> Any:
        answer = await self._host.request(method, *path.split("/")[3:], body=json, **(params or {}))
        if answer.status != 200:
            raise from_problem(answer.json, answer.status)
        return answer.json


async def test_the_operations_are_the_contract_s(host) -> None:
    """Names, methods, paths and effects."""
    async with host(scheduler="none") as h:
        operations = (await h.get("describe"))["operations"]
    told = {
        name: (operation["method"], operation["path"], operation["effect"])
        for name, operation in operations.items()
        if not operation.get("hidden")
    }
    assert told == {
        "is_enabled": ("GET", "is_enabled", "read"),
        "backend": ("GET", "backend", "read"),
        "job_allocation": ("GET", "job_allocation", "read"),
        "get_info": ("GET", "get_info/{sid}", "read"),
        "list_queues": ("GET", "list_queues/{sid}", "read"),
        "list_jobs": ("GET", "list_jobs/{sid}/{queue}", "read"),
        "list_all_jobs": ("GET", "list_all_jobs/{sid}", "read"),
        "list_allocations": ("GET", "list_allocations/{sid}", "read"),
        "nodes": ("GET", "nodes/{sid}", "read"),
        "reservations": ("GET", "reservations/{sid}", "read"),
        "cancel_job": ("POST", "cancel/{sid}/{job_id}", "destructive"),
    }


def plain(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Undo references and ``X or null``."""
    while "$ref" in schema or "anyOf" in schema:
        if "$ref" in schema:
            schema = definitions[schema["$ref"].rpartition("/")[2]]
        else:
            schema = next(part for part in schema["anyOf"] if part.get("type") != "null")
    return schema


def resolve(schema: dict[str, Any], pointer: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Follow a JSON Pointer through a schema."""
    for step in pointer.strip("/").split("/"):
        schema = plain(schema, definitions)["properties"][step]
    return plain(schema, definitions)


async def test_every_pointer_of_the_views_resolves(host) -> None:
    """Whatever the portal is to show is in the answers; whatever it is to call is an operation."""
    async with host(scheduler="none") as h:
        document = await h.get("describe")
    definitions, operations = document["$defs"], document["operations"]
    items = {}
    for name, resource in document["resources"].items():
        answer = operations[resource["list"]]["output"]
        items[name] = plain(resolve(answer, resource["items"], definitions)["items"], definitions)
        pointers = [resource["key"], *[resource[part] for part in ("label", "reason") if part in resource]]
        pointers += [each["field"] for each in resource.get("timeline", [])]
        pointers += [resource["state"]["field"]] if "state" in resource else []
        for action in resource.get("actions", []):
            assert action["operation"] in operations
            pointers += [*action["args"].values(), action["when"]["field"]]
        for pointer in pointers:
            assert resolve(items[name], pointer, definitions)
    seen = 0
    for view in document["views"]:
        if "operation" in view:
            assert operations[view["operation"]]["effect"] == "read"
        base = items.get(view.get("resource"))
        if view["kind"] == "gauge":
            base = plain(
                resolve(operations[view["operation"]]["output"], view["each"], definitions)["items"],
                definitions,
            )
            for pointer in (view["used"], view["of"]):
                assert resolve(base, pointer, definitions)["type"] == "integer"
            assert resolve(base, view["label"], definitions)["type"] == "string"
        for column in (*view.get("columns", ()), *view.get("details", ())):
            assert resolve(base, column["field"], definitions)
            seen += 1
    assert seen > 40
    assert len({view["id"] for view in document["views"]}) == len(document["views"])


@pytest.mark.usefixtures("busy_slurm")
async def test_the_client_answers_as_the_contract_says(host) -> None:
    """A string, a dict or None, and the documents; three methods need no session."""
    async with host() as h:
        client = client_plugin(await h.get("describe"), Carrier(h), "here")
        assert isinstance(client, QueueInfoClient)
        assert await client.backend() == "slurm"
        assert await client.job_allocation() is None
        assert await client.is_enabled() == {"available": True}
        for call in (
            client.get_info(),
            client.list_all_jobs(),
            client.list_jobs("debug"),
            client.cancel_job("6"),
        ):
            with pytest.raises(RuntimeError, match="No active session"):
                await call
        await client.register_session()
        assert set((await client.get_info(user=None, force=True))["queues"]) == {
            "debug",
            "batch",
            "gpu",
            "restricted",
        }
        assert len((await client.list_jobs("debug", user="*"))["jobs"]) == 12
        assert len((await client.list_all_jobs("*", False))["jobs"]) == 25
        assert (await client.list_allocations(user="root"))["allocations"][0]["account"] == "physics"
        assert await client.cancel_job(6) == {"job_id": "6", "status": "canceled"}
        assert (await client.reservations())["reservations"] == []
        await client.close()


def test_the_client_leaves_other_plugins_alone() -> None:
    """Its hook answers for its own plugin only."""
    assert client_plugin({"plugin": {"name": "sysinfo"}, "operations": {}}, None, "here") is None


def test_the_entry_points_load() -> None:
    """Both names lead to hook implementations."""
    for group, hook in [("radical_edge.plugins", "edge_plugin"), ("radical_edge.clients", "client_plugin")]:
        (entry,) = entry_points(group=group, name="queue_info")
        assert callable(getattr(entry.load(), hook))


@pytest.mark.parametrize("config", [{"min_interval_s": 1}, {"scheduler": "sge"}, {"patience": 1}])
async def test_settings_that_do_not_fit_are_refused(host, config) -> None:
    """No interval below the collector's bound, no unknown scheduler, no unknown key."""
    with pytest.raises((AssertionError, KeyError)):
        async with host(**config):
            pass
