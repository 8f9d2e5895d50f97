"""From a method and the segments of a path to an operation, by look-up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen

from radical_edge_core.plugin.operation import Operation
from radical_edge_core.plugin.paths import parameter_of


@frozen
class Match:
    """
    The operations at one path.

    Attributes:
        operations: By method; ``HEAD`` is served by the one of ``GET``.
        segments: The path's decoded segments.
    """

    operations: Mapping[str, Operation]
    segments: Sequence[str]

    def allow(self) -> list[str]:
        """Return the methods that exist here."""
        return sorted({*self.operations, *(["HEAD"] if "GET" in self.operations else [])})

    def find(self, method: str) -> Operation | None:
        """Return the operation of a method, if there is one."""
        return self.operations.get("GET" if method == "HEAD" else method)

    def parameters(self, operation: Operation) -> dict[str, str]:
        """Return the decoded segments that the operation's path names."""
        return {name: self.segments[index] for index, name in operation.path_parameters}


@frozen
class _Shape:
    """Templates that differ in the names of their parameters only."""

    literals: tuple[tuple[int, str], ...]
    operations: dict[str, Operation] = field(factory=dict)


class RouteTable:
    """Operations by the number of segments and the first literal; the shape with most literals wins."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        shapes: dict[tuple[int, tuple[tuple[int, str], ...]], _Shape] = {}
        for operation in operations:
            literals = tuple(
                (index, segment)
                for index, segment in enumerate(operation.segments)
                if parameter_of(segment) is None
            )
            shape = shapes.setdefault((len(operation.segments), literals), _Shape(literals))
            shape.operations[operation.method] = operation
        self._index: dict[tuple[int, str], list[_Shape]] = defaultdict(list)
        for (count, literals), shape in shapes.items():
            first = literals[0][1] if literals and literals[0][0] == 0 else ""
            self._index[count, first].append(shape)
        for found in self._index.values():
            found.sort(key=lambda shape: -len(shape.literals))

    def match(self, segments: Sequence[str]) -> Match | None:
        """Return what is at a path, whatever the method; ``None`` where nothing is."""
        if not segments:
            return None
        for first in (segments[0], ""):
            for shape in self._index.get((len(segments), first), ()):
                if all(segments[index] == literal for index, literal in shape.literals):
                    return Match(shape.operations, segments)
        return None
