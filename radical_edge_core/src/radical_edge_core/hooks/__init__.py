"""
The contract with the outside: what installed distributions may implement.

A module named by an entry point of ``radical_edge.plugins`` (edge), ``radical_edge.bridge`` or
``radical_edge.clients`` holds functions marked with ``hookimpl`` and named as in ``EdgeSpec``, ``BridgeSpec``
or ``ClientSpec``. All hooks are synchronous and cheap: they hand over objects, and the host does the
awaiting. An implementation takes those of the listed arguments that it needs.
"""

from __future__ import annotations

from radical_edge_core.hooks.bridge import (
    Authenticator,
    BridgeContext,
    BridgeSpec,
    TopologyChange,
)
from radical_edge_core.hooks.client import ClientSpec
from radical_edge_core.hooks.edge import EdgeEvent, EdgeSpec
from radical_edge_core.hooks.markers import PROJECT, hookimpl, hookspec

__all__ = [
    "PROJECT",
    "Authenticator",
    "BridgeContext",
    "BridgeSpec",
    "ClientSpec",
    "EdgeEvent",
    "EdgeSpec",
    "TopologyChange",
    "hookimpl",
    "hookspec",
]
