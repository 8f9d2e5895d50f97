"""The structure hook of unions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from cattrs import Converter

from radical_edge_core.structure.mismatch import JSON_NAMES, Hook, Mismatch, problems_of, wrong


def union_hook(target: Any, converter: Converter) -> Hook:
    """
    Build the hook of a union: the member of exactly the value's type first, then the others in their order.

    Where no member fits, the problems are those of the only member that takes objects (or lists) at all, as
    that is what the caller meant; else the names of all members.
    """
    members = get_args(target)

    def structure(value: object, _: object) -> object:
        if value is None and type(None) in members:
            return None
        failed: list[tuple[Any, Mismatch]] = []
        for member in sorted(members, key=lambda m: m is not type(value)):
            try:
                return converter.get_structure_hook(member)(value, member)
            except RecursionError:
                raise
            except Exception as error:  # noqa: BLE001 - see Collector.run
                failed.append((member, Mismatch(problems_of(error))))
        deep = [error for _, error in failed if any(steps for steps, _ in error.problems)]
        meant = [error for member, error in failed if member is not type(None)]
        if len(deep) == 1:
            raise deep[0]
        if len(meant) == 1:
            raise meant[0]
        raise wrong(" or ".join(_type_name(member) for member in members), value)

    return structure


def _type_name(member: Any) -> str:
    while hasattr(member, "__metadata__"):
        member = member.__origin__
    origin = get_origin(member) or member
    if origin is Literal:
        return "one of " + ", ".join(repr(choice) for choice in get_args(member))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "object"
    return JSON_NAMES.get(origin, getattr(origin, "__name__", str(origin)))
