"""Structure hooks of values made of values: lists, objects, records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableSequence, MutableSet
from collections.abc import Set as AbstractSet
from typing import Any, get_args, get_origin

from cattrs import Converter

from radical_edge_core.records import Field, fields_of
from radical_edge_core.structure.mismatch import Collector, Hook, Mismatch, wrong


def sequence_hook(target: Any, converter: Converter) -> Hook:
    """Build the hook of ``list[X]``, ``tuple[X, ...]``, ``set[X]`` and their abstract kin."""
    origin = get_origin(target) or target
    item = next(iter(get_args(target)), Any)
    make = _maker(origin)

    def structure(value: Any, _: object) -> object:
        if type(value) is not list:
            raise wrong("list", value)
        collect = Collector()
        hook = converter.get_structure_hook(item)
        made = make(collect.run(index, hook, part, item) for index, part in enumerate(value))
        collect.done()
        if len(made) != len(value):
            raise Mismatch([((), "expected items that differ from each other")])
        return made

    return structure


def fixed_tuple_hook(target: Any, converter: Converter) -> Hook:
    """Build the hook of ``tuple[X, Y]``, one type an item."""
    items = [item for item in get_args(target) if item != ()]

    def structure(value: Any, _: object) -> object:
        if type(value) is not list:
            raise wrong("list", value)
        if len(value) != len(items):
            raise Mismatch([((), f"expected {len(items)} items, got {len(value)}")])
        collect = Collector()
        made = tuple(
            collect.run(index, converter.get_structure_hook(item), part, item)
            for index, (part, item) in enumerate(zip(value, items, strict=True))
        )
        collect.done()
        return made

    return structure


def _maker(origin: Any) -> Callable[[Iterable[object]], Any]:
    """Return what makes the collection: mutable only where the type asks for it, as records are frozen."""
    if issubclass(origin, AbstractSet):
        return set if issubclass(origin, MutableSet) else frozenset
    return list if issubclass(origin, MutableSequence) else tuple


def mapping_hook(target: Any, converter: Converter) -> Hook:
    """Build the hook of ``dict[str, X]`` and ``Mapping[str, X]``."""
    key_type, item = get_args(target) or (str, Any)

    def structure(value: Any, _: object) -> object:
        if type(value) is not dict:
            raise wrong("object", value)
        collect = Collector()
        key_hook, hook = converter.get_structure_hook(key_type), converter.get_structure_hook(item)
        made = {
            collect.run(key, key_hook, key, key_type): collect.run(key, hook, part, item)
            for key, part in value.items()
        }
        collect.done()
        return made

    return structure


def record_hook(target: Any, converter: Converter) -> Hook:
    """Build the hook of an attrs class, a dataclass or a ``TypedDict``; unknown fields are problems."""
    fields = fields_of(target)
    plan: list[tuple[str, Field, Hook]] = []

    def structure(value: Any, _: object) -> object:
        if type(value) is not dict:
            raise wrong("object", value)
        if not plan:  # not before the first value, as a field may be of the record's own class
            plan.extend((n, f, converter.get_structure_hook(f.type)) for n, f in fields.items())
        collect = Collector()
        made: dict[str, object] = {}
        for name, field, hook in plan:
            if name in value:
                made[field.argument] = collect.run(name, hook, value[name], field.type)
            elif field.required:
                collect.note(name, "required field is missing")
        if not value.keys() <= fields.keys():
            for name in value:
                if name not in fields:
                    collect.note(name, "unknown field")
        collect.done()
        return target(**made)

    return structure
