"""
What a plugin's author imports.

A plugin is a ``Plugin`` subclass whose methods (and those of its ``PluginSession``) are declared with
``operation``; the REST route, its description, the Python client, the command line and the portal's form all
come from that one declaration.
"""

from __future__ import annotations

from radical_edge_core.plugin.base import Plugin
from radical_edge_core.plugin.client import PluginClient
from radical_edge_core.plugin.context import PluginContext, current_caller
from radical_edge_core.plugin.declare import PluginDefinitionError, operation
from radical_edge_core.plugin.session import PluginSession
from radical_edge_core.plugin.transport import StreamedResponse, Transport

__all__ = [
    "Plugin",
    "PluginClient",
    "PluginContext",
    "PluginDefinitionError",
    "PluginSession",
    "StreamedResponse",
    "Transport",
    "current_caller",
    "operation",
]
