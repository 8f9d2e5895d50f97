"""The document that tells everything about a plugin: ``GET /{edge}/{plugin}/describe``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from radical_edge_core.plugin.operation import Operation
from radical_edge_core.plugin.standard import options_class_of
from radical_edge_core.schema import references, schemas_for

if TYPE_CHECKING:
    from radical_edge_core.plugin.base import Plugin

CONTRACT = "radical.edge.ui/1"


def describe(
    plugin: Plugin, operations: Mapping[str, Operation], *, repeatable: bool = False
) -> dict[str, object]:
    """
    Return a plugin's description: contract ``radical.edge.ui/1``.

    Args:
        plugin: What is described.
        operations: All its operations, the standard ones too.
        repeatable: Whether the host remembers keys, so that a mutating call may be sent again with the same one.
    """
    names = list(operations)
    options = options_class_of(type(plugin))
    streams = {name for name in names if operations[name].hints.stream is not None}
    made = schemas_for(
        [*(operations[name].model for name in names), *([options] if options else [])],
        [None if name in streams else operations[name].returns for name in names],
    )
    definitions = dict(made.definitions)
    inputs = [_in_place(schema, definitions) for schema in made.inputs[: len(names)]]
    described = {
        name: _operation(operations[name], inputs[index], {} if name in streams else made.outputs[index])
        for index, name in enumerate(names)
    }
    if repeatable:
        for name in names:
            if operations[name].effect != "read" and name not in streams:
                described[name]["repeat"] = True
    session_options = made.inputs[-1] if options else None
    document: dict[str, object] = {
        "contract": CONTRACT,
        "plugin": {
            "name": plugin.name,
            "title": plugin.title or plugin.name,
            "version": plugin.version,
            "summary": plugin.summary,
            "icon": plugin.icon,
        },
        "sessions": plugin.session_class is not None,
        "session_options": session_options,
        "$defs": _used(
            definitions, [*(d["input"] for d in described.values()), *made.outputs, session_options]
        ),
        "topics": {topic: {"kind": kind} for topic, kind in plugin.topics.items()},
        "operations": described,
    }
    return document | {key: part for key, part in plugin.views().items() if key not in document}


def _operation(operation: Operation, schema: dict[str, Any], output: dict[str, Any]) -> dict[str, object]:
    hints = operation.hints
    told: dict[str, object] = {
        "title": operation.title,
        "summary": operation.summary,
        "method": operation.method,
        "path": operation.path,
        "effect": operation.effect,
    }
    if operation.retry is not None:
        told["retry"] = operation.retry
    told["input"] = schema
    told["output"] = {"type": "object"} if operation.returns is type(None) else output
    told["examples"] = [dict(example) for example in hints.examples]
    told["ui"] = dict(hints.ui or {})
    extra = {
        "result": hints.result,
        "live_topic": hints.live_topic,
        "stream": hints.stream,
        "then": hints.then,
        "confirm": hints.confirm,
        "hidden": operation.hidden or None,
    }
    return told | {key: value for key, value in extra.items() if value is not None}


def _in_place(schema: dict[str, Any], definitions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the input's own object schema: nothing else names the class that was made for it."""
    found = dict(definitions[str(schema["$ref"]).rpartition("/")[2]])
    found.pop("title", None)
    return found


def _used(definitions: Mapping[str, Any], roots: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting = sorted({name for root in roots for name in references(root)})
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = definitions[name]
            waiting.extend(references(definitions[name]))
    return dict(sorted(found.items()))
