"""
The boundary between JSON values and typed Python values.

One converter is built per plugin, so that a plugin may add hooks for types of its own. ``parse`` reports
every problem of a body at once; ``loads`` and ``dumps`` are the way from and to bytes.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from enum import Enum
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from cattrs import Converter

from radical_edge_core import structure
from radical_edge_core.codec import dumps, loads
from radical_edge_core.errors import InvalidRequest
from radical_edge_core.records import is_record

__all__ = ["build_converter", "dumps", "loads", "parse", "path_text", "told"]

T = TypeVar("T")


def build_converter() -> Converter:
    """Return a new converter with the strict hooks of ``structure``; register others on top."""
    converter = Converter(forbid_extra_keys=True)
    hook = converter.register_structure_hook
    for plain in (int, str, bool, type(None)):
        hook(plain, structure.exactly)
    hook(float, structure.as_float)
    hook(bytes, structure.as_bytes)
    hook(datetime, structure.as_datetime)

    factory = converter.register_structure_hook_factory
    factory(lambda t: t is Any or t is object)(_passed_through)
    factory(lambda t: t is None)(lambda _target, _converter: _null)
    factory(is_record)(structure.record_hook)
    factory(_is_sequence)(structure.sequence_hook)
    factory(_is_fixed_tuple)(structure.fixed_tuple_hook)
    factory(_is_mapping)(structure.mapping_hook)
    factory(lambda t: get_origin(t) in {Union, types.UnionType})(structure.union_hook)
    factory(_is_choice)(lambda _target, _converter: structure.as_choice)
    factory(lambda t: hasattr(t, "__metadata__"))(structure.annotated_hook)
    return converter


def parse(payload: object, model: type[T], converter: Converter) -> T:
    """
    Make a ``model`` of a decoded body.

    Raises:
        InvalidRequest: It does not fit; ``problems`` names every field that is wrong, with its path.
    """
    try:
        made: T = converter.get_structure_hook(model)(payload, model)
        return made
    except RecursionError:
        raise InvalidRequest("the body is nested too deeply") from None
    except (ValueError, TypeError) as error:  # a mismatch, or what a model's own validator raised
        problems = structure.problems_of(error)
    found = [
        {"path": path_text(steps)[:256], "message": message[:512]}
        for steps, message in problems[: structure.MAX_PROBLEMS]
    ]
    raise InvalidRequest(told(found), problems=found)


def told(problems: Sequence[Mapping[str, str]]) -> str:
    """Write problems as one sentence; the first ten, as a sentence has its bounds."""
    text = "; ".join(f"{problem['path']}: {problem['message']}" for problem in problems[:10])
    return text if len(problems) <= 10 else f"{text}; and {len(problems) - 10} more"


def path_text(steps: Sequence[str | int]) -> str:
    """
    Write a path below the body: ``$.jobs[0].walltime_s``.

    A name that is no identifier is quoted: ``$["odd key"]``.
    """
    text = "$"
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.isidentifier():
            text += f".{step}"
        else:
            text += "[" + dumps(step).decode() + "]"
    return text


def _null(value: object, _: object) -> object:
    return structure.exactly(value, type(None))


def _passed_through(_target: object, _converter: Converter) -> structure.Hook:
    return lambda value, _: value


def _is_sequence(target: object) -> bool:
    origin = get_origin(target) or target
    return (
        isinstance(origin, type)
        and not issubclass(origin, (str, bytes))
        and issubclass(origin, (Sequence, AbstractSet))
        and not hasattr(origin, "_fields")
    )


def _is_fixed_tuple(target: object) -> bool:
    args = get_args(target)
    return get_origin(target) is tuple and args[1:] != (Ellipsis,)


def _is_mapping(target: object) -> bool:
    origin = get_origin(target) or target
    return isinstance(origin, type) and issubclass(origin, Mapping) and not is_record(origin)


def _is_choice(target: object) -> bool:
    return get_origin(target) is Literal or (isinstance(target, type) and issubclass(target, Enum))
