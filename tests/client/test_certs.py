"""Certificates that the command makes, in use."""

from __future__ import annotations

import ssl
import stat
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from aiohttp import web

from radical_edge_client import AsyncBridgeClient
from radical_edge_client.cli.main import main


def certs(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["certs", *arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


async def test_a_made_certificate_works(
    tmp_path: Path,
    serve: Callable[..., AbstractAsyncContextManager[str]],
    tls: Callable[[tuple[Path, Path]], ssl.SSLContext],
) -> None:
    """Both files are private, a server takes them, and a client that pins the certificate trusts it."""
    assert certs("--directory", str(tmp_path / "new"), "--host", "login1.example") == 0
    cert, key = tmp_path / "new" / "bridge_cert.pem", tmp_path / "new" / "bridge_key.pem"
    assert {path.name for path in (tmp_path / "new").iterdir()} == {cert.name, key.name}
    assert [stat.S_IMODE(path.stat().st_mode) for path in (cert, key)] == [0o600, 0o600]
    names = ssl._ssl._test_decode_cert(str(cert))["subjectAltName"]  # type: ignore[attr-defined]
    assert names == (("IP Address", "127.0.0.1"), ("DNS", "localhost"), ("DNS", "login1.example"))

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"data": {"edges": {"e": {}}}})

    async with serve(answer, tls((cert, key))) as url, AsyncBridgeClient(url, cert, token="t") as client:
        assert await client.list_edges() == ["e"]


def test_nothing_is_overwritten_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A key that is there already stays, unless ``--force`` is given."""
    (tmp_path / "bridge_key.pem").write_text("precious")
    assert certs("--directory", str(tmp_path)) == 1
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "bridge_key.pem").read_text() == "precious"
    assert certs("--directory", str(tmp_path), "--force") == 0
    assert "PRIVATE KEY" in (tmp_path / "bridge_key.pem").read_text()


@pytest.mark.parametrize("host", ["a,IP:1.2.3.4", "", "a b"])
def test_odd_names_are_refused(tmp_path: Path, host: str) -> None:
    """A name can't smuggle in another one."""
    assert certs("--directory", str(tmp_path), "--host", host) == 2


def test_without_openssl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The missing program is named."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert certs("--directory", str(tmp_path)) == 1
    assert "openssl" in capsys.readouterr().err
