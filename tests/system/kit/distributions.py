"""Distributions that exist for one test only, found the way installed ones are."""

from __future__ import annotations

from pathlib import Path

PLUGINS = Path(__file__).with_name("plugins")


def make_distribution(site: Path, name: str, *, target: str = "", entry: str = "") -> None:
    """
    Write a distribution with one of the plugins of this kit into a folder that is on ``PYTHONPATH``.

    Args:
        site: The folder.
        name: The module in ``kit/plugins``; it becomes ``throwaway_<name>``.
        target: What the entry point names in the module; the module itself by default.
        entry: The entry point's name where it is not the module's.
    """
    module = f"throwaway_{name}"
    site.mkdir(parents=True, exist_ok=True)
    (site / f"{module}.py").write_bytes((PLUGINS / f"{name}.py").read_bytes())
    info = site / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: throwaway-{name}\nVersion: 1.0\n", encoding="utf-8"
    )
    suffix = f":{target}" if target else ""
    (info / "entry_points.txt").write_text(
        f"[radical_edge.plugins]\n{entry or name} = {module}{suffix}\n", encoding="utf-8"
    )
