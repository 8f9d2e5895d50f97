"""Small files inside JSON documents, and folders."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import tempfile
from pathlib import Path

import pytest

from radical_edge_core.caller import Caller


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def test_put_stores_and_get_returns_the_same_bytes(host, root) -> None:
    """Whatever the bytes; missing folders are made."""
    data = bytes(range(256)) * 5
    async with host() as h:
        put = await h.post("put", filename=f"{root}/a/b/file", content=b64(data))
        assert (put.status, put.json) == (200, {"path": f"{root}/a/b/file", "size": 1280})
        assert (root / "a/b/file").read_bytes() == data
        got = await h.post("get", filename="~/a/b/file")
        assert (got.status, got.json) == (
            200,
            {"path": f"{root}/a/b/file", "size": 1280, "content": b64(data)},
        )


async def test_an_empty_file_is_a_file(host, root) -> None:
    """Empty content is content."""
    async with host() as h:
        assert (await h.post("put", filename="~/empty", content="")).json["size"] == 0
        assert (await h.post("get", filename="~/empty")).json["content"] == ""
    assert (root / "empty").read_bytes() == b""


@pytest.mark.parametrize("content", ["%%%", "YQ", "YQ==x", "YQ=\n=", "ü", "YW Jj"])
async def test_what_is_no_base64_is_refused(host, root, content) -> None:
    """400, and nothing is written."""
    async with host() as h:
        answer = await h.post("put", filename="~/x", content=content)
    assert answer.status == 400
    assert "base64" in answer.json["detail"]
    assert list(root.iterdir()) == []


async def test_an_existing_file_is_replaced_only_if_told_so(host, root) -> None:
    """409 without ``overwrite``; with it the file's permission bits stay."""
    (root / "x").write_text("old")
    (root / "x").chmod(0o640)
    async with host() as h:
        refused = await h.post("put", filename="~/x", content=b64(b"new"))
        assert (refused.status, refused.json["reason"]) == (409, "exists")
        assert (root / "x").read_text() == "old"
        assert (await h.post("put", filename="~/x", content=b64(b"new"), overwrite=True)).status == 200
    assert (root / "x").read_text() == "new"
    assert (root / "x").stat().st_mode & 0o777 == 0o640


async def test_a_new_file_has_the_mode_that_the_umask_leaves(host, root) -> None:
    """As any program's file."""
    old = os.umask(0o027)
    try:
        async with host() as h:
            await h.post("put", filename="~/deep/x", content="")
    finally:
        os.umask(old)
    assert (root / "deep/x").stat().st_mode & 0o777 == 0o640
    assert (root / "deep").stat().st_mode & 0o777 == 0o750


async def test_a_large_file_is_for_the_stream(host, root) -> None:
    """413 names the way."""
    (root / "x").write_bytes(b"x" * 1001)
    async with host(inline_limit_bytes=1000) as h:
        got = await h.post("get", filename="~/x")
        put = await h.post("put", filename="~/y", content=b64(b"y" * 1001))
    assert (got.status, put.status) == (413, 413)
    assert "GET file/{sid}?path=" in got.json["detail"]
    assert "PUT file/{sid}?path=" in put.json["detail"]
    assert (got.json["size"], got.json["limit_bytes"]) == (1001, 1000)


@pytest.fixture
def zoo(root):
    """A folder with one of each kind."""
    (root / "dir").mkdir()
    (root / "file").write_text("12345")
    (root / "to_file").symlink_to("file")
    (root / "to_dir").symlink_to("dir")
    (root / "dangling").symlink_to("nothing")
    (root / "circle").symlink_to("circle")
    (root / "outside").symlink_to("/etc/passwd")
    os.mkfifo(root / "pipe")
    made = socket.socket(socket.AF_UNIX)
    here = os.open(".", os.O_RDONLY)
    os.chdir(root)  # the path of a socket is short
    made.bind("socket")
    os.fchdir(here)
    os.close(here)
    made.close()
    return root


@pytest.mark.usefixtures("zoo")
async def test_list_tells_names_kinds_and_sizes(host, root) -> None:
    """By name; a link counts as what it leads to, inside the roots."""
    async with host() as h:
        answer = await h.post("list", path="~")
    assert answer.status == 200
    assert answer.json["path"] == str(root)
    assert answer.json["truncated"] is False
    assert [(entry["name"], entry["type"], entry["size"]) for entry in answer.json["entries"]] == [
        ("circle", "unknown", 0),
        ("dangling", "unknown", 0),
        ("dir", "dir", 0),
        ("file", "file", 5),
        ("outside", "unknown", 0),
        ("pipe", "unknown", 0),
        ("socket", "unknown", 0),
        ("to_dir", "dir", 0),
        ("to_file", "file", 5),
    ]


async def test_list_says_when_it_leaves_out(host, root) -> None:
    """A folder with more entries than an answer may hold is told to be so."""
    for number in range(5):
        (root / f"{number}").touch()
    async with host(list_limit=3) as h:
        answer = (await h.post("list", path="~")).json
    assert [entry["name"] for entry in answer["entries"]] == ["0", "1", "2"]
    assert answer["truncated"] is True


async def test_a_name_that_is_no_text_is_shown(host, root) -> None:
    """With escapes, so that JSON can carry it."""
    (root / "x\udce9y").touch()
    async with host() as h:
        answer = await h.post("list", path="~")
    assert [entry["name"] for entry in answer.json["entries"]] == ["x\\xe9y"]


@pytest.mark.parametrize(
    ("operation", "field", "path", "status", "reason"),
    [
        ("list", "path", "~/nothing", 404, "missing"),
        ("list", "path", "~/file", 400, "not_a_directory"),
        ("list", "path", "~/pipe", 400, "not_a_directory"),
        ("list", "path", "~/file/x", 400, "not_a_directory"),
        ("list", "path", "/etc", 400, "outside_roots"),
        ("list", "path", "file", 400, "relative_path"),
        ("get", "filename", "~/nothing", 404, "missing"),
        ("get", "filename", "~/dir", 400, "is_a_directory"),
        ("get", "filename", "~", 400, "is_a_directory"),
        ("get", "filename", "~/pipe", 400, "special_file"),
        ("get", "filename", "~/socket", 400, "special_file"),
        ("get", "filename", "~/circle", 400, "special_file"),
        ("get", "filename", "~/dangling", 404, "missing"),
        ("get", "filename", "~/outside", 400, "outside_roots"),
        ("get", "filename", "~/file/x", 400, "not_a_directory"),
        ("get", "filename", "~root/x", 400, "other_home"),
        ("get", "filename", "", 400, "empty_path"),
        ("get", "filename", "~/x\0y", 400, "nul_byte"),
        ("get", "filename", "~/" + "x" * 300, 400, "name_too_long"),
        ("put", "filename", "~/dir", 400, "is_a_directory"),
        ("put", "filename", "~", 400, "is_a_directory"),
        ("put", "filename", "~/pipe", 400, "special_file"),
        ("put", "filename", "~/outside", 400, "outside_roots"),
        ("put", "filename", "~/file/x", 400, "not_a_directory"),
        ("put", "filename", "~/../x", 400, "outside_roots"),
        ("put", "filename", "~/new/", 400, "is_a_directory"),
        ("put", "filename", "~/" + "x" * 300, 400, "name_too_long"),
    ],
)
@pytest.mark.usefixtures("zoo")
async def test_paths_that_can_t_be_used_are_named(host, operation, field, path, status, reason) -> None:
    """A clear answer at once, also for what would hang if it were opened."""
    fields = {field: path} | ({"content": b64(b"x"), "overwrite": True} if operation == "put" else {})
    async with host() as h, asyncio.timeout(5):
        answer = await h.post(operation, **fields)
    assert (answer.status, answer.json.get("reason")) == (status, reason), answer.json


async def test_a_link_inside_the_roots_is_followed(host, root) -> None:
    """Also when it is the target of a write: the link stays, what it leads to is replaced."""
    (root / "real").write_text("old")
    (root / "link").symlink_to("real")
    async with host() as h:
        assert (await h.post("put", filename="~/link", content=b64(b"new"), overwrite=True)).status == 200
    assert (root / "link").is_symlink()
    assert (root / "real").read_text() == "new"


async def test_several_roots(host, root, tmp_path) -> None:
    """Each one counts, also one that is reached by a link, and only they."""
    (tmp_path / "other").mkdir()
    (tmp_path / "alias").symlink_to("other")
    async with host(roots=[str(tmp_path / "alias"), "~"]) as h:
        assert (await h.post("put", filename=f"{tmp_path}/alias/x", content="")).status == 200
        assert (await h.post("put", filename=f"{tmp_path}/other/y", content="")).status == 200
        assert (await h.post("put", filename=f"{root}/z", content="")).status == 200
        assert (await h.post("put", filename=f"{tmp_path}/otherwise", content="")).status == 400


@pytest.fixture
def nobody():
    """A folder of a user who may not do everything, and that user's rights."""
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
            try:
                yield Path(folder)
            finally:
                os.seteuid(0)
        else:
            yield Path(folder)


async def test_without_permission_is_403(host, nobody) -> None:
    """The file system has the last word, also where a rename could get round a file's own mode."""
    (nobody / "closed").mkdir(mode=0o500)
    (nobody / "mine").write_text("x")
    (nobody / "mine").chmod(0o400)
    async with host(roots=[str(nobody)]) as h:
        for fields in (
            {"filename": f"{nobody}/closed/x", "content": ""},
            {"filename": f"{nobody}/mine", "content": "", "overwrite": True},
        ):
            answer = await h.post("put", **fields)
            assert (answer.status, answer.json["reason"]) == (403, "permission")
        (nobody / "mine").chmod(0)
        assert (await h.post("get", filename=f"{nobody}/mine")).status == 403
        (nobody / "closed").chmod(0)
        assert (await h.post("list", path=f"{nobody}/closed")).status == 403
    (nobody / "closed").chmod(0o700)


async def test_sessions_are_their_subject_s_own(host, root) -> None:
    """Another subject's session looks unknown; reading needs less than writing."""
    (root / "x").write_text("x")
    stranger, reader = Caller(subject="you", scopes=("write:*",)), Caller(subject="me", scopes=("read:*",))
    async with host() as h:
        path = f"file/{h.sid}"
        query = {"path": "~/x"}
        assert (await h.request("GET", path, query=query, caller=stranger)).status == 404
        assert (await h.request("PUT", path, query={"path": "~/y"}, caller=stranger)).status == 404
        assert (await h.request("GET", path, query=query, caller=reader)).status == 200
        assert (await h.request("PUT", path, query={"path": "~/y"}, caller=reader)).status == 403
        assert (await h.request("GET", "file/nothing", query=query)).status == 404
    assert not (root / "y").exists()


@pytest.mark.parametrize("config", [{"roots": []}, {"roots": ["here"]}, {"list_limit": 0}, {"colour": "red"}])
async def test_settings_that_do_not_fit_are_refused(host, config) -> None:
    """A wrong setting keeps the plugin from loading and is named in its report."""
    with pytest.raises(AssertionError, match=r"roots|here|list_limit|colour"):
        async with host(**config):
            raise RuntimeError("it loaded")


async def test_the_description_names_the_operations(host) -> None:
    """Names, methods, paths, effects; examples fit."""
    async with host() as h:
        document = (await h.request("GET", "describe")).json
    told = {
        name: (operation["method"], operation["path"], operation["effect"])
        for name, operation in document["operations"].items()
        if not operation.get("hidden")
    }
    assert told == {
        "put": ("POST", "put/{sid}", "write"),
        "get": ("POST", "get/{sid}", "read"),
        "list": ("POST", "list/{sid}", "read"),
        "partial": ("GET", "partial/{sid}", "read"),
    }
    assert {view["operation"] for view in document["views"]} == {"put", "get", "list"}
