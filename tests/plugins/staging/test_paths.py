"""No path leads out of the roots, whatever links lie on its way."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radical_edge_core.errors import BadRequest, EdgeError
from radical_edge_staging import faults, folders
from radical_edge_staging.download import Download
from radical_edge_staging.paths import expand, locate
from radical_edge_staging.upload import Upload

names = st.sampled_from(["a", "b", "c"])
parts = st.lists(names | st.sampled_from(["..", ".", ""]), max_size=6)
links = st.dictionaries(
    st.lists(names, min_size=1, max_size=3).map("/".join),
    st.sampled_from(
        ["..", "../..", "a", "b", "/", "/etc", "{secret}", "{root}", "../secret", "c/../..", "a/b"]
    ),
    max_size=5,
)


def build(base: Path, made: dict[str, str]) -> tuple[Path, Path]:
    """Make a root and, beside it, a secret; folders, files and links in the root."""
    root, secret = base / "root", base / "secret"
    for folder in (root / "a/b/c", root / "b/c", secret):
        folder.mkdir(parents=True)
    (secret / "a").write_text("secret")
    (root / "a/c").write_text("mine")
    for name, target in made.items():
        above, last = os.path.split(root / name)
        path = Path(os.path.realpath(above)) / last
        if not path.parent.is_relative_to(os.path.realpath(root)) or not path.parent.is_dir():
            continue  # an earlier link leads out of the root, or nowhere
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        path.symlink_to(target.format(secret=secret, root=root))
    return root, secret


@settings(deadline=None, max_examples=60)
@given(links, parts)
def test_reading_never_leaves_the_roots(made: dict[str, str], given_parts: list[str]) -> None:
    """What is opened lies inside; what lies outside is refused."""
    with tempfile.TemporaryDirectory() as base:
        root, _ = build(Path(base), made)
        path = "/".join([str(root), *given_parts])
        inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
        reason = None
        try:
            download = Download(locate(path, [str(root)]))
        except EdgeError as exc:
            reason = exc.data["reason"]
        else:
            assert download.read(0, download.size) == b"mine"
            download.close()
        assert inside == (reason != "outside_roots")


@settings(deadline=None, max_examples=60)
@given(links, parts)
def test_writing_never_leaves_the_roots(made: dict[str, str], given_parts: list[str]) -> None:
    """Nothing outside is made, changed or removed, and nothing is left behind."""
    with tempfile.TemporaryDirectory() as base:
        root, secret = build(Path(base), made)
        path = "/".join([str(root), *given_parts, "a"])
        try:
            upload = Upload(locate(path, [str(root)]), overwrite=True)
        except EdgeError:
            pass
        else:
            upload.write(b"new")
            upload.commit()
            real = Path(os.path.realpath(path))
            assert real.is_relative_to(os.path.realpath(root))
            assert real.read_bytes() == b"new"
        assert {found.name: found.read_text() for found in secret.iterdir()} == {"a": "secret"}
        assert sorted(os.listdir(base)) == ["root", "secret"]  # noqa: PTH208 - names are enough
        assert not list(Path(base).rglob(".radical-edge-*"))


@given(st.text())
def test_any_text_is_a_path_or_refused(text: str) -> None:
    """There is no third way, and no crash; outside a root it is refused."""
    with pytest.raises(BadRequest) as raised:
        locate(text, ["/nowhere"])
    assert raised.value.data["reason"]
    assert raised.value.data["path"] == text


def test_a_link_that_appears_after_the_check_is_not_followed(tmp_path) -> None:
    """Each component is opened by itself, and none may be a link; the fault is told as one."""
    (tmp_path / "in/a/b").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/x").write_text("secret")
    roots = [str(tmp_path / "in")]
    hits = 0
    for victim in ("a", "a/b", "a/b/x"):
        located = locate(f"{tmp_path}/in/a/b/x", roots)
        path = tmp_path / "in" / victim
        moved = path.with_name("moved")
        if path.exists():
            path.rename(moved)
        path.symlink_to(tmp_path / ("secret/x" if victim.endswith("x") else "secret"))
        for attempt in (Download, lambda where: Upload(where, overwrite=True)):
            with pytest.raises(BadRequest):
                attempt(located)
            hits += 1
        path.unlink()
        if moved.exists():
            moved.rename(path)
    assert hits == 6
    assert (tmp_path / "secret/x").read_text() == "secret"
    assert [found.name for found in (tmp_path / "secret").iterdir()] == ["x"]


def test_a_folder_that_may_only_be_passed_through_is_no_obstacle(tmp_path) -> None:
    """As other users' home directories often are."""
    deep = tmp_path / "passed/inner"
    deep.mkdir(parents=True)
    (tmp_path / "passed").chmod(0o111)
    located = locate(f"{deep}/x", [str(tmp_path)])
    with folders.parent(located) as (descriptor, name):
        assert os.path.samestat(os.fstat(descriptor), deep.stat())
        assert name == "x"
    (tmp_path / "passed").chmod(0o700)


def test_the_inner_root_counts(tmp_path) -> None:
    """Of two roots that hold a path, the nearer names it."""
    (tmp_path / "in").mkdir()
    located = locate(f"{tmp_path}/in/x", [str(tmp_path), f"{tmp_path}/in"])
    assert (located.root, located.parts, located.real) == (f"{tmp_path}/in", ("x",), f"{tmp_path}/in/x")


@pytest.mark.parametrize(
    ("text", "expected"), [("~", "/home/me"), ("~/x/", "/home/me/x/"), ("/a/../b", "/a/../b"), ("/~", "/~")]
)
def test_a_tilde_stands_for_home(monkeypatch, text, expected) -> None:
    """At the beginning only, and nothing else is changed."""
    monkeypatch.setenv("HOME", "/home/me")
    assert expand(text) == expected


def test_an_unknown_fault_of_the_file_system_counts_as_passing() -> None:
    """A mount that went away may come back."""
    error = faults.of(OSError(116, "Stale file handle"), "/x")
    assert (error.status_code, error.transient, error.data["reason"]) == (503, True, "file_system")
