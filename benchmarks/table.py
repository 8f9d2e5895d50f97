"""The findings as text: the configuration first, then one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHOWN_SHARE = 0.02


def columns(title: object, *cells: object) -> str:
    """Return one line of the table."""
    return f"{title:<24}" + "".join(f"{cell:>11}" for cell in cells)


def render(found: Mapping[str, Any]) -> str:
    """Return everything that was found as text for a terminal."""
    machine = found["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    lines = [f"{machine['cpus']} CPUs, Python {machine['python']}, load by {machine['load']}; {versions}", ""]
    for name, text in found["configuration"].items():
        lines += [f"{name}:", *(f"  {line}" for line in text.splitlines()), ""]
    lines += [f"medians of {found['rounds']} rounds of {found['seconds']:g} s; ratios are proxied/direct", ""]
    lines += [columns("small GET", "direct", "proxied", "ratio", "min..max", "p50 ms", "p99 ms")]
    lines += [small(row) for row in found["small"]]
    lines += ["", columns("CPU per request", "hypercorn", "bridge", "edge")]
    lines += [cpu(row) for row in found["small"]]
    lines += ["", columns("one large body", "direct", "proxied", "ratio", "bridge RSS", "edge RSS")]
    lines += [large(row) for row in found["large"]]
    lines += stages(found)
    return "\n".join(lines) + "\n"


def small(row: Mapping[str, Any]) -> str:
    """Return the requests per second at one number of connections."""
    return columns(
        f"req/s, {row['connections']} connections",
        f"{row['direct_per_s']:.0f}",
        f"{row['proxied_per_s']:.0f}",
        f"{row['ratio']:.2f}",
        f"{row['ratio_min']:.2f}..{row['ratio_max']:.2f}",
        f"{row['proxied_p50_ms']:.2f}",
        f"{row['proxied_p99_ms']:.2f}",
    )


def cpu(row: Mapping[str, Any]) -> str:
    """Return the CPU time per request at one number of connections."""
    used = (f"{row['cpu_us'][name]:.0f}" for name in ("hypercorn", "bridge", "edge"))
    return columns(f"µs, {row['connections']} connections", *used)


def large(row: Mapping[str, Any]) -> str:
    """Return the throughput in one direction, and the peak of each process with its growth, in MiB."""
    memory = (f"{row['peak_mib'][name]:.0f} ({row['growth_mib'][name]:+.0f})" for name in ("bridge", "edge"))
    speeds = (f"{row[name]:.0f}" for name in ("direct_mb_per_s", "proxied_mb_per_s"))
    return columns(f"MB/s {row['direction']}, {row['mib']} MiB", *speeds, f"{row['ratio']:.2f}", *memory)


def stages(found: Mapping[str, Any]) -> list[str]:
    """Return the self time by package, as µs of one request at 16 connections where they were measured."""
    rows = {row["connections"]: row for row in found["small"]}
    row = rows.get(16, found["small"][-1])
    lines: list[str] = []
    for name, shares in found["profile"].items():
        whole = row["cpu_us"][name]
        lines += ["", f"{name}: self time by package, of {whole:.0f} µs a request"]
        lines += [
            f"{share:7.1%} {share * whole:7.1f} µs  {package}"
            for package, share in shares.items()
            if share >= SHOWN_SHARE
        ]
    return lines
