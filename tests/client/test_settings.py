"""Where the client's settings come from, and what they do not allow."""

from __future__ import annotations

from pathlib import Path

import pytest
from yarl import URL

from radical_edge_client.address import check_plain, parse_url, proxy_for
from radical_edge_client.errors import SettingsError
from radical_edge_client.settings import resolve
from radical_edge_core.config import ConfigError


@pytest.fixture
def own_bridge(home: Path) -> Path:
    folder = home / "bridge"
    folder.mkdir(parents=True)
    (folder / "bridge.url").write_text("http://127.0.0.1:8123/\n")
    (folder / "admin.token").write_text("the-admin-token\n")
    return home


def environ(home: Path, **more: str) -> dict[str, str]:
    return {"RADICAL_EDGE_HOME": str(home), **more}


def test_the_state_folder_alone_is_enough(own_bridge: Path) -> None:
    """A bridge on this machine is found with its address and token, and each value says where it is from."""
    found = resolve(environ(own_bridge))
    assert str(found.url) == "http://127.0.0.1:8123"
    assert found.settings.token == "the-admin-token"
    assert found.origins["url"] == f"file {own_bridge}/bridge/bridge.url"
    assert found.origins["token"] == f"file {own_bridge}/bridge/admin.token"
    assert "the-admin-token" not in repr(found)


def test_argument_beats_environment_beats_file_beats_state(own_bridge: Path) -> None:
    """The four sources in their order."""
    (own_bridge / "client.toml").write_text('url = "https://file.example"\ndeadline_s = 5\n')
    assert str(resolve(environ(own_bridge)).url) == "https://file.example"
    env = environ(own_bridge, RADICAL_BRIDGE_URL="https://env.example", RADICAL_BRIDGE_TOKEN="t")
    assert str(resolve(env).url) == "https://env.example"
    assert resolve(env).origins["url"] == "environment RADICAL_BRIDGE_URL"
    found = resolve(env, url="https://arg.example:9", deadline_s=None)
    assert (str(found.url), found.origins["url"]) == ("https://arg.example:9", "argument url")
    assert (found.settings.deadline_s, found.settings.token) == (5.0, "t")


@pytest.mark.parametrize("url", ["https://other.example", "http://other.example:8123"])
def test_the_admin_token_is_for_its_own_bridge_only(own_bridge: Path, url: str) -> None:
    """Another machine's bridge is never sent the token of this machine's bridge."""
    assert resolve(environ(own_bridge, RADICAL_BRIDGE_URL=url)).settings.token is None


def test_the_bridges_certificate_is_found_for_that_bridge_alone(own_bridge: Path) -> None:
    """The certificate that a bridge left beside its address is trusted for this address, under any loopback name."""
    (own_bridge / "bridge" / "bridge.url").write_text("https://localhost:8123\n")
    left = own_bridge / "bridge" / "bridge.cert"
    left.write_text("a certificate")
    for url in (None, "https://127.0.0.1:8123"):
        assert resolve(environ(own_bridge), url=url).settings.cert == str(left)
    for url in ("https://localhost:8124", "http://localhost:8123", "https://other.example:8123"):
        assert resolve(environ(own_bridge), url=url).settings.cert is None
    assert resolve(environ(own_bridge), cert="mine.pem").settings.cert == "mine.pem"


def test_a_bridge_recorded_under_a_host_name_gets_its_token(own_bridge: Path) -> None:
    """The recorded address is the bridge's own, also where it is no loopback one."""
    (own_bridge / "bridge" / "bridge.url").write_text("https://login1.example:8000")
    for url in (None, "https://login1.example:8000/", "https://localhost:8000"):
        assert resolve(environ(own_bridge), url=url).settings.token == "the-admin-token"


def test_no_bridge_known_says_what_to_do(home: Path) -> None:
    """Without any source the error names the ways to give one."""
    with pytest.raises(SettingsError, match=r"radical-edge up.*RADICAL_BRIDGE_URL"):
        _ = resolve(environ(home)).url


def test_an_unknown_key_in_the_file_is_an_error(home: Path) -> None:
    """A misspelt setting does not go unnoticed."""
    home.mkdir()
    (home / "client.toml").write_text('ulr = "https://x"')
    with pytest.raises(ConfigError, match="ulr"):
        resolve(environ(home))


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://localhost:8000/", "https://localhost:8000"),
        ("wss://host:1", "https://host:1"),
        ("ws://127.0.0.1:1/", "http://127.0.0.1:1"),
        ("https://host/hub/user%2Fx/", "https://host/hub/user%2Fx"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_addresses_that_mean_a_bridge(text: str, url: str) -> None:
    """With or without a slash, as edges write it, below a path."""
    assert str(parse_url(text)).rstrip("/") == url


@pytest.mark.parametrize(
    "text",
    [
        "localhost:8000",
        "",
        "host",
        "ftp://host",
        "https://u:p@host",
        "https://host/#token=x",
        "https://h:99999",
    ],
)
def test_addresses_that_are_none(text: str) -> None:
    """What is no bridge URL is refused with an example of one, and a secret in it is not repeated."""
    with pytest.raises(SettingsError, match="https://host:8000") as caught:
        parse_url(text)
    assert "token=x" not in str(caught.value)


def test_plain_http_is_for_this_machine() -> None:
    """To another host it must be allowed by name."""
    check_plain(URL("http://127.0.0.1:8000"), frozenset())
    check_plain(URL("https://host"), frozenset())
    check_plain(URL("http://host"), frozenset({"host"}))
    with pytest.raises(SettingsError, match="RADICAL_BRIDGE_ALLOW_HTTP"):
        check_plain(URL("http://host"), frozenset({"other"}))


def test_proxies_are_honoured_but_never_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """``HTTPS_PROXY`` and ``NO_PROXY`` work as everywhere; what runs here is reached directly."""
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("http_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example,.cluster")
    assert proxy_for(URL("https://outside.example")) == URL("http://proxy.example:3128")
    assert proxy_for(URL("http://outside.example")) == URL("http://proxy.example:3128")
    for direct in (
        "https://inside.example",
        "https://n1.cluster:8000",
        "https://localhost:1",
        "http://127.0.0.2",
    ):
        assert proxy_for(URL(direct)) is None
