"""
``/metrics`` in Prometheus' text form.

Requests are counted in plain numbers, per edge, plugin and status class, and turned into metric families only when
somebody asks: on the hot path a count costs a dictionary look-up and no more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from radical_edge_core.bridge.proxy import Passage

BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_MAX_SERIES: Final = 2000


class _Series:
    __slots__ = ("buckets", "count", "seconds", "sent")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BUCKETS_S) + 1)
        self.count = 0
        self.seconds = 0.0
        self.sent = 0


class Metrics:
    """
    The numbers of one bridge.

    Args:
        gauges: Names, help texts and how to read the present value.
        per_edge: The same for values that each connected edge has: how to read them all, by its name.
    """

    def __init__(
        self,
        gauges: Mapping[str, tuple[str, Callable[[], float]]],
        per_edge: Mapping[str, tuple[str, Callable[[], Mapping[str, float]]]],
    ) -> None:
        self._gauges = gauges
        self._per_edge = per_edge
        self._series: dict[tuple[str, str, int], _Series] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def count(self, passage: Passage, duration_s: float) -> None:
        """Count one finished request. Names that no edge has are counted together, so that nobody can add series."""
        known = passage.status not in {0, 401, 404} or passage.aborted
        key = (passage.edge, passage.plugin, passage.status) if known else ("-", "-", passage.status)
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= _MAX_SERIES:
                key = ("-", "-", passage.status)
            series = self._series.setdefault(key, _Series())
        series.count += 1
        series.seconds += duration_s
        series.sent += passage.sent
        series.buckets[bisect_left(BUCKETS_S, duration_s)] += 1

    def collect(self) -> Iterable[Metric]:
        """Return the metric families; called by prometheus-client."""
        labels = ["edge", "plugin", "status"]
        seconds = HistogramMetricFamily("radical_edge_request_seconds", "Duration of requests", labels=labels)
        sent = CounterMetricFamily("radical_edge_response_bytes", "Body bytes sent to callers", labels=labels)
        for (edge, plugin, status), series in sorted(self._series.items()):
            values = [edge, plugin, str(status)]
            total, buckets = 0, []
            for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), series.buckets, strict=True):
                total += count
                buckets.append((bound, float(total)))
            seconds.add_metric(values, buckets=buckets, sum_value=series.seconds)
            sent.add_metric(values, series.sent)
        yield seconds
        yield sent
        for name, (about, read) in self._gauges.items():
            yield GaugeMetricFamily(f"radical_edge_{name}", about, value=read())
        for name, (about, read_all) in self._per_edge.items():
            family = GaugeMetricFamily(f"radical_edge_{name}", about, labels=["edge"])
            for edge, value in read_all().items():
                family.add_metric([edge], value)
            yield family

    def text(self) -> bytes:
        """Return the exposition format."""
        return generate_latest(self._registry)
