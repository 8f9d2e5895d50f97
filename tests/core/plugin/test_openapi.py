"""OpenAPI, written from descriptions alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from attrs import frozen
from openapi_spec_validator import validate

from radical_edge_core.plugin import Plugin, PluginSession, operation
from radical_edge_core.plugin.openapi import merge_openapi, plugin_openapi


@frozen(kw_only=True)
class Node:
    """A node of a tree."""

    name: str
    children: tuple[Node, ...] = ()


class Session(PluginSession):
    @operation.post("plant/{sid}/{depth}", examples=[{"title": "One", "input": {"depth": 1}}])
    async def plant(self, depth: int, root: Node | None = None) -> Node:
        """Plant a tree."""
        return root or Node(name="x")

    @operation.get("watch/{sid}", stream="text")
    async def watch(self, offset: int) -> AsyncIterator[bytes]:
        """Watch it grow."""
        yield b""

    @operation.get("wood/{sid}", stream="bytes")
    async def wood(self) -> AsyncIterator[bytes]:
        """Take the wood."""
        yield b""


class Garden(Plugin):
    name = "garden"
    version = "1.0"
    session_class = Session


@pytest.fixture
async def description(serve: Callable[..., Any]) -> Any:
    return (await serve(Garden).get("/describe")).json


def with_version(description: Any, version: str) -> Any:
    return {**description, "plugin": {**description["plugin"], "version": version}}


async def test_one_plugins_document_is_valid(description: Any) -> None:
    """With the edge's name or with a parameter for it."""
    for edge in ("{edge}", "hpc1"):
        document = plugin_openapi(description, edge=edge)
        validate(json.loads(json.dumps(document)))
        entry = document["paths"][f"/{edge}/garden/plant/{{sid}}/{{depth}}"]["post"]
        assert ("edge" in [p["name"] for p in entry["parameters"]]) == (edge == "{edge}")
        assert {p["name"]: p["schema"]["type"] for p in entry["parameters"]}["depth"] == "integer"
        assert set(entry["requestBody"]["content"]["application/json"]["schema"]["properties"]) == {"root"}
    watch = document["paths"]["/hpc1/garden/watch/{sid}"]["get"]
    assert [(p["name"], p["in"], p["required"]) for p in watch["parameters"]] == [
        ("sid", "path", True),
        ("offset", "query", True),
    ]
    assert set(watch["responses"]["200"]["content"]) == {"text/plain"}
    assert watch["responses"]["default"] == {"$ref": "#/components/responses/Problem"}


async def test_many_plugins_make_one_document(description: Any) -> None:
    """One entry per plugin and version; the edges that have it are listed; the bridge's own routes stay."""
    base = {
        "info": {"title": "Bridge", "version": "9"},
        "paths": {"/healthz": {"get": {"responses": {"200": {"description": "alive"}}, "security": []}}},
        "components": {"schemas": {"Token": {"type": "object"}}},
        "tags": [{"name": "bridge"}],
    }
    merged = merge_openapi(
        base,
        [
            (with_version(description, "2.0"), ["c"]),
            (description, ["b"]),
            (with_version(description, "2.0"), ["a", "c"]),
        ],
    )
    validate(json.loads(json.dumps(merged)))
    assert merged["info"]["title"] == "Bridge"
    assert "/healthz" in merged["paths"]
    assert "Token" in merged["components"]["schemas"]
    newer = merged["paths"]["/{edge}/garden/version"]["get"]
    older = merged["paths"]["/{edge}/garden/version#1.0"]["get"]
    assert newer["parameters"][0]["schema"]["enum"] == ["a", "c"]
    assert older["parameters"][0]["schema"]["enum"] == ["b"]
    assert newer["operationId"] != older["operationId"]
    assert "garden-1.0.Node" in merged["components"]["schemas"]
    assert merged["components"]["schemas"]["garden-2.0.Node"]["properties"]["children"]["items"] == {
        "$ref": "#/components/schemas/garden-2.0.Node"
    }
    assert merge_openapi(base, [])["paths"] == base["paths"]
