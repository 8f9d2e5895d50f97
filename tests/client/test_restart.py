"""A bridge that is killed and started again: for a client an interruption, not a loss."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from radical_edge_client import BridgeClient


def test_a_bridge_restart_is_a_pause(
    home: Path, start: Callable[..., Any], wait_until: Callable[..., None]
) -> None:
    """Reads begun meanwhile are answered, and every notification is heard once, in order."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    bridge = start("radical-edge-bridge", "--port", str(port))
    wait_until((home / "bridge" / "bridge.url").exists, bridge)
    url = f"http://127.0.0.1:{port}"
    edge = start("radical-edge-service", "--name", "local", "--url", url, "--plugins", "example")
    heard: queue.Queue[int] = queue.Queue()
    with BridgeClient(url) as client:
        wait_until(lambda: "example" in client.topology().get("local", {}).get("plugins", {}), bridge, edge)
        plugin = client.get_edge_client("local").get_plugin("example")
        client.register_callback("local", "example", "ticked", lambda *told: heard.put(told[3]["number"]))
        assert client.wait_for_listener(10)
        plugin.tick(count=5)
        assert [heard.get(timeout=10) for _ in range(5)] == list(range(5))

        bridge.process.kill()
        bridge.process.wait()
        answers: queue.Queue[Any] = queue.Queue()
        reading = threading.Thread(target=lambda: answers.put(plugin.echo("during the restart")))
        reading.start()
        start("radical-edge-bridge", "--port", str(port))
        assert answers.get(timeout=30)["text"] == "during the restart"
        reading.join()
        plugin.tick(count=5)
        assert [heard.get(timeout=20) for _ in range(5)] == list(range(5))
        assert heard.empty()
