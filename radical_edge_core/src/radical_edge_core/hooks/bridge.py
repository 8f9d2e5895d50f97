"""Hooks of the bridge; entry-point group ``radical_edge.bridge``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from attrs import field, frozen

from radical_edge_core.caller import Caller
from radical_edge_core.hooks.markers import hookspec

if TYPE_CHECKING:
    from starlette.routing import BaseRoute


@frozen(kw_only=True)
class BridgeContext:
    """
    What a distribution is told of the bridge.

    Attributes:
        url: Where callers reach it.
        state_dir: The bridge's state folder.
        config: The distribution's own table of the configuration.
    """

    url: str
    state_dir: Path
    config: Mapping[str, object] = field(factory=dict)


class Authenticator(Protocol):
    """Recognises one kind of credential."""

    async def authenticate(self, headers: Mapping[str, str]) -> Caller | None:
        """
        Return who a request's headers (lower-case names) prove to be.

        ``None``: not a credential of this kind; the next authenticator is asked. ``errors.Unauthorized``: it
        is one, and it is wrong; nobody else is asked.
        """


@frozen(kw_only=True)
class TopologyChange:
    """
    An edge came, went or changed.

    Attributes:
        edge: Its name.
        kind: What happened.
        plugins: Its plugins after the change, by name, as ``/edge/list`` shows them.
    """

    edge: str
    kind: Literal["connected", "changed", "away", "removed"]
    plugins: Mapping[str, object] = field(factory=dict)


class BridgeSpec:
    """What a distribution may implement for a bridge."""

    @hookspec
    def bridge_authenticators(self, context: BridgeContext) -> Sequence[Authenticator] | None:
        """
        Offer ways to recognise a caller, beside the bridge's own tokens.

        Called once, while the bridge starts, in the event loop's thread. The authenticators are asked in
        order after the bridge's own; each call is under a deadline.

        Args:
            context: The bridge's address, folder and the distribution's configuration.

        Returns:
            The authenticators; ``None`` counts as none.

        An implementation that raises is logged and reported; the bridge starts without it.
        """

    @hookspec
    def bridge_routes(self, context: BridgeContext) -> Sequence[BaseRoute] | None:
        """
        Add routes to the bridge, such as the portal's pages.

        Called once, while the bridge starts, in the event loop's thread. The bridge's own routes win; where
        callers need no credential is the bridge's list and not changed by this.

        Args:
            context: The bridge's address, folder and the distribution's configuration.

        Returns:
            Starlette routes; ``None`` counts as none.

        An implementation that raises is logged and reported; the bridge starts without it.
        """

    @hookspec
    def bridge_topology(self, change: TopologyChange) -> None:
        """
        Take note that an edge came, went or changed.

        Called for each change, in the event loop's thread, after the change is in effect.

        Args:
            change: Which edge, what happened, its plugins now.

        An implementation that raises is logged; the others are still told.
        """
