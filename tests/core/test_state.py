"""The state folder: private by creation, written whole, or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from radical_edge_core.errors import NoRoom
from radical_edge_core.state import home_folder, lasting_secret, private_folder, read_secret, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True, params=[0o022, 0o000, 0o077])
def _umask(request: pytest.FixtureRequest) -> object:
    """Whatever the umask, the modes are the same."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_folders_are_their_owners_alone(tmp_path: Path) -> None:
    """Every folder that is made, those above too, is 0700; one that is there stays as it is."""
    tmp_path.chmod(0o755)
    made = private_folder(tmp_path / "a" / "b" / "c")
    assert private_folder(made) == made
    assert [mode(folder) for folder in (made, made.parent, made.parent.parent, tmp_path)] == [0o700] * 3 + [
        0o755
    ]


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    """A private file is 0600, also where it replaces one that was open to all."""
    file = tmp_path / "secret"
    file.write_text("old")
    file.chmod(0o666)
    write_private(file, "new")
    assert (file.read_text(), mode(file)) == ("new", 0o600)
    assert [found.name for found in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("step", ["write", "fsync"])
def test_no_room_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, step: str
) -> None:
    """On a full disk, or beyond the quota, the old content stays and nothing half-written is left."""
    file = tmp_path / "secret"
    write_private(file, "old")

    def full(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, full)
    with pytest.raises(NoRoom, match="no room left"):
        write_private(file, "new")
    assert file.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["secret"]


def test_other_errors_are_passed_on(tmp_path: Path) -> None:
    """What is not about room is the system's own error."""
    with pytest.raises(FileNotFoundError):
        write_private(tmp_path / "none" / "secret", "x")


def test_a_secret_lasts(tmp_path: Path) -> None:
    """The first asking makes the secret, every later one finds it."""
    file = tmp_path / "token"
    first = lasting_secret(file)
    assert len(first) >= 43
    assert lasting_secret(file) == first
    assert mode(file) == 0o600


def test_two_secrets_differ(tmp_path: Path) -> None:
    """Secrets are random."""
    assert lasting_secret(tmp_path / "one") != lasting_secret(tmp_path / "two")


@pytest.mark.parametrize(
    ("content", "secret"), [(b" abc \n", "abc"), (b"", None), (b"\n \n", None), (b"\xff\xfe", "\ufffd\ufffd")]
)
def test_reading_a_secret(tmp_path: Path, content: bytes, secret: str | None) -> None:
    """Blanks around a secret don't count, an empty file has none, and garbage is a secret that opens nothing."""
    file = tmp_path / "token"
    file.write_bytes(content)
    assert read_secret(file) == secret


def test_an_absent_secret_is_none(tmp_path: Path) -> None:
    """A file that is not there holds no secret."""
    assert read_secret(tmp_path / "none") is None


def test_the_home_folder() -> None:
    """The environment names the state folder; else it is in the user's home."""
    assert home_folder({"RADICAL_EDGE_HOME": "~/elsewhere"}) == Path("~/elsewhere").expanduser()
    for environ in ({}, {"RADICAL_EDGE_HOME": ""}):
        assert home_folder(environ) == Path("~/.radical/edge").expanduser()
