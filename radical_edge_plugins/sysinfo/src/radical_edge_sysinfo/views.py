"""How the portal shows the host: plots of what changes, gauges of what fills, the rest as facts."""

from __future__ import annotations

from collections.abc import Mapping

VIEWS: Mapping[str, object] = {
    "streams": {"metrics": {"topic": "metrics", "time": "/time"}},
    "views": [
        {
            "id": "cpu",
            "kind": "plot",
            "title": "CPU",
            "stream": "metrics",
            "unit": "percent",
            "summary": True,
            "series": [{"field": "/cpu/percent", "label": "CPU"}],
        },
        {
            "id": "memory",
            "kind": "plot",
            "title": "Memory",
            "stream": "metrics",
            "unit": "bytes",
            "series": [
                {"field": "/memory/used", "label": "Used"},
                {"field": "/memory/total", "label": "Total"},
            ],
        },
        {
            "id": "gpu",
            "kind": "plot",
            "title": "GPU",
            "stream": "metrics",
            "unit": "percent",
            "each": "/gpus",
            "series": [{"field": "/util_gpu", "label": "/id"}],
        },
        {
            "id": "gpu_memory",
            "kind": "gauge",
            "title": "GPU memory",
            "operation": "get_metrics",
            "unit": "mebibytes",
            "each": "/gpus",
            "label": "/id",
            "used": "/mem_used",
            "of": "/mem_total",
        },
        {
            "id": "network",
            "kind": "plot",
            "title": "Network, received",
            "stream": "metrics",
            "unit": "bytes_per_second",
            "each": "/network",
            "series": [{"field": "/rx_rate", "label": "/interface"}],
        },
        {
            "id": "disks",
            "kind": "gauge",
            "title": "File systems",
            "operation": "get_metrics",
            "unit": "bytes",
            "each": "/disks",
            "label": "/mount",
            "used": "/used",
            "of": "/total",
        },
        {"id": "host", "kind": "facts", "title": "Host", "operation": "get_metrics"},
        {"id": "role", "kind": "facts", "title": "Role", "operation": "host_role"},
    ],
}
