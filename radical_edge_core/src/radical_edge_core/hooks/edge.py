"""Hooks of the edge, and of the bridge where it hosts plugins; entry-point group ``radical_edge.plugins``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from radical_edge_core.hooks.markers import hookspec

if TYPE_CHECKING:
    from radical_edge_core.plugin.base import Plugin
    from radical_edge_core.plugin.call import OperationCall
    from radical_edge_core.plugin.context import PluginContext
    from radical_edge_core.plugin.session import PluginSession, SessionRequest


@frozen(kw_only=True)
class EdgeEvent:
    """
    One event, as a plugin published it.

    Attributes:
        edge: The edge's name.
        plugin: The plugin's public name.
        topic: The plugin's topic.
        data: What was published; not to be changed.
        owner: The subject that sees it; empty: whoever may read the plugin.
        durable: Whether it is kept and replayed.
    """

    edge: str
    plugin: str
    topic: str
    data: object
    owner: str
    durable: bool


class EdgeSpec:
    """What a distribution may implement for an edge."""

    @hookspec
    def edge_plugin(self, context: PluginContext) -> Plugin | None:
        """
        Offer one plugin to this edge.

        Called once per entry point, by the loader, in the event loop's thread. Do no I/O here: the host
        awaits ``Plugin.start()`` later, under a deadline.

        Args:
            context: The edge's name, the plugin's configuration table, its folders, the clock, the publisher.

        Returns:
            The plugin; ``None`` where it does not apply here.

        Raises:
            errors.PluginUnavailable: Something that the plugin needs is missing; it is reported
                ``unavailable`` with this reason. Anything else that is raised makes it ``failed``. The other
                plugins load regardless.
        """

    @hookspec(firstresult=True)
    def edge_session(self, plugin: Plugin, request: SessionRequest) -> PluginSession | None:
        """
        Make the object of a new session.

        Called for each ``register_session`` that opens one, by the session table, in the event loop's thread.
        The first result counts; core's default, ``Plugin.create_session``, is asked last.

        Args:
            plugin: Whose session it is to be, of any distribution.
            request: The id, the owner, the name and the options.

        Returns:
            The session, not opened yet; ``None`` leaves it to the next.

        An implementation that raises is logged and passed over.
        """

    @hookspec
    def edge_call(self, call: OperationCall) -> None:
        """
        Take note of a call.

        Called before each operation is run, its arguments checked and its caller allowed, in the event loop's
        thread. It can't change or refuse the call.

        Args:
            call: Who calls what, with which arguments; these may hold what must not be logged.

        An implementation that raises is logged; the call goes on.
        """

    @hookspec
    def edge_event(self, event: EdgeEvent) -> None:
        """
        Take note of an event.

        Called by the host for each event that a plugin publishes, in the event loop's thread, after the event
        was accepted. It can't change or drop the event.

        Args:
            event: What was published, by whom, for whom.

        An implementation that raises is logged; the event goes on.
        """
