"""The plugin's own settings."""

from __future__ import annotations

from attrs import field, frozen, validators

MIN_INTERVAL_S = 0.5
MAX_INTERVAL_S = 3600.0
MIN_HISTORY_S = 2.0
# The processors are watched for a fifth of a second; less time than this would cut that off on a busy host.
MIN_DEADLINE_S = 0.5


@frozen(kw_only=True)
class SysinfoConfig:
    """
    Settings of ``sysinfo``.

    Args:
        metrics_interval_s: Seconds between two events of the topic ``metrics`` where no session asks for
            another.
        probe_deadline_s: Seconds after which a group of measurements is cut off and named under ``errors``.
        min_interval_s: Seconds for which a measurement serves every caller before it is taken again.
        history_interval_s: Seconds between two samples of the last hour, for plots; 0 keeps none.
        program_path: Folders searched for the GPU vendors' programs after those on ``PATH``.
    """

    metrics_interval_s: float = field(
        default=2.0, validator=[validators.ge(MIN_INTERVAL_S), validators.le(MAX_INTERVAL_S)]
    )
    probe_deadline_s: float = field(default=5.0, validator=validators.ge(MIN_DEADLINE_S))
    min_interval_s: float = field(default=1.0, validator=validators.ge(0))
    history_interval_s: float = field(default=10.0)
    program_path: tuple[str, ...] = ("/opt/rocm/bin",)

    @history_interval_s.validator
    def _bounded(self, attribute: object, value: float) -> None:  # noqa: ARG002 - attrs' own signature
        if value and not MIN_HISTORY_S <= value <= MAX_INTERVAL_S:
            raise ValueError(f"history_interval_s is 0 or from {MIN_HISTORY_S:g} to {MAX_INTERVAL_S:g}")
