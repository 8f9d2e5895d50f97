"""The plugin's table of the edge's configuration."""

from __future__ import annotations

from typing import Annotated

from attrs import frozen
from msgspec import Meta


@frozen(kw_only=True)
class PsijConfig:
    """
    The table ``[plugins.psij]``.

    Attributes:
        cancel_grace_s: How long a job may clean up after TERM, before it is killed.
        keep_days: A job's folder, with its output, goes that long after its end.
        keep_mib: Beyond that size, the folders of the jobs that ended first go.
    """

    cancel_grace_s: Annotated[float, Meta(ge=0, le=3600)] = 10.0
    keep_days: Annotated[float, Meta(ge=0)] = 30.0
    keep_mib: Annotated[int, Meta(ge=0)] = 10_240
