"""Whatever is wrong with a request, the answer is a problem document that says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from attrs import field, frozen, validators

from radical_edge_core.plugin import Plugin, operation


@frozen(kw_only=True)
class Leaf:
    value: int = field(validator=validators.ge(0))
    children: tuple[Leaf, ...] = ()


class Tree(Plugin):
    name = "tree"
    version = "1"

    @operation.post("grow")
    async def grow(self, leaf: Leaf, scale: float = 1.0, extra: object = None) -> dict[str, object]:
        """Grow."""
        return {"value": leaf.value, "scale": scale, "extra": extra}

    @operation.post("rest")
    async def rest(self, hours: int = 8) -> dict[str, int]:
        """Rest."""
        return {"hours": hours}

    @operation.get("look/{level}")
    async def look(
        self, level: int, deep: bool = False, names: list[str] | None = None, ratio: float | None = None
    ) -> dict[str, object]:
        """Look."""
        return {"level": level, "deep": deep, "names": names, "ratio": ratio}


def is_problem(reply: Any, status: int) -> dict[str, Any]:
    assert reply.status == status, reply.body
    assert reply.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = reply.json
    assert document["error"] is True
    assert document["status_code"] == status
    assert isinstance(document["code"], str)
    assert isinstance(document["detail"], str)
    assert isinstance(document["transient"], bool)
    return document


DEEP_LEAF = b'{"leaf":' + b'{"value":1,"children":[' * 400 + b'{"value":1}' + b"]}" * 400 + b"}"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "line 1 column 2"),
        (b"[1,]", "line 1 column"),
        (b'{"leaf": }', "line 1 column 10"),
        (b'{"leaf": NaN}', "NaN"),
        (b'{"leaf": Infinity}', "Infinity"),
        (b'{"leaf": 1e999}', "out of range"),
        (b'{"leaf": ' + b"9" * 5000 + b"}", "out of range"),
        (b'{"leaf": "\xff"}', "byte 10"),
        (b'{"leaf": "\\ud800"}', "no character"),
        (b'{"leaf": 1, "leaf": 2}', "twice"),
        (b"\xef\xbb\xbf{}", "line 1 column 1"),
        (b"[" * 100_000, "deeply"),
        (b"leaf=1", "line 1 column 1"),
    ],
)
async def test_malformed_json_is_400(serve: Callable[..., Any], body: bytes, says: str) -> None:
    """Bytes that are no JSON are refused, with the place named."""
    document = is_problem(await serve(Tree).post("/grow", body), 400)
    assert document["code"] == "bad_request"
    assert says in document["detail"]


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        (b"[]", {"$": "expected object, got list"}),
        (b"3", {"$": "expected object, got int"}),
        (b"null", {"$": "expected object, got null"}),
        (b'"text"', {"$": "expected object, got str"}),
        (b"", {"$.leaf": "required field is missing"}),
        (b"{}", {"$.leaf": "required field is missing"}),
        (b'{"leaf": null}', {"$.leaf": "expected object, got null"}),
        (b'{"leaf": {"value": true}}', {"$.leaf.value": "expected int, got bool"}),
        (b'{"leaf": {"value": 1.0}}', {"$.leaf.value": "expected int, got float"}),
        (b'{"leaf": {"value": "1"}}', {"$.leaf.value": "expected int, got str"}),
        (b'{"leaf": {"value": 1, "children": "ab"}}', {"$.leaf.children": "expected list, got str"}),
        (b'{"leaf": {"value": -1}}', {"$.leaf": "'value' must be >= 0: -1"}),
        (
            b'{"leaf": {"value": 1, "odd name": 1}, "scale": true, "__proto__": {}}',
            {
                '$.leaf["odd name"]': "unknown field",
                "$.scale": "expected float, got bool",
                "$.__proto__": "unknown field",
            },
        ),
    ],
)
async def test_a_body_that_does_not_fit_is_422(
    serve: Callable[..., Any], body: bytes, problems: dict[str, str]
) -> None:
    """Well-formed JSON of the wrong shape is refused, with every problem and its path."""
    reply = await serve(Tree).post("/grow", body)
    is_problem(reply, 422)
    assert reply.problems == problems


async def test_deep_nesting_is_a_problem_and_no_crash(serve: Callable[..., Any]) -> None:
    """A recursive model nested beyond the stack is refused."""
    reply = await serve(Tree).post("/grow", DEEP_LEAF)
    assert reply.status in {200, 422, 400}
    deeper = DEEP_LEAF.replace(b'{"value":1}', DEEP_LEAF[8:-1])
    assert (await serve(Tree).post("/grow", deeper)).status in {400, 422}


async def test_an_empty_body_counts_as_an_empty_object(serve: Callable[..., Any]) -> None:
    """POST without a body takes the defaults."""
    assert (await serve(Tree).post("/rest")).json == {"hours": 8}


async def test_a_million_problems_are_told_boundedly(serve: Callable[..., Any]) -> None:
    """A hostile body does not make a hostile answer."""
    body = json.dumps({"leaf": {"value": 1}, **{f"unknown{i}": i for i in range(50_000)}}).encode()
    reply = await serve(Tree).post("/grow", body)
    assert reply.status == 422
    assert 900 < len(reply.problems) <= 1000
    assert len(reply.json["detail"]) < 2000


async def test_nan_of_a_plugin_becomes_null(serve: Callable[..., Any]) -> None:
    """An answer is valid JSON whatever the plugin returns."""

    class Lost(Plugin):
        name = "lost"

        @operation.get("values")
        def values(self) -> dict[str, object]:
            """Return odd values."""
            return {"nan": float("nan"), "name": "a\udcff", "big": 2**80, "inf": [float("inf")]}

    assert (await serve(Lost).get("/values")).json == {
        "nan": None,
        "name": "a\ufffd",
        "big": 2**80,
        "inf": [None],
    }


async def test_msgpack_bodies_are_read(serve: Callable[..., Any]) -> None:
    """``application/msgpack`` is another way to write the same body."""
    kind = {"Content-Type": "application/msgpack"}
    served = serve(Tree)
    body = msgspec.msgpack.encode({"leaf": {"value": 2}})
    assert (await served.post("/grow", body, headers=kind)).json["value"] == 2
    assert is_problem(await served.post("/grow", b"\xc1", headers=kind), 400)["detail"].startswith(
        "malformed msgpack"
    )
    for odd in ({1: 2}, {"leaf": {"value": 2}, "extra": {3: 4}}, {"scale": float("nan")}):
        is_problem(await served.post("/grow", msgspec.msgpack.encode(odd), headers=kind), 400)
    ext = msgspec.msgpack.encode({"extra": msgspec.msgpack.Ext(5, b"x")})
    is_problem(await served.post("/grow", ext, headers=kind), 400)


@pytest.mark.parametrize(
    "path", ["/..", "/look/..", "/look/%2e%2e", "/look/%2E", "/look/.", "/look//1", "/look/1/", "/look/%00"]
)
async def test_segments_that_name_nothing_are_422(serve: Callable[..., Any], path: str) -> None:
    """Dots, empty segments and NUL never reach a plugin, however they are written."""
    is_problem(await serve(Tree).get(path), 422)


@pytest.mark.parametrize("path", ["/look/%ff", "/look/%zz", "/look/%"])
async def test_broken_escapes_are_422(serve: Callable[..., Any], path: str) -> None:
    """An escape that is none, or no UTF-8, is refused."""
    is_problem(await serve(Tree).get(path), 422)


@pytest.mark.parametrize(
    ("path", "query", "answer"),
    [
        ("/look/3", "", {"level": 3, "deep": False, "names": None, "ratio": None}),
        ("/look/3", "deep=true&names=a&names=b&ratio=2", None),
        ("/look/3", "deep=1&names=a%2Cb&ratio=", {"level": 3, "deep": True, "names": ["a,b"], "ratio": None}),
        ("/look/-3", "deep=0&ratio=1e3", {"level": -3, "deep": False, "names": None, "ratio": 1000.0}),
    ],
)
async def test_query_text_is_read_by_the_declared_type(
    serve: Callable[..., Any], path: str, query: str, answer: dict[str, object] | None
) -> None:
    """Numbers, booleans, repeated and optional parameters come from text."""
    reply = await serve(Tree).get(path, query)
    assert reply.status == 200, reply.body
    assert reply.json == (answer or {"level": 3, "deep": True, "names": ["a", "b"], "ratio": 2.0})


@pytest.mark.parametrize(
    ("path", "query", "problems"),
    [
        ("/look/three", "", {"$.level": "expected int, got str"}),
        ("/look/1.0", "", {"$.level": "expected int, got str"}),
        ("/look/1_0", "", {"$.level": "expected int, got str"}),
        ("/look/%20%31", "", {"$.level": "expected int, got str"}),
        ("/look/1", "deep=yes", {"$.deep": "expected bool, got str"}),
        ("/look/1", "deep", {"$.deep": "expected bool, got str"}),
        ("/look/1", "deep=1&deep=1", {"$.deep": "expected bool, got list"}),
        ("/look/1", "ratio=nan", {"$.ratio": "expected a finite number"}),
        ("/look/1", "x=1&y=2&level=3", dict.fromkeys(("$.x", "$.y", "$.level"), "unknown query parameter")),
    ],
)
async def test_a_query_that_does_not_fit_is_422(
    serve: Callable[..., Any], path: str, query: str, problems: dict[str, str]
) -> None:
    """Text that does not read as its type, and parameters that nobody asked for, are named."""
    assert (await serve(Tree).get(path, query)).problems == problems


async def test_a_query_on_a_post_is_refused(serve: Callable[..., Any]) -> None:
    """A field in the query of a POST is no silent no-op."""
    reply = await serve(Tree).call("POST", "/rest", query="hours=3")
    assert reply.problems == {"$.hours": "unknown query parameter"}


@pytest.mark.parametrize("query", ["a=%ff", "&".join(f"a{i}=1" for i in range(2000))])
async def test_a_malformed_query_is_400(serve: Callable[..., Any], query: str) -> None:
    """What is no UTF-8, or no end of parameters, is refused before anything else."""
    is_problem(await serve(Tree).get("/look/1", query), 400)


async def test_an_unknown_path_names_what_exists(serve: Callable[..., Any]) -> None:
    """404 tells where to go."""
    document = is_problem(await serve(Tree).get("/nothing/here"), 404)
    assert "look/{level}" in document["detail"]
    is_problem(await serve(Tree).get("/"), 404)


async def test_another_method_is_405_with_allow(serve: Callable[..., Any]) -> None:
    """405 carries the methods that there are."""
    served = serve(Tree)
    reply = await served.call("PUT", "/look/1")
    is_problem(reply, 405)
    assert reply.headers["allow"] == "GET, HEAD"
    assert (await served.get("/grow")).headers["allow"] == "POST"
    assert (await served.post("/describe")).headers["allow"] == "GET, HEAD"


async def test_head_is_get_without_its_body(serve: Callable[..., Any]) -> None:
    """HEAD has the status and the headers of GET."""
    served = serve(Tree)
    reply, whole = await served.call("HEAD", "/look/1"), await served.get("/look/1")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers == whole.headers
    assert (await served.call("HEAD", "/look/x")).status == 422
    assert (await served.call("HEAD", "/nothing")).body == b""


async def test_a_body_over_the_limit_is_413(serve: Callable[..., Any]) -> None:
    """The limit holds for what is declared and for what arrives."""
    served = serve(Tree, body_limit=100)
    document = is_problem(await served.post("/rest", b"{}", headers={"Content-Length": "101"}), 413)
    assert document["limit_bytes"] == 100
    reply = await served.call("POST", "/rest", chunks=[b" " * 60, b" " * 60, b"never read"])
    is_problem(reply, 413)
    assert (await served.call("POST", "/rest", chunks=[b"{", b"}"])).status == 200


async def test_a_large_body_is_checked_like_a_small_one(serve: Callable[..., Any]) -> None:
    """Beyond the size at which it leaves the loop's thread, a body is read by the same rules."""
    served = serve(Tree)
    good = {"leaf": {"value": 1}, "extra": "x" * 200_000}
    assert (await served.post("/grow", good)).json["extra"] == good["extra"]
    assert (await served.post("/grow", {**good, "scale": "1"})).problems == {
        "$.scale": "expected float, got str"
    }
