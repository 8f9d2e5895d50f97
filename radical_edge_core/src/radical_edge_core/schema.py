"""
JSON Schema 2020-12 from Python types: the other half of the converter.

What a schema made here accepts the converter accepts, and the reverse; a property test holds them together.
The exceptions are what JSON Schema has no word for: base64, and ``1.0``, which is no ``int`` to the
converter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from attrs import frozen

REF_TEMPLATE = "#/$defs/{name}"
_ANYTHING = "x-anything"


@frozen(kw_only=True)
class Schemas:
    """
    The schemas of some types, in their order, and the definitions that they share.

    Attributes:
        inputs: One schema an input type; its objects are closed (``additionalProperties: false``).
        outputs: One schema an output type; a newer edge may add fields to these.
        definitions: What ``$ref`` names.
    """

    inputs: Sequence[dict[str, Any]]
    outputs: Sequence[dict[str, Any]]
    definitions: dict[str, dict[str, Any]]


def schemas_for(inputs: Sequence[Any], outputs: Sequence[Any]) -> Schemas:
    """
    Return the schemas of input and output types.

    A definition that an input reaches is closed, also where an output uses it too.

    Raises:
        TypeError: A type has no JSON Schema; the text names it.
    """
    made, definitions = msgspec.json.schema_components(
        [*inputs, *outputs], ref_template=REF_TEMPLATE, schema_hook=_schema_hook
    )
    first = [_tidy(schema) for schema in made[: len(inputs)]]
    rest = [_tidy(schema) for schema in made[len(inputs) :]]
    definitions = {name: _tidy(schema) for name, schema in definitions.items()}
    for schema in first:
        _close(schema)
    for name in _reachable(first, definitions):
        _close(definitions[name])
    return Schemas(inputs=first, outputs=rest, definitions=definitions)


def json_schema(model: Any) -> dict[str, Any]:
    """Return the closed schema of one type as a document of its own."""
    made = schemas_for([model], [])
    return {**made.inputs[0], "$defs": made.definitions} if made.definitions else dict(made.inputs[0])


def references(schema: object) -> set[str]:
    """Return the names of the definitions that a schema names directly."""
    return {ref.rpartition("/")[2] for node in _nodes(schema) if isinstance(ref := node.get("$ref"), str)}


def _schema_hook(target: type) -> dict[str, Any]:
    if target is object:
        return {_ANYTHING: True}
    raise NotImplementedError  # msgspec's word for: nothing is known of this type, so refuse it


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    for node in _nodes(schema):
        node.pop(_ANYTHING, None)
        if not node.get("required", True):
            del node["required"]
    return schema


def _close(schema: dict[str, Any]) -> None:
    for node in _nodes(schema):
        if node.get("type") == "object" and "properties" in node:
            node["additionalProperties"] = False


def _reachable(roots: Iterable[object], definitions: dict[str, dict[str, Any]]) -> set[str]:
    found: set[str] = set()
    waiting = [name for root in roots for name in references(root)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(references(definitions[name]))
    return found


def _nodes(schema: object) -> Iterable[dict[str, Any]]:
    """Walk a schema's own nodes; what stands below ``default``, ``enum`` and ``examples`` is data."""
    if isinstance(schema, dict):
        yield schema
        for key, value in schema.items():
            if key in {"properties", "$defs", "patternProperties"}:
                for child in value.values():
                    yield from _nodes(child)
            elif key not in {"default", "enum", "const", "examples", "required"}:
                yield from _nodes(value)
    elif isinstance(schema, list):
        for child in schema:
            yield from _nodes(child)
