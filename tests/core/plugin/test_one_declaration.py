"""One annotated method, and everything that comes of it without another edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from attrs import field, frozen, validators
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from radical_edge_core.plugin import Plugin, PluginClient, PluginSession, operation


@frozen(kw_only=True)
class Part:
    """A part of a wall."""

    size: Annotated[int, msgspec.Meta(ge=1, le=9)]
    colour: Literal["red", "blue"] = "red"


@frozen(kw_only=True)
class Wall:
    """A wall, built."""

    parts: tuple[Part, ...]
    height: int
    note: str | None = None


class MasonSession(PluginSession):
    @operation.post(
        "build/{sid}/{name}",
        title="Build a wall",
        retry="adopt",
        result="facts",
        examples=[{"title": "Small", "input": {"name": "garden", "parts": [{"size": 1}]}}],
        ui={"order": ["name", "parts"]},
    )
    async def build(self, name: str, parts: list[Part], height: int = 2) -> Wall:
        """
        Build a wall
        of parts.

        More about it.
        """
        return Wall(parts=tuple(parts), height=height, note=name)


class Mason(Plugin):
    name = "mason"
    version = "1.2"
    summary = "Builds walls."
    session_class = MasonSession
    topics: ClassVar = {"wall": "durable", "dust": "ephemeral"}


class Direct:
    """The smallest transport: it calls the application."""

    def __init__(self, served: Any) -> None:
        self._served = served
        self.repeats: list[bool] = []

    async def request(self, method: str, path: str, **more: Any) -> object:
        self.repeats.append(more["repeat"])
        prefix = "/hpc1/mason"
        assert path.startswith(prefix + "/")
        query = "&".join(f"{name}={value}" for name, value in (more.get("params") or {}).items())
        body = more.get("json")
        reply = await self._served.call(
            method, path[len(prefix) :], body=b"" if body is None else body, query=query
        )
        assert reply.status == 200, reply.body
        return reply.json

    def stream(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    def subscribe(self, *_: Any) -> None: ...

    def unsubscribe(self, *_: Any) -> None: ...


async def test_it_is_a_route(serve: Callable[..., Any]) -> None:
    """The method answers at its path, with what it returns."""
    served = serve(Mason)
    reply = await served.post(f"/build/{await served.sid()}/a%2Fb", {"parts": [{"size": 3}]})
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json == {"parts": [{"size": 3, "colour": "red"}], "height": 2, "note": "a/b"}


async def test_it_names_every_problem_of_a_body(serve: Callable[..., Any]) -> None:
    """One answer lists all that is wrong, with paths."""
    served = serve(Mason)
    body = {"parts": [{"size": "3"}, {"size": 10, "colour": "green", "x": 1}, 5], "hight": 1, "name": "n"}
    reply = await served.post(f"/build/{await served.sid()}/n", body)
    assert reply.problems == {
        "$.parts[0].size": "expected int, got str",
        "$.parts[1].size": "must be at most 9",
        "$.parts[1].colour": "expected one of 'red', 'blue'",
        "$.parts[1].x": "unknown field",
        "$.parts[2]": "expected object, got int",
        "$.hight": "unknown field",
        "$.name": "this field belongs into the path",
    }


async def test_it_is_described(serve: Callable[..., Any]) -> None:
    """The description holds method, path, effect, schemas, hints and examples that fit."""
    document = (await serve(Mason).get("/describe")).json
    assert document["contract"] == "radical.edge.ui/1"
    assert document["plugin"] == {
        "name": "mason",
        "title": "mason",
        "version": "1.2",
        "summary": "Builds walls.",
        "icon": "plugin",
    }
    assert document["sessions"] is True
    assert document["topics"] == {"wall": {"kind": "durable"}, "dust": {"kind": "ephemeral"}}
    told = document["operations"]["build"]
    assert told["title"] == "Build a wall"
    assert told["summary"] == "Build a wall of parts."
    assert (told["method"], told["path"], told["effect"], told["retry"]) == (
        "POST",
        "build/{sid}/{name}",
        "write",
        "adopt",
    )
    assert list(told["input"]["properties"]) == ["name", "parts", "height"]
    assert told["input"]["required"] == ["name", "parts"]
    assert told["input"]["additionalProperties"] is False
    assert document["$defs"]["Part"]["additionalProperties"] is False
    assert "additionalProperties" not in document["$defs"]["Wall"]
    assert told["result"] == "facts"
    schema = {**told["input"], "$defs": document["$defs"]}
    Draft202012Validator.check_schema(schema)
    for example in told["examples"]:
        Draft202012Validator(schema).validate(example["input"])


async def test_standard_operations_are_described_and_hidden(serve: Callable[..., Any]) -> None:
    """What every plugin has stands behind the plugin's own, marked as hidden."""
    operations = (await serve(Mason).get("/describe")).json["operations"]
    assert next(iter(operations)) == "build"
    hidden = {name for name, told in operations.items() if told.get("hidden")}
    assert hidden == {
        "register_session",
        "unregister_session",
        "version",
        "list_sessions",
        "health",
        "ui_config",
    }


async def test_it_is_an_openapi_entry(serve: Callable[..., Any]) -> None:
    """The plugin's own document is valid OpenAPI 3.1 and holds the operation."""
    document = (await serve(Mason).get("/openapi.json")).json
    validate(document)
    entry = document["paths"]["/hpc1/mason/build/{sid}/{name}"]["post"]
    assert [parameter["name"] for parameter in entry["parameters"]] == ["sid", "name"]
    body = entry["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == {"parts", "height"}


async def test_it_is_a_client_method(serve: Callable[..., Any]) -> None:
    """The generated client has it, with signature and documentation, and calls it."""
    served = serve(Mason)
    client = PluginClient(Direct(served), (await served.get("/describe")).json, "hpc1")
    assert "build" in dir(client)
    assert (
        str(__import__("inspect").signature(client.build))
        == "(name: str, parts: list, height: int = 2) -> dict"
    )
    assert client.build.__doc__ == "Build a wall of parts."
    await client.register_session()
    assert await client.build("../x y", [{"size": 1}]) == {
        "parts": [{"size": 1, "colour": "red"}],
        "height": 2,
        "note": "../x y",
    }


@frozen(kw_only=True)
class Options:
    depth: int = field(default=3, validator=validators.lt(100))
    tags: list[str] = field(factory=list)


class DeepSession(PluginSession):
    options_class = Options

    def registered(self) -> dict[str, object]:
        return {"status": "ready", "depth": self.options.depth}  # type: ignore[union-attr]


class Deep(Plugin):
    name = "deep"
    session_class = DeepSession


async def test_session_options_are_checked_and_described(serve: Callable[..., Any]) -> None:
    """``register_session`` takes the session's options, strictly, and answers what the session adds."""
    served = serve(Deep)
    assert (await served.post("/register_session", {"depth": "4", "x": 1})).problems == {
        "$.depth": "expected int, got str",
        "$.x": "unknown field",
    }
    assert (await served.post("/register_session", {"depth": 100})).problems == {
        "$": "'depth' must be < 100: 100"
    }
    reply = await served.post("/register_session", {"depth": 5, "name": "cli"})
    assert (reply.json["status"], reply.json["depth"]) == ("ready", 5)
    document = (await served.get("/describe")).json
    name = document["session_options"]["$ref"].rpartition("/")[2]
    assert document["$defs"][name]["properties"]["depth"]["default"] == 3
    assert set(document["operations"]["register_session"]["input"]["properties"]) == {"name", "depth", "tags"}


async def test_describe_has_an_etag(serve: Callable[..., Any]) -> None:
    """The ETag is the document's SHA-256, and a caller that has it gets 304."""
    import hashlib

    served = serve(Mason)
    reply = await served.get("/describe")
    digest = hashlib.sha256(reply.body).hexdigest()
    assert reply.headers["etag"] == f'"{digest}"'
    assert served.app.description_etag == digest
    for known in (f'"{digest}"', f'W/"{digest}"', f'"other", "{digest}"', "*"):
        again = await served.get("/describe", headers={"If-None-Match": known})
        assert (again.status, again.body) == (304, b"")
    assert (await served.get("/describe", headers={"If-None-Match": '"other"'})).status == 200
