"""Plugins that a test has as classes, as a host finds them: by entry points."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import Any

from radical_edge_core.plugin.base import Plugin


class GivenPlugin(EntryPoint):
    """
    The entry point of a plugin class that no distribution installs.

    Args:
        plugin: What a loader gets.
        name: Its public name; by default the class's own.
    """

    def __init__(self, plugin: type[Plugin], name: str = "") -> None:
        super().__init__(
            name or plugin.name, f"{plugin.__module__}:{plugin.__qualname__}", "radical_edge.plugins"
        )
        vars(self)["plugin"] = plugin  # an entry point refuses attributes

    def load(self) -> Any:
        """Return the class."""
        return vars(self)["plugin"]


Given = type[Plugin] | EntryPoint


def entry_points_of(plugins: Iterable[Given]) -> list[EntryPoint]:
    """Return entry points for plugin classes; those given as entry points stay as they are."""
    return [given if isinstance(given, EntryPoint) else GivenPlugin(given) for given in plugins]
