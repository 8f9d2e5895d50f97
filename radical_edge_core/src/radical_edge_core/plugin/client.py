"""
The caller's side of a plugin, made from its description.

``client.list_jobs(queue="debug")`` exists because the edge's own ``describe`` names it, with its parameters
and its documentation. A subclass adds or replaces methods; it calls the generated ones through ``call``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from enum import Enum
from typing import Any, Final, Union

from radical_edge_core.errors import NotFound
from radical_edge_core.plugin.paths import parameter_of, quote_segment
from radical_edge_core.plugin.transport import Callback, StreamedResponse, Transport

_PYTHON_TYPES: Final[Mapping[str, Any]] = {
    "integer": int,
    "number": float,
    "string": str,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": None,
}


class PluginClient:
    """
    One plugin of one edge, as a caller sees it.

    Attributes:
        transport: What carries the calls.
        description: What the edge's ``describe`` said.
        edge_name: The edge.
        plugin_name: The plugin's public name there.
        sid: The session that calls go to; ``None`` until ``register_session``.
    """

    def __init__(self, transport: Transport, description: Mapping[str, Any], edge: str) -> None:
        self.transport = transport
        self.description = description
        self.edge_name = edge
        self.plugin_name: str = description["plugin"]["name"]
        self.sid: str | None = None
        self._named = False

    async def call(self, operation_name: str, /, **fields: object) -> object:
        """
        Call an operation by name and return the decoded answer.

        Raises:
            TypeError: A field that the edge's description does not name, as for any Python function.
            RuntimeError: The operation needs a session and there is none.
            EdgeError: What the edge or the bridge answered.
        """
        return await self.invoke(operation_name, fields)

    async def invoke(
        self, operation_name: str, fields: Mapping[str, object], *, deadline_s: float | None = None
    ) -> object:
        """Do as ``call`` does, with a deadline of the caller's own."""
        method = self._operation(operation_name)["method"]
        request = self._request(operation_name, fields)
        return await self.transport.request(method, **request, deadline_s=deadline_s)

    def stream(
        self, operation_name: str, /, **fields: object
    ) -> AbstractAsyncContextManager[StreamedResponse]:
        """Call an operation whose answer is a byte stream, read inside ``async with``."""
        method = self._operation(operation_name)["method"]
        return self.transport.stream(method, **self._request(operation_name, fields))

    def supports(self, operation_name: str, field: str | None = None) -> bool:
        """Say whether the edge has an operation (and, in it, a field): older edges have fewer."""
        operation = self.description["operations"].get(operation_name)
        return operation is not None and (field is None or field in operation["input"].get("properties", {}))

    async def register_session(self, **kwargs: object) -> Any:
        """
        Open a session for the operations that need one (``name=``: a named one) and return what the edge
        said.
        """
        answer: Any = await self.call("register_session", **kwargs)
        self.sid = answer["sid"]
        self._named = kwargs.get("name") is not None
        return answer

    async def unregister_session(self) -> None:
        """End the session; without one, do nothing."""
        if self.sid is not None:
            await self.call("unregister_session")
            self.sid = None

    async def close(self) -> None:
        """Let go of the plugin: its session ends, unless it has a name by which others can find it."""
        if not self._named:
            await self.unregister_session()

    def register_notification_callback(self, callback: Callback, topic: str | None = None) -> None:
        """Call ``callback(edge, plugin, topic, data)`` for this plugin's events; ``None``: of every topic."""
        self.transport.subscribe(self.edge_name, self.plugin_name, topic, callback)

    def unregister_notification_callback(self, callback: Callback, topic: str | None = None) -> None:
        """Undo ``register_notification_callback`` with the same arguments."""
        self.transport.unsubscribe(self.edge_name, self.plugin_name, topic, callback)

    def path_to(self, path: str) -> str:
        """Return the address of a path (already percent-encoded) below this plugin."""
        return f"/{quote_segment(self.edge_name)}/{quote_segment(self.plugin_name)}/{path}"

    def session_id(self) -> str:
        """
        Return the session's id.

        Raises:
            RuntimeError: There is no session.
        """
        if self.sid is None:
            raise RuntimeError("No active session")
        return self.sid

    def __getattr__(self, name: str) -> Any:
        operations = self.__dict__.get("description", {}).get("operations", {})
        if name.startswith("_") or name not in operations:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
            )
        return _method(self, name, operations[name])

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.description["operations"]})

    def _operation(self, name: str) -> Any:
        try:
            return self.description["operations"][name]
        except KeyError:
            known = ", ".join(self.description["operations"])
            raise NotFound(
                f"{self.plugin_name} on {self.edge_name} has no operation {name!r}; it has {known}"
            ) from None

    def _request(self, name: str, fields: Mapping[str, object]) -> dict[str, Any]:
        operation = self._operation(name)
        properties = operation["input"].get("properties", {})
        for field in fields:
            if field not in properties:
                raise TypeError(f"{name}() got an unexpected keyword argument {field!r}")
        missing = [field for field in operation["input"].get("required", ()) if field not in fields]
        if missing:
            raise TypeError(f"{name}() missing required arguments: {', '.join(map(repr, missing))}")
        in_path, segments = set(), []
        for segment in operation["path"].split("/"):
            parameter = parameter_of(segment)
            if parameter is None:
                segments.append(segment)
            elif parameter == "sid":
                segments.append(quote_segment(self.session_id()))
            else:
                in_path.add(parameter)
                segments.append(quote_segment(_text(fields[parameter])))
        rest = {field: value for field, value in fields.items() if field not in in_path}
        request: dict[str, Any] = {
            "path": self.path_to("/".join(segments)),
            "repeat": operation["effect"] == "read" or operation.get("repeat") is True,
        }
        if operation["method"] == "GET":
            request["params"] = _query(rest, properties)
        else:
            request["json"] = rest
        return request


def _method(client: PluginClient, name: str, operation: Mapping[str, Any]) -> Callable[..., Any]:
    signature = _signature(operation)

    def fields_of(args: tuple[object, ...], kwargs: dict[str, object]) -> dict[str, object]:
        try:
            return signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{name}() {error}") from None

    def opened(*args: object, **kwargs: object) -> Any:
        return client.stream(name, **fields_of(args, kwargs))

    async def called(*args: object, **kwargs: object) -> Any:
        return await client.invoke(name, fields_of(args, kwargs))

    method: Any = opened if operation.get("stream") else called
    method.__name__ = name
    method.__qualname__ = f"{type(client).__name__}.{name}"
    method.__doc__ = operation.get("summary") or operation.get("title")
    method.__signature__ = signature
    return method  # type: ignore[no-any-return]


def _signature(operation: Mapping[str, Any]) -> inspect.Signature:
    schema = operation["input"]
    required = schema.get("required", [])
    properties = schema.get("properties", {})
    order = [*required, *(name for name in properties if name not in required)]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter(
            name,
            kind,
            default=inspect.Parameter.empty if name in required else properties[name].get("default"),
            annotation=_annotation(properties[name]),
        )
        for name in order
        if name.isidentifier()
    ]
    returns = _annotation(operation["output"]) if operation.get("output") else Any
    return inspect.Signature(parameters, return_annotation=returns)


def _annotation(schema: Mapping[str, Any]) -> Any:
    if "anyOf" in schema:
        members = tuple(_annotation(member) for member in schema["anyOf"])
        return Any if Any in members else Union[members]  # noqa: UP007 - the members are known at run time only
    if "$ref" in schema:
        return dict
    return _PYTHON_TYPES.get(schema.get("type", ""), Any)


def _query(fields: Mapping[str, object], properties: Mapping[str, Any]) -> dict[str, object]:
    """Write fields as query parameters; ``None`` is left out where it is the default, else empty text."""
    found: dict[str, object] = {}
    for name, value in fields.items():
        if value is None:
            if properties[name].get("default") is not None:
                found[name] = ""
        elif isinstance(value, (list, tuple, set, frozenset)):
            found[name] = [_text(item) for item in value]
        else:
            found[name] = _text(value)
    return found


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat()) if callable(isoformat) else str(value)
