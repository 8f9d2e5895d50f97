"""
Measure the proxy beside its ceiling: ``python benchmarks/run.py``.

Both run at once and are loaded in turn. Reported are the medians of the ratios of neighbouring rounds, since
on a shared machine the absolute numbers of two runs differ by more than most
changes do.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bulk import Transfer, transfer
from load import Load, generator, load
from stages import profile
from stand import Stand, stand
from table import render

DIRECTIONS = ("down", "up")


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; the defaults end within four minutes."""
    parser = argparse.ArgumentParser(description="Measure the proxy beside its ceiling.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of everything")
    parser.add_argument("--seconds", type=float, default=3, help="length of one load")
    parser.add_argument("--connections", default="1,16,64", help="numbers of connections")
    parser.add_argument("--mib", type=int, default=256, help="size of the large body in MiB")
    parser.add_argument("--profile", action="store_true", help="sample both processes with py-spy as well")
    parser.add_argument("--json", action="store_true", help="print one JSON document in place of the table")
    return parser.parse_args(arguments)


def small_requests(built: Stand, wanted: argparse.Namespace, folder: Path) -> list[dict[str, object]]:
    """Load both targets in turn at each number of connections."""
    counts = [int(count) for count in wanted.connections.split(",")]
    found: dict[int, list[tuple[Load, Load]]] = {count: [] for count in counts}
    for number in range(wanted.rounds):
        for count in counts:
            order = (built.direct, built.proxied) if number % 2 == 0 else (built.proxied, built.direct)
            pair = {
                target.name: load(target, connections=count, seconds=wanted.seconds, folder=folder)
                for target in order
            }
            found[count].append((pair["direct"], pair["proxied"]))
    return [{"connections": count, **summary(found[count])} for count in counts]


def summary(pairs: Sequence[tuple[Load, Load]]) -> dict[str, object]:
    """Return the medians over the rounds at one number of connections."""
    ratios = [proxied.per_s / direct.per_s for direct, proxied in pairs]
    proxied_us, direct_us = (
        {name: statistics.median(each.cpu_us[name] for each in side) for name in side[0].cpu_us}
        for side in ([pair[1] for pair in pairs], [pair[0] for pair in pairs])
    )
    return {
        "direct_per_s": statistics.median(direct.per_s for direct, _ in pairs),
        "proxied_per_s": statistics.median(proxied.per_s for _, proxied in pairs),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "direct_p50_ms": statistics.median(direct.p50_ms for direct, _ in pairs),
        "proxied_p50_ms": statistics.median(proxied.p50_ms for _, proxied in pairs),
        "proxied_p99_ms": statistics.median(proxied.p99_ms for _, proxied in pairs),
        "cpu_us": direct_us | proxied_us,
    }


def large_bodies(built: Stand, wanted: argparse.Namespace) -> list[dict[str, object]]:
    """Move one large body each way, as often as there are rounds."""
    rows: list[dict[str, object]] = []
    for direction in DIRECTIONS:
        pairs: list[tuple[Transfer, Transfer]] = []
        for _ in range(wanted.rounds):
            direct = transfer(built.direct, direction, wanted.mib)
            pairs.append((direct, transfer(built.proxied, direction, wanted.mib)))
        names = built.proxied.pids
        rows.append({
            "direction": direction,
            "mib": wanted.mib,
            "direct_mb_per_s": statistics.median(direct.mb_per_s for direct, _ in pairs),
            "proxied_mb_per_s": statistics.median(proxied.mb_per_s for _, proxied in pairs),
            "ratio": statistics.median(proxied.mb_per_s / direct.mb_per_s for direct, proxied in pairs),
            "peak_mib": {name: max(proxied.peak_mib[name] for _, proxied in pairs) for name in names},
            "growth_mib": {name: max(proxied.growth_mib[name] for _, proxied in pairs) for name in names},
        })  # fmt: skip
    return rows


def machine() -> dict[str, object]:
    """Tell what the numbers were measured on."""
    names = ("radical-edge-core", "hypercorn", "h11", "wsproto", "aiohttp", "starlette", "uvloop")
    return {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "load": generator(),
        "versions": {name: version(name) for name in names},
    }


def measure(wanted: argparse.Namespace) -> dict[str, object]:
    """Start everything, measure, and return all that was found."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, stand(Path(name)) as built:
        folder = Path(name)
        for target in (built.direct, built.proxied):  # warm: imports, first connections, specialised bytecode
            load(target, connections=16, seconds=1, folder=folder)
        small = small_requests(built, wanted, folder)
        large = large_bodies(built, wanted)
        sampled = profile(built.proxied, seconds=8, folder=folder) if wanted.profile else {}
        return {
            "machine": machine(),
            "configuration": built.configuration,
            "rounds": wanted.rounds,
            "seconds": wanted.seconds,
            "small": small,
            "large": large,
            "profile": sampled,
        }


def main() -> None:
    """Measure and print."""
    wanted = options()
    found = measure(wanted)
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if wanted.json else render(found))


if __name__ == "__main__":
    main()
