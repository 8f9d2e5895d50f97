"""Whose socket listens: read from the kernel's tables."""

from __future__ import annotations

import os
import socket
import sys
from ipaddress import ip_address

import pytest

from radical_edge_client import listener
from radical_edge_client.errors import UntrustedListener
from radical_edge_client.listener import Listener, check_listener, owners, read_listeners

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="the recorded tables are little-endian")

# Recorded on Linux 6.18: a listener on every address, one on ::1, one on 127.0.0.1, and an established
# connection.
TABLE4 = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 0 1145
   1: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000   501 0 1146
   2: 0100007F:1F42 0100007F:9999 01 00000000:00000000 00:00000000 00000000   502 0 1147
"""
TABLE6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000001000000:1F40 00000000000000000000000000000000:0000 0A 0:0 00:0 0 1001 0 1148
   1: 0000000000000000FFFF00000100007F:1F43 00000000000000000000000000000000:0000 0A 0:0 00:0 0 1002 0 1149
"""


def recorded() -> tuple[Listener, ...]:
    return (*read_listeners(TABLE4), *read_listeners(TABLE6))


def test_the_tables_are_read() -> None:
    """Addresses of both versions, ports and users come out; connections are no listeners."""
    assert recorded() == (
        Listener(ip_address("0.0.0.0"), 8000, 1000),
        Listener(ip_address("127.0.0.1"), 8001, 501),
        Listener(ip_address("::1"), 8000, 1001),
        Listener(ip_address("::ffff:127.0.0.1"), 8003, 1002),
    )


@pytest.mark.parametrize(
    ("host", "port", "uids"),
    [
        ("127.0.0.1", 8000, {1000}),
        ("::1", 8000, {1001}),  # the exact address comes before every address
        ("127.0.0.1", 8001, {501}),
        ("127.0.0.2", 8001, set()),
        ("127.0.0.1", 8002, set()),
        ("127.0.0.1", 8003, {1002}),
    ],
)
def test_the_owner_of_an_address(host: str, port: int, uids: set[int]) -> None:
    """The socket that a connection would reach, and nobody else's."""
    assert owners(host, port, recorded()) == uids


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such tables")
def test_an_own_listener_is_trusted() -> None:
    """A socket of this process passes, for both IP versions; once it is closed nothing is there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        check_listener("127.0.0.1", port)
    with pytest.raises(ConnectionRefusedError):
        check_listener("127.0.0.1", port)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such tables")
def test_a_strangers_listener_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen by another user, the same socket is a stranger's, and the text says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(listener, "ROOT", -1)
        monkeypatch.setattr(listener, "this_user", lambda: 4242)
        with pytest.raises(UntrustedListener, match="radical-edge certs"):
            check_listener("127.0.0.1", server.getsockname()[1])


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_listener_of_another_user_is_refused() -> None:
    """A real listener of another user is seen as that user's, whoever holds the socket later."""
    os.seteuid(65534)
    try:
        server = socket.create_server(("127.0.0.1", 0))
    finally:
        os.seteuid(0)
    with server, pytest.raises(UntrustedListener, match="user id 65534"):
        check_listener("127.0.0.1", server.getsockname()[1])
