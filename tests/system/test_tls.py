"""
A bridge, an edge and callers in processes of their own, over TLS with a certificate that the user made; and what
each is told whose certificate, token or join token is wrong.
"""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from kit import web
from kit.certificates import make_certificate
from kit.hosts import Bridge, Edge
from kit.stand import Stand
from kit.waiting import until

from radical_edge_client import BridgeClient
from radical_edge_core.errors import EdgeError, Unauthorized

Pair = tuple[Path, Path]


@pytest.fixture(scope="module")
def served(shared_stand: Stand, certificate: Pair) -> Bridge:
    """A TLS bridge with the edge ``hpc``, both started as the reference says, and telling all they can."""
    loud = {"RADICAL_LOG_LVL": "DEBUG"}
    bridge = shared_stand.bridge(tls=certificate, also=loud)
    arguments = ("--url", f"wss://localhost:{bridge.port}", "--cert", str(certificate[0]))
    shared_stand.edge("hpc", *arguments, "--plugins", "sysinfo", also=loud)
    bridge.has("hpc", "sysinfo")
    return bridge


def edge_of(stand: Stand, bridge: Bridge, certificate: Pair, name: str, *arguments: str, **also: str) -> Edge:
    """Start an edge with a state folder of its own, so with no other credential than what it is given."""
    address = ("--url", f"wss://localhost:{bridge.port}", "--cert", str(certificate[0]))
    edge = stand.edge(name, *address, "--plugins", "sysinfo", *arguments, also=also)
    edge.errors_expected = True
    return edge


def test_curl_gets_through(served: Bridge, tmp_path: Path, certificate: Pair) -> None:
    """What curl is told with the certificate as its CA comes from the edge."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("there is no curl")
    header = tmp_path / "header"
    header.write_text(f"Authorization: Bearer {served.token}\n", encoding="utf-8")
    url = f"https://localhost:{served.port}/hpc/sysinfo/host_role"
    done = subprocess.run(
        (curl, "-sS", "--fail", "--cacert", str(certificate[0]), "-H", f"@{header}", url),
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["role"] in {"login", "compute"}


async def test_aiohttp_gets_through(served: Bridge) -> None:
    """An HTTP library with the same certificate gets the same answer."""
    assert served.context is not None
    url = f"https://localhost:{served.port}/hpc/sysinfo/homedir"
    async with (
        aiohttp.ClientSession(headers=served.headers()) as session,
        session.get(url, ssl=served.context) as answer,
    ):
        assert answer.status == 200
        assert (await answer.json())["homedir"]


def test_the_sdk_gets_through(
    served: Bridge, shared_stand: Stand, certificate: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``RADICAL_BRIDGE_URL`` with its slash and ``RADICAL_BRIDGE_CERT`` are all that a client needs."""
    monkeypatch.setenv("RADICAL_EDGE_HOME", str(shared_stand.home))
    monkeypatch.setenv("RADICAL_BRIDGE_URL", f"https://localhost:{served.port}/")
    monkeypatch.setenv("RADICAL_BRIDGE_CERT", str(certificate[0]))
    with BridgeClient() as client:
        assert "hpc" in client.list_edges()
        metrics = client.get_edge_client("hpc").get_plugin("sysinfo").get_metrics()
        assert metrics["cpu"]["cores_logical"] >= 1


def test_an_edge_beside_the_bridge_needs_to_be_told_nothing(served: Bridge, shared_stand: Stand) -> None:
    """An edge that shares the bridge's state folder finds address, certificate and join token in it."""
    edge = shared_stand.edge("beside", "--plugins", "sysinfo")
    served.has("beside", "sysinfo")
    edge.stop()


def test_only_http_1_1_is_negotiated(served: Bridge, certificate: Pair) -> None:
    """A client that offers HTTP/2 as well gets HTTP/1.1, over a TLS of today."""
    context = ssl.create_default_context(cafile=str(certificate[0]))
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("localhost", served.port), 10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        assert secured.selected_alpn_protocol() == "http/1.1"
        assert secured.version() in {"TLSv1.2", "TLSv1.3"}


def test_plain_http_to_the_tls_port_is_not_answered(served: Bridge) -> None:
    """A request in the clear gets no answer, and the bridge goes on."""
    with socket.create_connection(("localhost", served.port), 10) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        plain.settimeout(30)
        with suppress(ConnectionResetError):
            assert not plain.recv(4096).startswith(b"HTTP")
    assert served.ask("GET", "/healthz").status == 200


# --- who is refused -------------------------------------------------------------------------------


def test_an_edge_with_another_certificate_is_told_which_to_give(
    served: Bridge, stand: Stand, other_certificate: Pair
) -> None:
    """An edge that can't verify the bridge ends with 3 and says which option helps."""
    edge = edge_of(stand, served, other_certificate, "hpc", RADICAL_EDGE_JOIN_TOKEN="whatever")
    assert edge.wait() == 3
    assert "certificate is not trusted" in edge.output
    assert "--cert or RADICAL_BRIDGE_CERT" in edge.output


def test_an_edge_verifies_the_name_too(stand: Stand) -> None:
    """A certificate that is trusted but made for another host does not do."""
    elsewhere = make_certificate(stand.folder, "DNS:bridge.example", "rsa:2048")
    log = stand.folder / "bridge.log"
    arguments = ("--port", "0", "--cert", str(elsewhere[0]), "--key", str(elsewhere[1]))
    # Not by `stand.bridge`, which asks whether it is ready, and verifies its name.
    bridge = Bridge(arguments, stand.environ, log, stand.home)
    stand.processes.append(bridge)
    bridge.wait_for(" listens on ")
    edge = edge_of(stand, bridge, elsewhere, "hpc")
    assert edge.wait() == 3
    assert "certificate is not trusted" in edge.output


def test_a_wrong_join_token_is_refused(served: Bridge, stand: Stand, certificate: Pair) -> None:
    """A join token that the bridge does not know: exit code 3, and where to get one."""
    wrong = stand.folder / "wrong.token"
    wrong.write_text("not-a-join-token\n", encoding="utf-8")
    wrong.chmod(0o600)
    edge = edge_of(stand, served, certificate, "stranger", "--join-token-file", str(wrong))
    assert edge.wait() == 3
    assert "--join-token-file" in edge.output
    assert "token create --join" in edge.output
    assert "not-a-join-token" not in edge.output


def test_no_join_token_at_all_is_told(served: Bridge, stand: Stand, certificate: Pair) -> None:
    """An edge with an empty state folder and no join token says what to give it."""
    edge = edge_of(stand, served, certificate, "stranger")
    assert edge.wait() == 3
    assert "RADICAL_EDGE_JOIN_TOKEN" in edge.output


def test_a_join_token_ends(served: Bridge, stand: Stand, certificate: Pair) -> None:
    """A join token made for one visit is worth nothing after its time, nor after that visit."""
    late = served.post("/tokens", {"join": True, "expires_s": 0.001})["token"]
    edge = edge_of(stand, served, certificate, "late", RADICAL_EDGE_JOIN_TOKEN=late)
    assert edge.wait() == 3
    assert "join token" in edge.output

    once = served.post("/tokens", {"join": True})["token"]
    first = edge_of(stand, served, certificate, "one", RADICAL_EDGE_JOIN_TOKEN=once)
    served.has("one")
    second = edge_of(stand, served, certificate, "two", RADICAL_EDGE_JOIN_TOKEN=once)
    assert second.wait() == 3
    assert first.running
    for process in stand.processes:
        assert late not in process.output
        assert once not in process.output


def test_a_name_that_is_taken_is_refused(served: Bridge, stand: Stand, certificate: Pair) -> None:
    """A join token does not give a name away that another edge has joined with."""
    token = served.post("/tokens", {"join": True})["token"]
    edge = edge_of(stand, served, certificate, "hpc", RADICAL_EDGE_JOIN_TOKEN=token)
    assert edge.wait() == 3
    assert "choose another --name" in edge.output
    assert "edges forget hpc" in edge.output


@pytest.mark.parametrize(
    ("authorization", "word"),
    [
        (None, "no credential"),
        ("Bearer not-a-token", "unknown or revoked"),
        ("Bearer ", "unknown or revoked"),
        ("Basic YWRtaW46YWRtaW4=", "no bearer token"),
        ("not-even-a-scheme", "no bearer token"),
    ],
)
def test_a_wrong_token_is_refused(served: Bridge, authorization: str | None, word: str) -> None:
    """Every way in asks for a token, and says how to get one."""
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, path in (("GET", "/edge/list"), ("GET", "/events"), ("GET", "/hpc/sysinfo/homedir")):
        with web.exchange(served.url, method, path, headers=headers, context=served.context) as response:
            answer = web.whole(response)
        assert answer.status == 401, path
        problem = answer.json()
        assert problem["code"] == "unauthorized"
        assert word in problem["detail"]
        assert "radical-edge token create" in problem["detail"]
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_credential_of_an_edge_is_no_token(served: Bridge, shared_stand: Stand) -> None:
    """What opens the door for an edge opens none for callers, and the other way round."""
    for secret in (shared_stand.home / "edges/hpc/credential", shared_stand.home / "bridge/join.token"):
        token = secret.read_text(encoding="utf-8").strip()
        assert served.ask("GET", "/edge/list", token=token).status == 401


def test_an_expired_and_a_revoked_token_are_refused(served: Bridge) -> None:
    """A token ends with its time, and another when it is revoked, for requests on any connection."""
    short = served.post("/tokens", {"expires_s": 1.5, "label": "short"})["token"]
    long = served.post("/tokens", {"expires_s": 3600})
    path = "/hpc/sysinfo/homedir"
    assert served.ask("GET", path, token=short).status == 200
    answer = until(lambda: found if (found := served.ask("GET", path, token=short)).status != 200 else None)
    assert answer.status == 401
    assert "'short' has expired" in answer.json()["detail"]
    assert "radical-edge token create" in answer.json()["detail"]

    assert served.ask("GET", path, token=long["token"]).status == 200
    assert served.ask("DELETE", f"/tokens/{long['id']}").ok["status"] == "revoked"
    assert served.ask("GET", path, token=long["token"]).status == 401


def test_the_sdk_says_what_is_wrong(
    served: Bridge, certificate: Pair, other_certificate: Pair, shared_stand: Stand,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A wrong token and a wrong certificate are two different errors, each with a way out."""
    monkeypatch.setenv("RADICAL_EDGE_HOME", str(shared_stand.home))
    url = f"https://localhost:{served.port}/"
    with (
        BridgeClient(url, certificate[0], token="wrong") as client,
        pytest.raises(Unauthorized, match="radical-edge token create"),
    ):
        client.list_edges()
    with (
        BridgeClient(url, other_certificate[0]) as client,
        pytest.raises(EdgeError, match=r"shows another certificate than .*: copy"),
    ):
        client.list_edges()


def test_the_command_line_says_what_is_wrong(
    served: Bridge, shared_stand: Stand, certificate: Pair, other_certificate: Pair
) -> None:
    """The command line ends with 4 for a wrong token, with 3 where the bridge can't be verified."""
    url = f"https://localhost:{served.port}/"
    fine = {"RADICAL_BRIDGE_URL": url, "RADICAL_BRIDGE_CERT": str(certificate[0])}
    listed = shared_stand.console("radical-edge", "edges", "--json", also=fine)
    assert listed.wait() == 0
    assert "hpc" in listed.output
    refused = shared_stand.console("radical-edge", "edges", also=fine | {"RADICAL_BRIDGE_TOKEN": "wrong"})
    assert refused.wait() == 4
    assert "radical-edge token create" in refused.output
    other = {"RADICAL_BRIDGE_CERT": str(other_certificate[0])}
    mistrusted = shared_stand.console("radical-edge", "edges", also=fine | other)
    assert mistrusted.wait() == 3
    assert f"shows another certificate than {other_certificate[0]}" in mistrusted.output


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_plain_http_beyond_this_machine_is_refused(stand: Stand, host: str) -> None:
    """A bridge without a certificate listens on loopback only, unless told otherwise by name."""
    bridge = stand.console("radical-edge-bridge", "--host", host, "--port", "0")
    assert bridge.wait() == 2
    for way_out in ("--cert", "--key", "--plain-http"):
        assert way_out in bridge.output


def test_half_a_certificate_is_refused(stand: Stand, certificate: Pair) -> None:
    """A certificate without its key, a path with nothing there, a file of another kind: exit code 2, and why."""
    cert, nothing = str(certificate[0]), str(stand.folder / "nothing")
    for given, word in (
        (("--cert", cert), "--key"),
        (("--cert", nothing, "--key", nothing), "radical-edge certs"),
        (("--cert", cert, "--key", cert), "--key"),
    ):
        bridge = stand.console("radical-edge-bridge", "--port", "0", *given)
        assert bridge.wait() == 2, given
        assert word in bridge.output, given


# --- what must not be seen ------------------------------------------------------------------------


def test_no_secret_is_seen(served: Bridge, shared_stand: Stand) -> None:
    """Secrets are on no command line and no log line, also at DEBUG; state is for its owner alone."""
    served.get("/hpc/sysinfo/homedir")
    edge = next(process for process in shared_stand.processes if isinstance(process, Edge))
    secrets = shared_stand.secrets()
    assert len(secrets) >= 3, "admin token, join token, each edge's credential"
    for process in (served, edge):
        seen = process.command_lines() + process.output.encode()
        assert b"radical-edge-" in seen
        assert not [secret for secret in secrets if secret.encode() in seen]
    home = shared_stand.home
    for path in (
        home,
        *home.glob("bridge/**/*"),
        *home.glob("bridge"),
        *home.glob("edges/**/*"),
        *home.glob("edges"),
    ):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
