"""
The one tree of errors, on both hosts and in every client.

::

    EdgeError                   code                 status  transient
     +- BadRequest              bad_request             400
     +- Unauthorized            unauthorized            401
     +- Forbidden               forbidden               403
     +- NotFound                not_found               404
     +- MethodNotAllowed        method_not_allowed      405
     +- Conflict                conflict                409
     |   +- OutcomeUnknown      outcome_unknown         409
     +- Expired                 expired                 410
     +- TooLarge                too_large               413
     +- RangeNotSatisfiable     range_not_satisfiable   416
     +- InvalidRequest          invalid                 422
     +- TooManyRequests         rate_limited            429  yes
     +- PluginFailure           plugin_failure          500
     +- NotSupported            not_supported           501
     +- EdgeLost                edge_lost               502  yes
     +- Unavailable             unavailable             503  yes
     |   +- EdgeAway            edge_away               503  yes
     |   +- PluginUnavailable   plugin_unavailable      503  yes
     |   +- Overloaded          overloaded              503  yes
     +- DeadlineExceeded        deadline                504  yes
     +- NoRoom                  no_room                 507

Each class carries a stable ``code``, the HTTP status it travels under, and whether the same call may succeed
later (``transient``). What made it happen is in ``data``, and so in the problem document, not only in the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

PROBLEM_FIELDS = frozenset({"error", "status_code", "code", "detail", "transient"})


class EdgeError(RuntimeError):
    """
    The root of the tree; ``str()`` begins with ``HTTP <status>``.

    Args:
        detail: One sentence: starts lower case, names the thing, says what to do next. Never a secret.
        data: What made it happen; JSON values, written beside the standard fields of the problem document.
    """

    code: ClassVar[str] = "error"
    status_code: int = 500
    transient: bool = False
    untouched: bool = False
    """Whether nothing outside was touched before this was raised, so that the same call may begin anew."""

    def __init__(self, detail: str, /, **data: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.data = data

    def __str__(self) -> str:
        return f"HTTP {self.status_code}: {self.detail}"

    def before_acting(self) -> Self:
        """Mark that nothing outside was touched, and return the error, to be raised."""
        self.untouched = True
        return self

    def problem(self) -> dict[str, object]:
        """Return the ``application/problem+json`` document of this error."""
        return {
            **self.data,
            "error": True,
            "status_code": self.status_code,
            "code": self.code,
            "detail": self.detail,
            "transient": self.transient,
        }


class BadRequest(EdgeError):
    """The request is malformed: its JSON, its framing, its path."""

    code = "bad_request"
    status_code = 400


class Unauthorized(EdgeError):
    """No credential, or one that is wrong, revoked or expired."""

    code = "unauthorized"
    status_code = 401


class Forbidden(EdgeError):
    """The credential lacks the scope, or the file system says no."""

    code = "forbidden"
    status_code = 403


class NotFound(EdgeError):
    """The route, edge, plugin, session, job or file does not exist, for this caller."""

    code = "not_found"
    status_code = 404


class MethodNotAllowed(EdgeError):
    """The path exists, the method does not; ``allow`` lists those that do."""

    code = "method_not_allowed"
    status_code = 405


class Conflict(EdgeError):
    """The state of the thing forbids it: a file exists, a name is in use."""

    code = "conflict"
    status_code = 409


class OutcomeUnknown(Conflict):
    """An earlier attempt with the same key was begun and nobody knows how it ended."""

    code = "outcome_unknown"


class Expired(EdgeError):
    """The session was there and is no more."""

    code = "expired"
    status_code = 410


class TooLarge(EdgeError):
    """The body is above the configured limit; ``limit_bytes`` says which."""

    code = "too_large"
    status_code = 413


class RangeNotSatisfiable(EdgeError):
    """The file ends before the range begins; ``size`` is its length in bytes."""

    code = "range_not_satisfiable"
    status_code = 416


class InvalidRequest(EdgeError):
    """
    A well-formed body or query that does not fit the operation.

    Args:
        problems: Every field that is wrong: ``{"path": "$.jobs[0].walltime_s", "message": "expected int, got str"}``.
    """

    code = "invalid"
    status_code = 422

    def __init__(
        self, detail: str = "", /, *, problems: Sequence[Mapping[str, str]] = (), **data: object
    ) -> None:
        found = [dict(problem) for problem in problems]
        if not detail:
            detail = "; ".join(f"{p['path']}: {p['message']}" for p in found) or "the request is invalid"
        if not found:
            found = [{"path": "$", "message": detail}]
        super().__init__(detail, problems=found, **data)
        self.problems = found


class TooManyRequests(EdgeError):
    """One subject asks too often; ``retry_after_s`` says when to come back."""

    code = "rate_limited"
    status_code = 429
    transient = True


class PluginFailure(EdgeError):
    """A plugin raised what it should not; ``request_id`` finds the traceback in the edge's log."""

    code = "plugin_failure"
    status_code = 500


class NotSupported(EdgeError):
    """The request is understood, and this system does not do it."""

    code = "not_supported"
    status_code = 501


class EdgeLost(EdgeError):
    """The link to the edge ended before its answer began."""

    code = "edge_lost"
    status_code = 502
    transient = True


class Unavailable(EdgeError):
    """Not now; ``retry_after_s`` says when to come back."""

    code = "unavailable"
    status_code = 503
    transient = True


class EdgeAway(Unavailable):
    """The edge is enrolled, and has no live link for longer than the call may wait."""

    code = "edge_away"


class PluginUnavailable(Unavailable):
    """The plugin is starting, or could not start; ``status`` and ``reason`` say which."""

    code = "plugin_unavailable"


class Overloaded(Unavailable):
    """A bound of the bridge or the edge is reached."""

    code = "overloaded"


class DeadlineExceeded(EdgeError):
    """No answer in time."""

    code = "deadline"
    status_code = 504
    transient = True


class NoRoom(EdgeError):
    """No room or quota left where the work would be kept."""

    code = "no_room"
    status_code = 507


def _tree(root: type[EdgeError]) -> list[type[EdgeError]]:
    return [root, *(found for child in root.__subclasses__() for found in _tree(child))]


BY_CODE: Mapping[str, type[EdgeError]] = {cls.code: cls for cls in _tree(EdgeError)}
_BY_STATUS: Mapping[int, type[EdgeError]] = {
    cls.status_code: cls for cls in reversed(_tree(EdgeError)) if cls is not EdgeError
}


def from_problem(document: object, status_code: int) -> EdgeError:
    """
    Return the error that a problem document tells of; the class is found by ``code``, else by status.

    Args:
        document: The decoded body; anything but an object gives an error that only knows its status.
        status_code: The HTTP status that the body came with; it wins over the document's own.
    """
    known = document if isinstance(document, Mapping) else {}
    cls = BY_CODE.get(str(known.get("code")), _BY_STATUS.get(status_code, EdgeError))
    data = {str(key): value for key, value in known.items() if key not in PROBLEM_FIELDS}
    problems = data.pop("problems", ())
    if isinstance(problems, Sequence):
        problems = [problem for problem in problems if isinstance(problem, Mapping)]
    detail = str(known.get("detail") or f"the server answered {status_code}")
    error = (
        cls(detail, problems=problems, **data)
        if issubclass(cls, InvalidRequest) and isinstance(problems, Sequence)
        else cls(detail, **data)
    )
    error.status_code = status_code
    if "transient" in known:
        error.transient = bool(known["transient"])
    return error
