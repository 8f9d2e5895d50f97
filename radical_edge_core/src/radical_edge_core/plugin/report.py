"""What became of one installed plugin."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

Status = Literal["starting", "loaded", "disabled", "unavailable", "failed"]


@frozen(kw_only=True)
class PluginReport:
    """
    One line of ``--list-plugins``, of what an edge announces, and of the portal.

    Attributes:
        name: The entry point's name; the plugin's public name.
        distribution: The distribution that installed it; empty where it is unknown.
        version: That distribution's version.
        status: ``starting`` until ``start`` returns, then ``loaded``; ``disabled`` by configuration or not
            for this host; ``unavailable`` where something that it needs is missing; ``failed`` where it is
            broken.
        reason: Why it is not loaded; what to do about it.
    """

    name: str
    distribution: str = ""
    version: str = ""
    status: Status
    reason: str = ""
