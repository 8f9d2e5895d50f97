"""One HTTP call as data: what is sent, before anything is."""

from __future__ import annotations

import json as json_text
import math
import uuid
from collections.abc import AsyncIterable, Mapping
from typing import Final
from urllib.parse import urlencode

from attrs import field, frozen
from yarl import URL

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_WAIT_S: Final = 3600  # the bridge takes no more
Body = bytes | AsyncIterable[bytes]


@frozen(kw_only=True)
class Call:
    """
    A call below the bridge's URL.

    Attributes:
        path: Begins with a slash; each segment percent-encoded.
        json: The body as JSON values.
        params: The query; ``None`` values are left out, booleans are written ``true`` and ``false``, and each
            item of a list is a parameter of its own.
        content: Raw bytes instead of ``json``.
        headers: Further headers; they win over our own.
        deadline_s: How long the caller waits; the bridge is told a little less, so that its own words come in time.
            ``None`` leaves it to the bridge.
        key: The ``Idempotency-Key`` of a mutating call; the same for each attempt.
    """

    method: str
    path: str
    json: object = None
    params: Mapping[str, object] | None = None
    content: Body | None = None
    headers: Mapping[str, str] | None = None
    deadline_s: float | None = None
    key: str = field(factory=lambda: uuid.uuid4().hex)

    def url(self, base: URL) -> str:
        """Return the whole URL; what is percent-encoded stays as it is."""
        query = [
            (name, _text(each))
            for name, value in (self.params or {}).items()
            for each in (value if isinstance(value, (list, tuple)) else [value])
            if each is not None
        ]
        return f"{str(base).rstrip('/')}{self.path}" + (f"?{urlencode(query)}" if query else "")

    def body(self) -> Body | None:
        """
        Return the bytes to send, ``None`` for no body.

        Raises:
            ValueError: A number that JSON does not have (NaN, infinity).
            TypeError: A value of a type that JSON does not have.
        """
        if self.content is not None or self.json is None:
            return self.content
        return json_text.dumps(self.json, allow_nan=False, separators=(",", ":")).encode()

    def all_headers(self) -> dict[str, str]:
        """Return the headers that come from the call itself; the credential is the transport's affair."""
        made = {"Accept": "application/json, application/problem+json;q=0.9, */*;q=0.5"}
        if self.content is not None:
            made["Content-Type"] = "application/octet-stream"
        elif self.json is not None:
            made["Content-Type"] = "application/json"
        if self.method not in READS and self.content is None:
            made["Idempotency-Key"] = self.key
        if self.deadline_s is not None and self.deadline_s >= 2:
            made["Prefer"] = f"wait={min(math.floor(self.deadline_s) - 1, LONGEST_WAIT_S)}"
        given = self.headers or {}
        replaced = {name.lower() for name in given}
        return {name: value for name, value in made.items() if name.lower() not in replaced} | dict(given)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
