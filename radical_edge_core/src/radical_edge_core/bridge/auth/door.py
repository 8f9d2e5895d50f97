"""
The door: who a request comes from, and which edge a link belongs to.

There is no unauthenticated mode. The admin and the join token are files of the state folder, made at the first start.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from attrs import frozen

from radical_edge_core.bridge.auth.store import CredentialStore, TokenRecord, digest
from radical_edge_core.errors import Conflict, Forbidden, Unauthorized
from radical_edge_core.scopes import EVERYTHING
from radical_edge_core.state import ADMIN_TOKEN, JOIN_TOKEN, lasting_secret

ADMIN_ID = "admin"
# Begins a credential that the bridge made out of a browser's cookie; no header of a request can hold this byte.
BROWSER = b"\0"
_HOW = "give a token as `Authorization: Bearer ...`; `radical-edge token create` makes one"


@frozen
class Identity:
    """A verified caller: subject and scopes of the token that came with the request."""

    subject: str
    scopes: tuple[str, ...]
    token_id: str


class Door:
    """
    Checks credentials.

    Args:
        store: Where tokens and edge credentials are kept.
        folder: The bridge's state folder, with the admin and join token files.
    """

    def __init__(self, store: CredentialStore, folder: Path) -> None:
        self.store = store
        self._folder = folder
        self._join = b""
        self._unconfirmed: dict[str, tuple[str, bytes]] = {}
        self._known: dict[bytes, tuple[TokenRecord, Identity]] = {}
        # Cookies know no ports: two bridges on one host must not overwrite each other's.
        self.cookie = f"radical_edge_{hashlib.sha256(bytes(folder.resolve())).hexdigest()[:8]}"

    def open(self) -> None:
        """Read, or make, the admin and join tokens of the state folder."""
        admin = lasting_secret(self._folder / ADMIN_TOKEN)
        record = TokenRecord(
            id=ADMIN_ID,
            hash=digest(admin),
            subject="admin",
            scopes=EVERYTHING,
            label="made at first start",
            created=0.0,
        )
        self.store.hold(record)
        self._join = digest(lasting_secret(self._folder / JOIN_TOKEN))

    def identify(self, authorization: bytes | None) -> Identity:
        """
        Return who sent a request with this ``Authorization`` value.

        Raises:
            Unauthorized: None was sent, or it is unknown, revoked or expired; the text says what to do.
        """
        if authorization is None:
            raise Unauthorized(f"no credential: {_HOW}")
        if authorization.startswith(BROWSER):
            found = self.store.browser(_secret_in(authorization))
            if found is None:
                raise Unauthorized("this browser is not signed in any more")
            return Identity(found[0].subject, found[0].scopes, found[0].id)
        key = hashlib.sha256(authorization).digest()
        known = self._known.get(key)
        if known is None:
            known = self._look_up(authorization)
            if len(self._known) > 4096:
                self._known.clear()
            self._known[key] = known
        record, identity = known
        if record.expires is not None and record.expired(time.time()):
            self._known.pop(key, None)
            raise Unauthorized(f"the token {record.label or record.id!r} has expired: {_HOW}")
        return identity

    async def sign_in(self, token: str, lifetime_s: float) -> tuple[str, float]:
        """
        Let a browser in that gave a token; return its cookie's secret and when that ends.

        Raises:
            Unauthorized: The token is unknown.
        """
        record = self.store.find(token)
        if record is None:
            raise Unauthorized(f"the token is unknown or revoked: {_HOW}")
        return await self.store.open_browser(record, lifetime_s)

    async def sign_out(self, credential: bytes) -> None:
        """Make a browser's cookie open nothing any more."""
        await self.store.close_browser(_secret_in(credential))

    def signed_in_until(self, credential: bytes) -> float:
        """Return when a browser's cookie ends."""
        found = self.store.browser(_secret_in(credential))
        return 0.0 if found is None else found[1]

    def lifetime(self, identity: Identity, wanted_s: float | None) -> float | None:
        """Return how long a token made by ``identity`` may live: no longer than its own, ``None`` for ever."""
        own = next((t for t in self.store.tokens() if t.id == identity.token_id), None)
        if own is None or own.expires is None:
            return wanted_s
        left_s = own.expires - time.time()
        return left_s if wanted_s is None else min(wanted_s, left_s)

    def forget(self) -> None:
        """Drop what was remembered of checked credentials, after one was revoked."""
        self._known.clear()

    def _look_up(self, authorization: bytes) -> tuple[TokenRecord, Identity]:
        kind, _, secret = authorization.decode("latin-1").partition(" ")
        if kind.lower() != "bearer":
            raise Unauthorized(f"the credential is no bearer token: {_HOW}")
        record = self.store.find(secret.strip())
        if record is None or record.kind != "token":
            raise Unauthorized(f"the token is unknown or revoked: {_HOW}")
        return record, Identity(record.subject, record.scopes, record.id)

    def knocks(self, secret: str) -> bool:
        """Say whether ``secret`` may open a link at all, before the edge has said its name."""
        record = self.store.find(secret)
        joins = record is not None and record.kind == "join" and not record.expired(time.time())
        hashed = digest(secret)
        return (
            joins
            or hashed == self._join
            or self.store.owns_any(secret)
            or any(joined_by == hashed for _, joined_by in self._unconfirmed.values())
        )

    async def admit(self, name: str, secret: str, instance: str) -> str | None:
        """
        Let the edge ``name`` in with its credential or a join token.

        The answer to a join may be lost on its way. Until an edge has come with its credential, the same instance
        (``Hello.instance``) may join again with the same token, be it a one-time one, and gets another credential.

        Returns:
            The edge's new credential where it joined just now, ``None`` where it came with its own.

        Raises:
            Unauthorized: The join token is unknown, used or expired.
            Forbidden: The credential belongs to another name.
            Conflict: The name is enrolled, and this is not its credential.
        """
        if self.store.is_credential(name, secret):
            self._unconfirmed.pop(name, None)
            return None
        if self.store.owns_any(secret):
            raise Forbidden(f"this credential belongs to another edge than {name!r}")
        if self._unconfirmed.get(name) == (instance, digest(secret)) and self.store.enrolled(name):
            return await self.store.enrol(name)
        record = self.store.find(secret)
        one_time = record is not None and record.kind == "join" and not record.expired(time.time())
        if not one_time and digest(secret) != self._join:
            raise Unauthorized(
                "the join token is unknown, used or expired: give the bridge's bridge/join.token by --join-token-file, "
                "or a new one from `radical-edge token create --join`"
            )
        if self.store.enrolled(name):
            raise Conflict(
                f"the name {name!r} is enrolled to another edge: start with that edge's state folder, choose another "
                f"--name, or free it with `radical-edge edges forget {name}`"
            )
        if record is not None and one_time:
            # Gone before anything is waited for, so that another edge can't use it meanwhile.
            self.store.drop(record)
        try:
            credential = await self.store.enrol(name)
        except BaseException:
            if record is not None and one_time:
                self.store.hold(record)
            raise
        self._unconfirmed[name] = (instance, digest(secret))
        if record is not None and one_time:
            await self.store.revoke(record)
        return credential


def _secret_in(credential: bytes) -> str:
    return credential[len(BROWSER) :].decode("ascii", "replace")
