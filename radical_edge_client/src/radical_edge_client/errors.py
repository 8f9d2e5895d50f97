"""
What can go wrong before or beside an answer of the bridge; the rest of the tree is
``radical_edge_core.errors``.

::

    ConfigError
     +- SettingsError            the caller's settings do not allow the call; nothing was sent
         +- NoBridge             no address is known
         +- UntrustedListener    plain HTTP, and the port belongs to somebody else
    EdgeError
     +- BridgeUnreachable        503, transient: no connection, or it broke before an answer began
     |   +- CertificateRefused   503: TLS verification failed; repeating does not help
     |   +- NotABridge           503: something answers there that is no bridge
     +- TransferInterrupted      502, transient: the answer broke off after ``received`` bytes
"""

from __future__ import annotations

from radical_edge_core.config import ConfigError
from radical_edge_core.errors import EdgeLost, Unavailable


class SettingsError(ConfigError):
    """
    The settings at hand do not allow the call; one sentence says what to set. No server said it, so no
    status.
    """

    def __str__(self) -> str:
        return self.detail


class NoBridge(SettingsError):
    """Neither arguments nor environment nor state folder name a bridge."""


class UntrustedListener(SettingsError):
    """What listens on the loopback port is neither root's nor this user's; the token was not sent."""


class BridgeUnreachable(Unavailable):
    """No connection to the bridge, or it broke before an answer began."""

    code = "bridge_unreachable"


class CertificateRefused(BridgeUnreachable):
    """The bridge's certificate is not the expected one, or not for this host name."""

    code = "certificate_refused"
    transient = False


class NotABridge(BridgeUnreachable):
    """The answer is not what a bridge says: a proxy's page, a redirect, another service."""

    code = "not_a_bridge"
    transient = False


class TransferInterrupted(EdgeLost):
    """
    The body of an answer broke off; what came so far is good.

    Args:
        received: Bytes of the body that were handed out; continue from there, by offset or ``Range``.
    """

    code = "transfer_interrupted"

    def __init__(self, detail: str = "", *, received: int) -> None:
        super().__init__(detail or f"the answer broke off after {received} bytes", received=received)

    @property
    def received(self) -> int:
        """How many bytes there are; of a file that is put together from several answers, of the file."""
        found = self.data["received"]
        return found if isinstance(found, int) else 0
