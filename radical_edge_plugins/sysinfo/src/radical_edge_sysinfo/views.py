"""How the portal shows the host: plots of what changes, gauges of what fills, the rest as facts."""

from __future__ import annotations

from collections.abc import Mapping

VIEWS: Mapping[str, object] = {
    "streams": {
        "metrics": {"topic": "metrics", "time": "/time", "history": "history", "samples": "/samples"}
    },
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
        {
            "id": "host",
            "kind": "facts",
            "title": "Host",
            "operation": "get_metrics",
            "fields": [
                {"field": "/system/hostname", "label": "Name", "format": "code"},
                {"field": "/system/os", "label": "System"},
                {"field": "/system/kernel", "label": "Kernel", "format": "code"},
                {"field": "/system/arch", "label": "Architecture"},
                {"field": "/system/uptime", "label": "Up for", "format": "duration"},
                {"field": "/cpu/model", "label": "Processor"},
                {"field": "/cpu/cores_physical", "label": "Cores"},
                {"field": "/cpu/cores_logical", "label": "Threads"},
                {"field": "/cpu/load_avg", "label": "Load"},
                {"field": "/memory/total", "label": "Memory", "format": "bytes"},
                {"field": "/memory/available", "label": "Memory available", "format": "bytes"},
            ],
        },
        {
            "id": "role",
            "kind": "facts",
            "title": "Role",
            "operation": "host_role",
            "fields": [
                {"field": "/role", "label": "Host is a"},
                {"field": "/scheduler", "label": "Scheduler"},
                {"field": "/job_id", "label": "Batch job", "format": "code"},
            ],
        },
    ],
}
