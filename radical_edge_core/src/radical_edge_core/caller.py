"""Who makes a call, as the bridge verified it."""

from __future__ import annotations

from attrs import frozen

from radical_edge_core.scopes import allows


@frozen(kw_only=True)
class Caller:
    """
    The verified origin of one request.

    Attributes:
        subject: Who asks; sessions and jobs belong to a subject.
        scopes: What the credential allows, as texts of ``scopes.py``.
        request_id: Correlates log lines; never decides anything.
        idempotency_key: The caller's ``Idempotency-Key``, where one was sent.
    """

    subject: str
    scopes: tuple[str, ...]
    request_id: str = ""
    idempotency_key: str | None = None

    def may(self, verb: str, edge: str, plugin: str) -> bool:
        """Say whether the caller's scopes allow ``verb`` on one plugin of one edge."""
        return allows(self.scopes, verb, edge, plugin)
