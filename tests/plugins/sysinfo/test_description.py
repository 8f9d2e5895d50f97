"""What the plugin says of itself, and the client that is made from it."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from radical_edge_sysinfo.client import SysinfoClient, client_plugin


class Carrier:
    """A transport over the application under test."""

    def __init__(self, host: Any) -> None:
        self._host = host

    async def request(self, method: str, path: str, **parts: Any) -> Any:
        return await self._host.carry(method, path, **parts)


def resolve(schema: dict[str, Any], pointer: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Follow a JSON Pointer through a schema; an array is entered by itself."""
    for step in pointer.strip("/").split("/"):
        schema = plain(schema, definitions)
        schema = schema["properties"][step]
    return plain(schema, definitions)


def plain(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Undo references and ``X or null``."""
    while "$ref" in schema or "anyOf" in schema:
        if "$ref" in schema:
            schema = definitions[schema["$ref"].rpartition("/")[2]]
        else:
            schema = next(part for part in schema["anyOf"] if part.get("type") != "null")
    return schema


async def test_every_pointer_of_the_views_resolves(host) -> None:
    """Fields, labels and parts that the portal shows are in the answers and events."""
    async with host() as h:
        document = (await h.request("GET", "describe")).json
    definitions, operations = document["$defs"], document["operations"]
    metrics = operations["get_metrics"]["output"]
    assert document["contract"] == "radical.edge.ui/1"
    assert document["topics"] == {"metrics": {"kind": "ephemeral"}}
    seen = 0
    for view in document["views"]:
        base = operations[view["operation"]]["output"] if "operation" in view else metrics
        if "stream" in view:
            assert (
                resolve(metrics, document["streams"][view["stream"]]["time"], definitions)["type"] == "number"
            )
        if "each" in view:
            base = plain(resolve(base, view["each"], definitions)["items"], definitions)
        pointers = [view[name] for name in ("used", "of") if name in view]
        pointers += [series["field"] for series in view.get("series", [])]
        for pointer in pointers:
            assert resolve(base, pointer, definitions)["type"] in {"number", "integer"}
            seen += 1
        labels = [series["label"] for series in view.get("series", []) if series["label"].startswith("/")]
        for pointer in [*labels, *([view["label"]] if "label" in view else [])]:
            assert resolve(base, pointer, definitions)["type"] == "string"
    assert seen >= 8
    assert len({view["id"] for view in document["views"]}) == len(document["views"])


async def test_the_operations_are_the_contract_s(host) -> None:
    """Names, methods and paths."""
    async with host() as h:
        operations = (await h.request("GET", "describe")).json["operations"]
    told = {
        name: (operation["method"], operation["path"], operation["effect"])
        for name, operation in operations.items()
        if not operation.get("hidden")
    }
    assert told == {
        "homedir": ("GET", "homedir", "read"),
        "host_role": ("GET", "host_role", "read"),
        "history": ("GET", "history", "read"),
        "get_metrics": ("GET", "metrics/{sid}", "read"),
        "set_interval": ("POST", "interval/{sid}", "write"),
    }


async def test_the_client_answers_with_plain_values(host) -> None:
    """A string for the home directory, dicts for the rest; two methods need no session."""
    async with host() as h:
        document = (await h.request("GET", "describe")).json
        client = client_plugin(document, Carrier(h), "here")
        assert isinstance(client, SysinfoClient)
        assert await client.homedir() == str(Path.home())
        assert set(await client.host_role()) == {"role", "scheduler", "job_id"}
        with pytest.raises(RuntimeError, match="No active session"):
            await client.get_metrics()
        await client.register_session()
        assert (await client.get_metrics())["memory"]["total"] > 0
        assert await client.set_interval(interval_s=3.0) == {"interval_s": 3.0}
        await client.close()


def test_the_client_leaves_other_plugins_alone() -> None:
    """Its hook answers for its own plugin only."""
    assert client_plugin({"plugin": {"name": "psij"}, "operations": {}}, None, "here") is None


def test_the_entry_points_load() -> None:
    """Both names lead to hook implementations."""
    for group, hook in [("radical_edge.plugins", "edge_plugin"), ("radical_edge.clients", "client_plugin")]:
        (entry,) = entry_points(group=group, name="sysinfo")
        assert callable(getattr(entry.load(), hook))
