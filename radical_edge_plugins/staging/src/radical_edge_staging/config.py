"""The plugin's own settings."""

from __future__ import annotations

from attrs import field, frozen, validators

KIB = 1024
MIB = 1024 * KIB


@frozen(kw_only=True)
class StagingConfig:
    """
    Settings of ``staging``.

    Args:
        roots: Folders below which every path must lie, absolute or beginning with ``~``.
        inline_limit_bytes: Largest file that ``put`` and ``get`` carry inside a JSON document; larger ones
            are for the streaming routes.
        list_limit: Most entries that ``list`` returns.
        chunk_bytes: How much is read or written at a time.
    """

    roots: tuple[str, ...] = field(default=("~", "/tmp"), validator=validators.min_len(1))  # noqa: S108 - the contract's
    inline_limit_bytes: int = field(default=5 * MIB, validator=validators.ge(0))
    list_limit: int = field(default=100_000, validator=validators.ge(1))
    chunk_bytes: int = field(default=256 * KIB, validator=[validators.ge(4 * KIB), validators.le(4 * MIB)])
