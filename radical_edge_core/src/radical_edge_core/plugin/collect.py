"""
Reading the operations of a class: every method that carries a declaration, checked, in the order of
definition.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Final, NoReturn, get_args, get_origin, get_type_hints

import attrs

from radical_edge_core.plugin.client import PluginClient
from radical_edge_core.plugin.declare import (
    EFFECTS,
    MARK,
    RETRIES,
    STREAMS,
    VERB_OF,
    Declaration,
    PluginDefinitionError,
)
from radical_edge_core.plugin.operation import Operation, Owner
from radical_edge_core.plugin.paths import parameter_of, template_segments
from radical_edge_core.plugin.text import text_problem
from radical_edge_core.schema import schemas_for

RESERVED_NAMES: Final = (
    frozenset(name for name in dir(PluginClient) if not name.startswith("_"))
    | {"description", "edge_name", "plugin_name", "sid", "transport"}
) - {"register_session", "unregister_session"}
_STREAMS_OF = (AsyncIterator, AsyncIterable)
_REFUSED_KINDS = {
    inspect.Parameter.VAR_POSITIONAL: "*{}",
    inspect.Parameter.VAR_KEYWORD: "**{}",
    inspect.Parameter.POSITIONAL_ONLY: "the positional-only {}",
}


def check(cls: type, owner: Owner) -> None:
    """
    Check what can be checked while the class is being defined: paths, effects, signatures, annotations
    present.

    Raises:
        PluginDefinitionError: A declaration is wrong.
    """
    for name, declaration, function in _declared(cls):
        _check_declaration(_label(cls, name), declaration, function, owner)


def collect(cls: type, owner: Owner) -> dict[str, Operation]:
    """
    Return the operations of a class by name, with their types resolved.

    A method that overrides a declared one keeps the declaration; ``name = None`` in a subclass takes it away.

    Raises:
        PluginDefinitionError: A declaration is wrong, or a type has no JSON form.
    """
    found = {}
    for name, declaration, function in _declared(cls):
        label = _label(cls, name)
        segments = _check_declaration(label, declaration, function, owner)
        found[name] = _operation(label, name, declaration, function, owner, segments)
    return found


def _declared(cls: type) -> Iterator[tuple[str, Declaration, Callable[..., Any]]]:
    names: dict[str, Declaration] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            declaration = getattr(getattr(value, "__func__", value), MARK, None)
            if isinstance(declaration, Declaration):
                names[name] = declaration
            elif value is None:
                names.pop(name, None)
    for name, declaration in names.items():
        if isinstance(inspect.getattr_static(cls, name), (staticmethod, classmethod)):
            _refuse(_label(cls, name), "an operation is an ordinary method, with self")
        yield name, declaration, getattr(cls, name)


def _check_declaration(
    label: str, declaration: Declaration, function: Callable[..., Any], owner: Owner
) -> tuple[str, ...]:
    segments = template_segments(declaration.path)
    if segments is None:
        _refuse(label, f"the path {declaration.path!r} is no template; write it as status/{{sid}}/{{job_id}}")
    names = [name for segment in segments if (name := parameter_of(segment))]
    if len(set(names)) != len(names):
        _refuse(label, f"the path {declaration.path!r} names a parameter twice")
    if owner == "session" and "sid" not in names:
        _refuse(label, f"the path {declaration.path!r} of a session's operation must hold {{sid}}")
    if owner == "plugin" and "sid" in names:
        _refuse(label, "a path with {sid} belongs on a method of the PluginSession")
    if segments == ("describe",):
        _refuse(label, "the path 'describe' is that of the plugin's description")
    _check_words(label, declaration)
    _check_signature(label, function, {*names} - ({"sid"} if owner == "session" else set()), owner)
    return segments


def _check_words(label: str, declaration: Declaration) -> None:
    if declaration.effect not in EFFECTS:
        _refuse(label, f"the effect {declaration.effect!r} is none of {', '.join(EFFECTS)}")
    if declaration.retry is not None and declaration.retry not in RETRIES:
        _refuse(label, f"retry={declaration.retry!r} is none of {', '.join(RETRIES)}")
    if declaration.method == "GET" and declaration.effect != "read":
        _refuse(label, "a GET only reads; declare what changes something with post")
    if declaration.retry is not None and declaration.effect == "read":
        _refuse(label, "retry is for operations that change something; this one's effect is read")
    stream = declaration.hints.stream
    if stream is not None and stream not in STREAMS:
        _refuse(label, f"stream={stream!r} is none of {', '.join(STREAMS)}")


def _check_signature(label: str, function: Callable[..., Any], in_path: set[str], owner: Owner) -> None:
    name = label.rpartition(".")[2]
    if name.startswith("_") or name in RESERVED_NAMES:
        _refuse(label, f"no operation can be called {name!r}; clients have that name for something else")
    if not inspect.isroutine(function):
        _refuse(label, "only a method can be an operation")
    signature = inspect.signature(function)
    parameters = dict(list(signature.parameters.items())[1:])
    for name, parameter in parameters.items():
        if parameter.kind in _REFUSED_KINDS and owner != "standard":
            what = _REFUSED_KINDS[parameter.kind].format(name)
            _refuse(label, f"takes {what}; name every parameter, so that it can be described")
        if parameter.annotation is parameter.empty:
            _refuse(label, f"the parameter {name!r} has no annotation")
    if missing := in_path - parameters.keys():
        _refuse(label, f"the path names {', '.join(sorted(missing))}, which the method does not take")
    if owner == "session" and "sid" in parameters:
        _refuse(label, "the session is self; the method takes no sid")
    if signature.return_annotation is inspect.Signature.empty:
        _refuse(label, "the return type has no annotation; write -> None where there is no answer")


def _operation(
    label: str,
    name: str,
    declaration: Declaration,
    function: Callable[..., Any],
    owner: Owner,
    segments: tuple[str, ...],
) -> Operation:
    try:
        hints = get_type_hints(inspect.unwrap(function), include_extras=True)
    except Exception as error:  # noqa: BLE001 - evaluating an annotation can raise anything
        _refuse(label, f"an annotation can't be resolved: {error}")
    parameters = dict(list(inspect.signature(function).parameters.items())[1:])
    in_path = [found for segment in segments if (found := parameter_of(segment))]
    path_types = {found: hints.get(found, str) for found in in_path}
    query_types = {
        found: hints[found] for found in parameters if declaration.method == "GET" and found not in path_types
    }
    for found, target in {**path_types, **query_types}.items():
        if problem := text_problem(target, many=found in query_types):
            _refuse(label, f"the parameter {found!r} comes from the URL and {problem}")
    streams = get_origin(hints["return"]) in _STREAMS_OF and get_args(hints["return"]) == (bytes,)
    if streams != (declaration.hints.stream is not None):
        _refuse(label, "stream= and the return type AsyncIterator[bytes] go together")
    model = _model(label, name, parameters, hints)
    _check_types(label, model, None if streams else hints["return"])
    effect = declaration.effect
    return Operation(
        name=name,
        owner=owner,
        method=declaration.method,
        path=declaration.path,
        segments=segments,
        effect=effect,
        verb=declaration.verb or VERB_OF[effect],
        retry=None if effect == "read" else declaration.retry or "never",
        hints=declaration.hints,
        summary=_summary(function),
        model=model,
        path_parameters=tuple((i, found) for i, s in enumerate(segments) if (found := parameter_of(s))),
        path_types=path_types,
        query_types=query_types,
        returns=hints["return"],
        is_async=_is_async(function) or _is_async(inspect.unwrap(function)),
        hidden=declaration.hidden,
    )


def _model(
    label: str, name: str, parameters: Mapping[str, inspect.Parameter], hints: Mapping[str, Any]
) -> type[Any]:
    fields = {
        found: attrs.field(
            type=hints[found],
            default=attrs.NOTHING if parameter.default is parameter.empty else parameter.default,
            alias=found,
        )
        for found, parameter in parameters.items()
        if found != "sid" and parameter.kind is not parameter.VAR_KEYWORD
    }
    try:
        model = attrs.make_class(_camel(name) + "Input", fields, frozen=True, kw_only=True)
    except (TypeError, ValueError) as error:
        _refuse(label, str(error))
    model.__doc__ = None
    return model


def _check_types(label: str, model: type[Any], returns: Any) -> None:
    try:
        schemas_for([model], [returns])
    except Exception as error:  # noqa: BLE001 - reading a model's annotations can raise anything
        text = str(error).rpartition("\n")[2]
        _refuse(label, f"a type has no JSON form: {text}")


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _summary(function: Callable[..., Any]) -> str:
    paragraph = inspect.cleandoc(function.__doc__ or "").partition("\n\n")[0]
    return " ".join(paragraph.split())


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _label(cls: type, name: str) -> str:
    return f"{cls.__module__}.{cls.__qualname__}.{name}"


def _refuse(label: str, why: str) -> NoReturn:
    raise PluginDefinitionError(f"{label}: {why}")
