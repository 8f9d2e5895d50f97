"""The plugin's own settings."""

from __future__ import annotations

from typing import Annotated, Literal

from attrs import frozen
from msgspec import Meta


@frozen(kw_only=True)
class QueueInfoConfig:
    """
    The table ``[plugins.queue_info]``.

    Attributes:
        scheduler: Which one to ask; ``auto`` looks which is here.
        min_interval_s: How old an answer may be; the scheduler is asked at most once in so many seconds for each
            question.
        patience_s: How long a caller is kept waiting for a new answer where an older one is there.
    """

    scheduler: Literal["auto", "slurm", "pbs", "lsf", "none"] = "auto"
    min_interval_s: Annotated[float, Meta(ge=2, le=3600)] = 10.0
    patience_s: Annotated[float, Meta(ge=0, le=300)] = 5.0
