"""
Python SDK and command line of Radical Edge.

``BridgeClient`` is for ordinary programs and notebooks, ``AsyncBridgeClient`` for programs with an event
loop.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from radical_edge_client.bridge import AsyncBridgeClient
    from radical_edge_client.edge import AsyncEdgeClient
    from radical_edge_client.errors import (
        BridgeUnreachable,
        CertificateRefused,
        NoBridge,
        NotABridge,
        SettingsError,
        TransferInterrupted,
        UntrustedListener,
    )
    from radical_edge_client.sync import BridgeClient, EdgeClient, PluginClient

__version__ = "0.1.0"

__all__ = [
    "AsyncBridgeClient",
    "AsyncEdgeClient",
    "BridgeClient",
    "BridgeUnreachable",
    "CertificateRefused",
    "EdgeClient",
    "NoBridge",
    "NotABridge",
    "PluginClient",
    "SettingsError",
    "TransferInterrupted",
    "UntrustedListener",
]

_HOME_OF: Final = {
    "AsyncBridgeClient": "bridge",
    "AsyncEdgeClient": "edge",
    "BridgeClient": "sync",
    "EdgeClient": "sync",
    "PluginClient": "sync",
}


def __getattr__(name: str) -> Any:
    """Import on first use: ``--help`` needs nothing of it, and HTTP takes a while to import."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF.get(name, 'errors')}"), name)
