"""
AMD's GPUs, by the older ``rocm-smi``.

One object with a member for each card and one, ``system``, for the host. Names differ between releases, in
the case of letters too ("Card series", "Card Series"), so they are compared in lower case.

Source: ``showJSON`` and the texts that its callers log, in python_smi_tools/rocm_smi.py of rocm_smi_lib.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from radical_edge_sysinfo.gpus.values import excerpt, free, json_in, mib_of_bytes, percent, text
from radical_edge_sysinfo.models import Gpu
from radical_edge_sysinfo.outcome import Outcome, ProbeError
from radical_edge_sysinfo.programs import Programs

PROGRAM = "rocm-smi"
ARGUMENTS = (
    "--showproductname",
    "--showuse",
    "--showmemuse",
    "--showmeminfo",
    "vram",
    "--showuniqueid",
    "--showdriverversion",
    "--json",
)
_CARD = re.compile(r"card(\d+)")


def read_rocm(programs: Programs, path: str, deadline_s: float) -> Outcome[tuple[Gpu, ...]]:
    """Ask ``rocm-smi`` for every card."""
    return Outcome(parse(programs.output([path, *ARGUMENTS], deadline_s=deadline_s)))


def parse(printed: str) -> tuple[Gpu, ...]:
    """
    Read the answer to `ARGUMENTS`.

    Raises:
        ProbeError: It is no object of cards.
    """
    if "no json data to report" in printed.lower():  # the tool's words for: no card
        return ()
    document = json_in(PROGRAM, printed)
    if not isinstance(document, Mapping):
        raise ProbeError(f"{PROGRAM} printed no list of GPUs: {excerpt(printed)}")
    driver = _lower(document.get("system")).get("driver version")
    cards = {
        int(match[1]): _lower(card) for name, card in document.items() if (match := _CARD.fullmatch(name))
    }
    return tuple(_gpu(index, card, driver) for index, card in sorted(cards.items()))


def _gpu(index: int, card: Mapping[str, object], driver: object) -> Gpu:
    total = mib_of_bytes(card.get("vram total memory (b)"))
    used = mib_of_bytes(card.get("vram total used memory (b)"))
    names = (text(card.get(name)) for name in ("card series", "device name", "card model"))
    # Before ROCm 6 the memory's activity was called its use.
    activity = card.get("gpu memory read/write activity (%)", card.get("gpu memory use (%)"))
    return Gpu(
        id=f"amd-{index}",
        index=index,
        name=next(filter(None, names), ""),
        driver_version=text(card.get("driver version", driver)),
        uuid=text(card.get("unique id")),
        vendor="AMD",
        util_gpu=percent(card.get("gpu use (%)")),
        util_mem=percent(activity),
        mem_total=total,
        mem_used=used,
        mem_free=free(total, used),
    )


def _lower(member: object) -> Mapping[str, object]:
    if not isinstance(member, Mapping):
        return {}
    return {str(name).lower(): value for name, value in member.items()}
