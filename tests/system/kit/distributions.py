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
    install_plugin(
        site, PLUGINS / f"{name}.py", module, f"throwaway-{name}", entry=entry or name, target=target
    )


def install_plugin(
    site: Path,
    source: Path,
    module: str,
    distribution: str,
    *,
    entry: str,
    target: str = "",
    version: str = "1.0",
) -> None:
    """
    Write a distribution of one module into a folder that is on ``PYTHONPATH``.

    Args:
        site: The folder.
        source: The module's file.
        module: What it is called there.
        distribution: The distribution's name.
        entry: The name of its entry point.
        target: What the entry point names in the module; the module itself by default.
        version: The distribution's.
    """
    site.mkdir(parents=True, exist_ok=True)
    (site / f"{module}.py").write_bytes(source.read_bytes())
    info = site / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", encoding="utf-8"
    )
    found = f"{module}:{target}" if target else module
    (info / "entry_points.txt").write_text(f"[radical_edge.plugins]\n{entry} = {found}\n", encoding="utf-8")
