"""
Credentials at rest: ``tokens.db`` keeps hashes, never secrets.

Everything is in memory as well, so that a request is checked without touching the disk; the file is written before
a change counts.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from radical_edge_core.errors import NotFound
from radical_edge_core.storage import Database

_MIGRATIONS = (
    """
    CREATE TABLE token (
        id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, subject TEXT NOT NULL, scopes TEXT NOT NULL,
        label TEXT NOT NULL, created REAL NOT NULL, expires REAL);
    CREATE TABLE edge (name TEXT PRIMARY KEY, hash BLOB NOT NULL, enrolled REAL NOT NULL)
    """,
    """
    CREATE TABLE browser (hash BLOB PRIMARY KEY, token BLOB NOT NULL, expires REAL NOT NULL)
    """,
)


def digest(secret: str) -> bytes:
    """Return what is stored of a secret: its SHA-256 (the secrets are random, so no salt is needed)."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def mint() -> str:
    """Return a new secret of 256 random bits."""
    return secrets.token_urlsafe(32)


@frozen(kw_only=True)
class TokenRecord:
    """
    One token as it is kept.

    Attributes:
        kind: ``token`` for callers, ``join`` for one edge's first visit.
        created, expires: Seconds since the epoch; ``expires`` is ``None`` for a token that lasts.
    """

    id: str
    hash: bytes = field(repr=False)
    kind: str = "token"
    subject: str
    scopes: tuple[str, ...]
    label: str = ""
    created: float
    expires: float | None = None

    def expired(self, now: float) -> bool:
        """Say whether the token is past its time."""
        return self.expires is not None and now >= self.expires

    def public(self) -> dict[str, object]:
        """Return what may be shown of the token; the secret is not among it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "subject": self.subject,
            "scopes": list(self.scopes),
            "label": self.label,
            "created": self.created,
            "expires": self.expires,
        }


class CredentialStore:
    """The tokens and edge credentials of one bridge."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _MIGRATIONS)
        self._tokens: dict[bytes, TokenRecord] = {}
        self._edges: dict[str, bytes] = {}
        self._browsers: dict[bytes, tuple[bytes, float]] = {}

    async def start(self) -> None:
        """Open the file and read what it holds."""
        self._database.start()
        rows, edges, browsers = await self._database.run(_read_all)
        now = time.time()
        for row in rows:
            record = TokenRecord(
                id=row[0], hash=row[1], kind=row[2], subject=row[3], scopes=tuple(row[4].split()),
                label=row[5], created=row[6], expires=row[7],
            )  # fmt: skip
            if not record.expired(now - 86400):
                self._tokens[record.hash] = record
        self._edges = dict(edges)
        self._browsers = {row[0]: (row[1], row[2]) for row in browsers if row[2] > now}

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def find(self, secret: str) -> TokenRecord | None:
        """Return the token whose secret this is."""
        return self._tokens.get(digest(secret))

    def hold(self, record: TokenRecord) -> None:
        """Keep a token in memory only: the one that lives in a file of the state folder."""
        self._tokens[record.hash] = record

    def drop(self, record: TokenRecord) -> None:
        """Let a token open nothing any more, in memory only."""
        self._tokens.pop(record.hash, None)

    def tokens(self, subject: str | None = None) -> list[TokenRecord]:
        """Return the kept tokens, oldest first; those of one subject where it is named."""
        found = [t for t in self._tokens.values() if subject is None or t.subject == subject]
        return sorted(found, key=lambda token: token.created)

    async def create(
        self, *, subject: str, scopes: Sequence[str], label: str, expires_s: float | None, kind: str = "token"
    ) -> tuple[TokenRecord, str]:
        """Make and keep a token; return it and its secret, which nobody can ask for again."""
        secret, now = mint(), time.time()
        record = TokenRecord(
            id=secrets.token_hex(6), hash=digest(secret), kind=kind, subject=subject, scopes=tuple(scopes),
            label=label, created=now, expires=None if expires_s is None else now + expires_s,
        )  # fmt: skip
        row = (
            record.id, record.hash, kind, subject, " ".join(scopes), label, record.created, record.expires,
        )  # fmt: skip
        await self._write("INSERT INTO token VALUES (?,?,?,?,?,?,?,?)", row)
        self._tokens[record.hash] = record
        return record, secret

    def token(self, token_id: str, subject: str | None = None) -> TokenRecord:
        """
        Return the token of an id.

        Raises:
            NotFound: No such token, or not one of ``subject``.
        """
        found = next((t for t in self.tokens(subject) if t.id == token_id), None)
        if found is None:
            raise NotFound(f"there is no token {token_id[:80]!r}; `radical-edge token list` shows them")
        return found

    async def revoke(self, record: TokenRecord) -> None:
        """Forget a token; it opens nothing from this moment on."""
        self.drop(record)
        await self._write("DELETE FROM token WHERE id=?", (record.id,))

    async def open_browser(self, token: TokenRecord, lifetime_s: float) -> tuple[str, float]:
        """Let a browser in on the strength of a token; return the cookie's secret and when it ends."""
        secret, now = mint(), time.time()
        expires = now + lifetime_s if token.expires is None else min(now + lifetime_s, token.expires)
        await self._write("DELETE FROM browser WHERE expires<?", (now,))
        await self._write("INSERT INTO browser VALUES (?,?,?)", (digest(secret), token.hash, expires))
        self._browsers = {key: kept for key, kept in self._browsers.items() if kept[1] > now}
        self._browsers[digest(secret)] = token.hash, expires
        return secret, expires

    def browser(self, secret: str) -> tuple[TokenRecord, float] | None:
        """Return the token that a cookie's secret stands for, while both hold, and when the cookie ends."""
        hashed, expires = self._browsers.get(digest(secret), (b"", 0.0))
        token, now = self._tokens.get(hashed), time.time()
        return None if token is None or expires <= now or token.expired(now) else (token, expires)

    async def close_browser(self, secret: str) -> None:
        """Forget a browser; its cookie opens nothing from this moment on."""
        self._browsers.pop(digest(secret), None)
        await self._write("DELETE FROM browser WHERE hash=?", (digest(secret),))

    def enrolled(self, name: str) -> bool:
        """Say whether an edge of that name has ever joined."""
        return name in self._edges

    def edges(self) -> list[str]:
        """Return the names of all edges that ever joined."""
        return sorted(self._edges)

    def is_credential(self, name: str, secret: str) -> bool:
        """Say whether ``secret`` is the credential of the edge ``name``."""
        kept = self._edges.get(name)
        return kept is not None and secrets.compare_digest(kept, digest(secret))

    def owns_any(self, secret: str) -> bool:
        """Say whether ``secret`` is the credential of some edge."""
        hashed = digest(secret)
        return any(secrets.compare_digest(kept, hashed) for kept in self._edges.values())

    async def enrol(self, name: str) -> str:
        """Bind ``name`` to a new credential and return its secret."""
        secret = mint()
        row = (name, digest(secret), time.time())
        await self._write("INSERT OR REPLACE INTO edge VALUES (?,?,?)", row)
        self._edges[name] = row[1]
        return secret

    async def forget(self, name: str) -> None:
        """
        Free an edge's name.

        Raises:
            NotFound: No edge of that name ever joined.
        """
        if self._edges.pop(name, None) is None:
            raise NotFound(f"no edge named {name!r} has ever joined")
        await self._write("DELETE FROM edge WHERE name=?", (name,))

    async def _write(self, statement: str, values: tuple[object, ...]) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute(statement, values)

        await self._database.run(work)


def _read_all(db: sqlite3.Connection) -> tuple[list[Any], list[Any], list[Any]]:
    return (
        db.execute("SELECT * FROM token").fetchall(),
        db.execute("SELECT name, hash FROM edge").fetchall(),
        db.execute("SELECT hash, token, expires FROM browser").fetchall(),
    )
