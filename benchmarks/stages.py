"""Where the time of one request goes: py-spy's samples of both processes, by the package they fell into."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from load import load
from stand import Target

_PLACE = re.compile(r"\((?P<file>[^():]+)(?::\d+)?\)$")


def sampler() -> str | None:
    """Return py-spy's path where it is installed."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


def profile(target: Target, *, seconds: float, folder: Path) -> dict[str, dict[str, float]]:
    """
    Sample every process of the target under load.

    Returns:
        For each process the share of its samples by package (self time), largest first; empty without py-spy.
    """
    program = sampler()
    if program is None:
        return {}
    outputs = {name: folder / f"{name}.samples" for name in target.pids}
    samplers = []
    for name, pid in target.pids.items():
        command = (
            program,
            "record",
            "-p",
            str(pid),
            "-d",
            str(round(seconds)),
            "-r",
            "200",
            "-f",
            "raw",
            "-t",
        )
        log = (folder / f"{name}.py-spy").open("wb")
        samplers.append(subprocess.Popen((*command, "-o", str(outputs[name])), stdout=log, stderr=log))
        log.close()
    load(target, connections=16, seconds=seconds + 1, folder=folder)
    deadline = time.monotonic() + 30
    for process in samplers:
        process.wait(max(1.0, deadline - time.monotonic()))
    return {name: shares(output) for name, output in outputs.items() if output.exists()}


def shares(samples: Path) -> dict[str, float]:
    """Add up py-spy's raw stacks by the package of their innermost frame."""
    found: Counter[str] = Counter()
    for line in samples.read_text(encoding="utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        if "MainThread" not in stack.partition(";")[0]:
            continue  # the loop's thread serves; others wait in ways that look like work to a sampler
        found[package_of(stack.rpartition(";")[2])] += int(count)
    total = sum(found.values()) or 1
    return {name: count / total for name, count in found.most_common()}


def package_of(frame: str) -> str:
    """Name the package of a frame such as ``run (asyncio/runners.py:118)``; of ours, the room as well."""
    match = _PLACE.search(frame)
    parts = match["file"].split("/") if match else [frame]
    ours = next((number for number, part in enumerate(parts) if part.startswith("radical_edge_")), None)
    if ours is not None:
        return ".".join(part.removesuffix(".py") for part in parts[ours : ours + 2])
    return parts[0].removesuffix(".py")
