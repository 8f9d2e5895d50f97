"""What callers write keeps its types; this module is type-checked, and never run."""

from __future__ import annotations

from typing import Any, assert_type

from radical_edge_client import AsyncBridgeClient, AsyncEdgeClient, BridgeClient, EdgeClient, PluginClient


def a_program_without_a_loop() -> None:
    """The blocking client has the types of the asynchronous one, without the waiting."""
    with BridgeClient(url="https://bridge.example.org:8000/", cert="bridge_cert.pem") as bridge:
        assert_type(bridge, BridgeClient)
        assert_type(bridge.list_edges(), list[str])
        assert_type(bridge.wait_for_listener(timeout=5), bool)
        edge = bridge.get_edge_client("hpc1")
        assert_type(edge, EdgeClient)
        assert_type(edge.list_plugins(), dict[str, Any])
        plugin = edge.get_plugin("sysinfo", name="mine")
        assert_type(plugin, PluginClient)


def heard(edge: str, plugin: str, topic: str, data: object) -> None:
    """Take a notification."""


async def a_program_with_a_loop() -> None:
    """The asynchronous client is awaited."""
    async with AsyncBridgeClient() as bridge:
        assert_type(bridge, AsyncBridgeClient)
        bridge.register_callback(edge_id="hpc1", topic="job_status", callback=heard)
        assert_type(await bridge.list_edges(), list[str])
        edge = bridge.get_edge_client("hpc1")
        assert_type(edge, AsyncEdgeClient)
        plugin = await edge.get_plugin("psij")
        assert_type(await plugin.call("list_jobs"), object)
