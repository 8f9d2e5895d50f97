"""OpenAPI 3.1 from descriptions alone, so that the bridge can write it for plugins of its edges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

OPENAPI: Final = "3.1.0"
_PARAMETER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "error": {"const": True},
        "status_code": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "transient": {"type": "boolean"},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
                "required": ["path", "message"],
            },
        },
    },
    "required": ["error", "status_code", "code", "detail", "transient"],
}
_COMPONENTS: Final[dict[str, Any]] = {
    "schemas": {"Problem": _PROBLEM},
    "responses": {
        "Problem": {
            "description": "What went wrong.",
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    },
    "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
}


def plugin_openapi(description: Mapping[str, Any], edge: str = "{edge}") -> dict[str, Any]:
    """
    Return the OpenAPI document of one plugin.

    Args:
        description: What ``describe`` answers.
        edge: The edge's name, for its own document; ``{edge}`` makes it a parameter.
    """
    plugin = description["plugin"]
    info = {"title": plugin["title"] or plugin["name"], "version": plugin["version"]}
    if plugin.get("summary"):
        info["description"] = plugin["summary"]
    document = _empty(info)
    _add(document, description, edge=edge, edges=(), suffix="")
    return document


def merge_openapi(
    base: Mapping[str, Any], plugins: Iterable[tuple[Mapping[str, Any], Sequence[str]]]
) -> dict[str, Any]:
    """
    Return one document of a bridge's own routes and of the plugins behind it.

    There is one entry per plugin and version, with an ``{edge}`` parameter that lists the edges which have
    it. Where a plugin is there in several versions, the paths of all but the first carry ``#<version>``: the
    document needs distinct keys, and no client sends a fragment.

    Args:
        base: A document with ``info`` and the bridge's own ``paths``; its components are kept.
        plugins: Descriptions and the names of the edges that gave them, in the order they are to appear in.
    """
    document = _empty(dict(base.get("info", {"title": "Radical Edge", "version": "0"})))
    document["paths"].update(base.get("paths", {}))
    for kind, parts in base.get("components", {}).items():
        document["components"].setdefault(kind, {}).update(parts)
    for key in ("servers", "tags"):
        if key in base:
            document[key] = list(base[key])
    merged: dict[tuple[str, str], tuple[Mapping[str, Any], list[str]]] = {}
    for description, edges in plugins:
        identity = (description["plugin"]["name"], description["plugin"]["version"])
        merged.setdefault(identity, (description, []))[1].extend(edges)
    seen: set[str] = set()
    for (name, version), (description, edges) in merged.items():
        suffix = f"#{version}" if name in seen else ""
        seen.add(name)
        _add(document, description, edge="{edge}", edges=sorted(set(edges)), suffix=suffix)
    return document


def _empty(info: dict[str, Any]) -> dict[str, Any]:
    return {
        "openapi": OPENAPI,
        "info": info,
        "security": [{"bearer": []}],
        "paths": {},
        "components": {kind: dict(parts) for kind, parts in _COMPONENTS.items()},
        "tags": [],
    }


def _add(
    document: dict[str, Any], description: Mapping[str, Any], *, edge: str, edges: Sequence[str], suffix: str
) -> None:
    plugin = description["plugin"]
    prefix = _component_name(plugin["name"], plugin["version"])
    tag = f"{plugin['name']} {plugin['version']}"
    document["tags"].append({"name": tag, "description": plugin.get("summary") or plugin["title"]})
    schemas = document["components"]["schemas"]
    for name, schema in description.get("$defs", {}).items():
        schemas[f"{prefix}.{_component_name(name)}"] = _renamed(schema, prefix)
    for name, operation in description["operations"].items():
        path = f"/{edge}/{plugin['name']}/{operation['path']}{suffix}"
        entry = _entry(operation, path, prefix, edges)
        entry["operationId"] = f"{prefix}.{name}"
        entry["tags"] = [tag]
        document["paths"].setdefault(path, {})[operation["method"].lower()] = entry


def _entry(operation: Mapping[str, Any], path: str, prefix: str, edges: Sequence[str]) -> dict[str, Any]:
    schema = _renamed(operation["input"], prefix)
    properties, required = schema.get("properties", {}), schema.get("required", [])
    in_path = _PARAMETER.findall(path)
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(name, properties, edges)}
        for name in in_path
    ]
    entry: dict[str, Any] = {"summary": operation["title"], "parameters": parameters}
    if operation.get("summary"):
        entry["description"] = operation["summary"]
    if operation["method"] == "GET":
        parameters.extend(
            {"name": name, "in": "query", "required": name in required, "schema": properties[name]}
            for name in properties
            if name not in in_path
        )
    else:
        body = {**schema, "properties": {k: v for k, v in properties.items() if k not in in_path}}
        needed = [name for name in required if name not in in_path]
        body.pop("required", None)
        if needed:
            body["required"] = needed
        content: dict[str, Any] = {"schema": body}
        if operation.get("examples"):
            content["examples"] = {
                str(index): {"summary": example.get("title", ""), "value": example.get("input", {})}
                for index, example in enumerate(operation["examples"])
            }
        entry["requestBody"] = {"required": bool(needed), "content": {"application/json": content}}
    entry["responses"] = {
        "200": {"description": "Done.", "content": _answer(operation, prefix)},
        "default": {"$ref": "#/components/responses/Problem"},
    }
    return entry


def _answer(operation: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    stream = operation.get("stream")
    if stream == "text":
        return {"text/plain": {"schema": {"type": "string"}}}
    if stream is not None:
        return {"application/octet-stream": {}}
    return {"application/json": {"schema": _renamed(operation["output"], prefix)}}


def _path_schema(name: str, properties: Mapping[str, Any], edges: Sequence[str]) -> dict[str, Any]:
    if name == "edge" and edges:
        return {"type": "string", "enum": list(edges)}
    found = properties.get(name, {"type": "string"})
    return dict(found)


def _renamed(schema: Any, prefix: str) -> Any:
    """Copy a schema; its references to ``$defs`` become references to the document's components."""
    if isinstance(schema, Mapping):
        return {
            key: f"#/components/schemas/{prefix}.{_component_name(value.removeprefix('#/$defs/'))}"
            if key == "$ref" and isinstance(value, str)
            else _renamed(value, prefix)
            for key, value in schema.items()
        }
    if isinstance(schema, (list, tuple)):
        return [_renamed(item, prefix) for item in schema]
    return schema


def _component_name(*parts: str) -> str:
    return "-".join(re.sub(r"[^A-Za-z0-9._-]", "_", part) for part in parts)
