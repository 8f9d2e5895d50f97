"""
What a credential may do: ``verb:edge/plugin`` with globs, for example ``read:*/queues`` or ``write:hpc-*``.

``write`` includes ``read`` on the same target; ``function`` and ``admin`` include nothing else. A target without a
slash names every plugin of the edges it matches. The bridge's own affairs are the target ``bridge``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from attrs import frozen

from radical_edge_core.errors import InvalidRequest

VERBS: Final = ("read", "write", "function", "admin")
EVERYTHING: Final = ("read:*", "write:*", "function:*", "admin:*")
_GLOB: Final = re.compile(r"[A-Za-z0-9._*?\-]{1,128}")


@frozen
class Scope:
    """One verb on the edges and plugins that two globs match."""

    verb: str
    edge: str
    plugin: str

    def covers(self, verb: str, edge: str, plugin: str) -> bool:
        """Say whether this scope allows ``verb`` on a plugin of an edge (or, with globs, on all of those)."""
        if self.verb != verb and not (self.verb == "write" and verb == "read"):
            return False
        return fnmatchcase(edge, self.edge) and fnmatchcase(plugin, self.plugin)


def parse_scope(text: str) -> Scope:
    """
    Read ``verb:edge/plugin``.

    Raises:
        InvalidRequest: The text is no scope; it says why.
    """
    verb, colon, target = text.partition(":")
    edge, _, plugin = target.partition("/")
    if not colon or verb not in VERBS:
        raise InvalidRequest(f"scope {text!r} does not begin with one of {', '.join(f'{v}:' for v in VERBS)}")
    if not _GLOB.fullmatch(edge) or not _GLOB.fullmatch(plugin or "*"):
        raise InvalidRequest(f"scope {text!r} is not verb:edge/plugin, as in read:*/queues or write:hpc-*")
    return Scope(verb, edge, plugin or "*")


def allows(scopes: Iterable[str], verb: str, edge: str, plugin: str) -> bool:
    """Say whether any of ``scopes`` allows ``verb`` on one plugin of one edge."""
    return _decide(tuple(scopes), verb, edge, plugin)


def reaches(scopes: Iterable[str], edge: str, plugin: str) -> bool:
    """Say whether ``scopes`` allow anything at all there; a first sieve before the effect of a call is known."""
    return any(_decide(tuple(scopes), verb, edge, plugin) for verb in ("read", "function", "admin"))


def touches(scopes: Iterable[str], edge: str) -> bool:
    """Say whether ``scopes`` allow anything on any plugin of an edge."""
    return any(fnmatchcase(edge, parse_scope(text).edge) for text in scopes)


def not_covered(wanted: Iterable[str], held: Iterable[str]) -> list[str]:
    """
    Return those of the ``wanted`` scopes that no single held scope covers.

    A wanted glob is covered by a held one that matches whatever it matches: ``hpc-*`` covers ``hpc-1``, ``hpc-?`` and
    ``hpc-*``, while ``hpc-?`` does not cover ``hpc-*``.
    """
    own = [parse_scope(text) for text in held]
    return [text for text in wanted if not any(_includes(scope, parse_scope(text)) for scope in own)]


def _includes(held: Scope, want: Scope) -> bool:
    if held.verb != want.verb and not (held.verb == "write" and want.verb == "read"):
        return False
    return _wider(held.edge, want.edge) and _wider(held.plugin, want.plugin)


def _wider(held: str, wanted: str) -> bool:
    """Say whether the glob ``held`` matches everything that the glob ``wanted`` does."""
    # Whether held[i:] is wider than wanted[j:]; a star of the wanted one is taken by a star only.
    reached = {0}
    for sign in held:
        if sign == "*":
            reached = set(range(min(reached, default=len(wanted) + 1), len(wanted) + 1))
        else:
            reached = {
                j + 1
                for j in reached
                if j < len(wanted) and (wanted[j] == sign or (sign == "?" and wanted[j] != "*"))
            }
    return len(wanted) in reached


@lru_cache(maxsize=4096)
def _decide(scopes: tuple[str, ...], verb: str, edge: str, plugin: str) -> bool:
    return any(parse_scope(text).covers(verb, edge, plugin) for text in scopes)
