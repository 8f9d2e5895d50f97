"""The clients for programs without an event loop: the asynchronous ones, in a loop of their own."""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType
from typing import Any, Self

from radical_edge_client.blocking import Blocking, blocking
from radical_edge_client.bridge import AsyncBridgeClient
from radical_edge_client.callback_thread import CallbackThread
from radical_edge_client.edge import AsyncEdgeClient
from radical_edge_client.loop_thread import LoopThread


class BridgeClient(Blocking):
    """
    One bridge. May be used from several threads, and inside a notebook.

    Callbacks run one after the other in a thread of their own: they may block, and may call this client.

    Args:
        url: The bridge's address; by default ``RADICAL_BRIDGE_URL``, else what the state folder says.
        cert: A PEM file with the bridge's own certificate or its authority's; by default
            ``RADICAL_BRIDGE_CERT``.
        token: By default ``RADICAL_BRIDGE_TOKEN``, else the admin token of this machine's own bridge.
        deadline_s: Seconds after which a call that may be repeated is given up; others get ten times as long.

    Raises:
        SettingsError: No bridge is known, or the settings do not allow to speak to it.
    """

    _target: AsyncBridgeClient

    def __init__(
        self,
        url: str | None = None,
        cert: str | os.PathLike[str] | None = None,
        *,
        token: str | None = None,
        deadline_s: float | None = None,
    ) -> None:
        loop, callbacks = LoopThread(), CallbackThread()
        try:
            target = loop.call(
                AsyncBridgeClient, url, cert, token=token, deadline_s=deadline_s, run_callback=callbacks.run
            )
        except BaseException:
            loop.close()
            raise
        super().__init__(loop, target)
        # Also when it is forgotten, and at the interpreter's end.
        self._finish = weakref.finalize(self, _finish, loop, target, callbacks)

    list_edges = blocking(AsyncBridgeClient.list_edges)
    topology = blocking(AsyncBridgeClient.topology)
    known_edges = blocking(AsyncBridgeClient.known_edges)
    register_callback = blocking(AsyncBridgeClient.register_callback)
    unregister_callback = blocking(AsyncBridgeClient.unregister_callback)
    register_topology_callback = blocking(AsyncBridgeClient.register_topology_callback)
    unregister_topology_callback = blocking(AsyncBridgeClient.unregister_topology_callback)
    register_gap_callback = blocking(AsyncBridgeClient.register_gap_callback)
    unregister_gap_callback = blocking(AsyncBridgeClient.unregister_gap_callback)
    wait_for_listener = blocking(AsyncBridgeClient.wait_for_listener)
    create_token = blocking(AsyncBridgeClient.create_token)
    list_tokens = blocking(AsyncBridgeClient.list_tokens)
    revoke_token = blocking(AsyncBridgeClient.revoke_token)
    disconnect_edge = blocking(AsyncBridgeClient.disconnect_edge)
    forget_edge = blocking(AsyncBridgeClient.forget_edge)
    terminate_bridge = blocking(AsyncBridgeClient.terminate_bridge)

    @property
    def url(self) -> str:
        """The bridge's address."""
        return self._target.url

    def get_edge_client(self, edge_id: str) -> EdgeClient:
        """Return the client of one edge; the edge is asked when it is first needed."""
        return EdgeClient(self, self._target.get_edge_client(edge_id))

    def close(self) -> None:
        """Stop listening, let go of every connection, and end the loop; may be called again."""
        self._finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class EdgeClient(Blocking):
    """One edge of a bridge; made by ``BridgeClient.get_edge_client``."""

    _target: AsyncEdgeClient

    def __init__(self, bridge: BridgeClient, target: AsyncEdgeClient) -> None:
        super().__init__(bridge._loop, target)  # noqa: SLF001  # the same loop, by design
        self._bridge = bridge  # which must not be closed as forgotten while this is in use

    list_plugins = blocking(AsyncEdgeClient.list_plugins)
    describe = blocking(AsyncEdgeClient.describe)

    @property
    def name(self) -> str:
        """The edge's name."""
        return self._target.name

    def get_plugin(self, plugin_name: str, **session_kwargs: Any) -> PluginClient:
        """
        Return the client of one plugin, with a session open where the plugin has sessions.

        Args:
            plugin_name: Its name on this edge.
            session_kwargs: What the session is opened with; ``name`` gets the session of that name where it
                exists.
        """
        target = self._loop.call(self._target.get_plugin, plugin_name, **session_kwargs)
        return PluginClient(self._bridge, target)


class PluginClient(Blocking):
    """
    One plugin of one edge; made by ``EdgeClient.get_plugin``.

    It has the methods of the plugin's own client, and one for each operation that the edge describes.
    """

    def __init__(self, bridge: BridgeClient, target: Any) -> None:
        super().__init__(bridge._loop, target)  # noqa: SLF001  # the same loop, by design
        self._bridge = bridge

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call(self._target.close)


def _finish(loop: LoopThread, target: AsyncBridgeClient, callbacks: CallbackThread) -> None:
    if loop.is_here():  # collected as garbage by the loop's own thread, which can't wait for itself
        threading.Thread(target=_finish, args=(loop, target, callbacks), name="radical-edge-closing").start()
        return
    loop.call(target.close)
    loop.close()
    callbacks.close()
