"""The plugin's table of the edge's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import attrs
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
        shared_dir: Where the folders of a scheduler's jobs are; its nodes must see it under the same path. Without
            it the edge's ``job_dir``, or below the home directory where that lies among temporary files.
        interval_s: Seconds between two looks at a scheduler's queue, however many jobs there are.
        submit_s: A submission that takes longer is given up, undecided.
        margin_s: How many seconds a file that a node wrote may take until the edge sees it.
        custom_attributes: The site's ``"<executor>.<option>" = value``, under those of the caller.
    """

    cancel_grace_s: Annotated[float, Meta(ge=0, le=3600)] = 10.0
    keep_days: Annotated[float, Meta(ge=0)] = 30.0
    keep_mib: Annotated[int, Meta(ge=0)] = 10_240
    shared_dir: str | None = None
    interval_s: Annotated[float, Meta(ge=2, le=3600)] = 10.0
    submit_s: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    margin_s: Annotated[float, Meta(ge=0, le=600)] = 5.0
    custom_attributes: Mapping[str, str] = attrs.field(factory=dict)
