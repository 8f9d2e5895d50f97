"""A claim: who runs the payload of a folder."""

from __future__ import annotations

from attrs import frozen

from radical_edge_core.jobs.process import Process

VOID = "void"  # the folder's maker took the claim itself: no shim will ever run the payload


@frozen(kw_only=True)
class Claim:
    """
    The holder of a folder.

    ``local.<boot id>.<pid>.<start time>``, ``<scheduler>.<job id>``, or ``void.<reason>``.

    Attributes:
        id: The whole text; shims compare it.
        kind: The part before the first dot.
        name: The rest: the scheduler's job id.
    """

    id: str
    kind: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Claim | None:
        """Return the claim that ``text`` names, ``None`` where it names none."""
        kind, dot, name = text.strip().partition(".")
        return cls(id=text.strip(), kind=kind, name=name) if dot and name else None

    @property
    def boot(self) -> str:
        """The boot that a local claim was made in."""
        return self.name.split(".")[0] if self.kind == "local" else ""

    @property
    def process(self) -> Process | None:
        """The shim's process, of a local claim; it also leads the session of the payload."""
        parts = self.name.split(".")
        if self.kind != "local" or len(parts) != 3 or not (parts[1].isdigit() and parts[2].isdigit()):
            return None
        return Process(pid=int(parts[1]), start=int(parts[2]))
