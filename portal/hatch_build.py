"""Build the portal's pages with npm while the distribution is built, and only where they are not current."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = (20, 19)
FILES = ("package.json", "package-lock.json", ".npmrc", "index.html", "vite.config.ts", "tsconfig.json")
FOLDERS = ("src", "public")
NO_NODE = """{found}, and the portal's built files are not here.
  - install the published wheel, which carries them: pip install radical-edge-portal
  - or install Node.js >= {wanted} (with npm) and run this again
  - or set EDGE_PORTAL_SKIP_BUILD=1: the bridge then works without its web pages"""


class PortalBuild(BuildHookInterface[Any]):
    """Runs before sdist, wheel and editable installation alike."""

    PLUGIN_NAME = "custom"

    def initialize(self, _version: str, _build_data: dict[str, Any]) -> None:
        """Make ``static`` current, or say why it is not."""
        root = Path(self.root)
        static = root / "python" / "radical_edge_portal" / "static"
        wanted = fingerprint(root)
        mark = static / "build-id.txt"
        if mark.is_file() and mark.read_text(encoding="ascii").strip() == wanted:
            return
        if os.environ.get("EDGE_PORTAL_SKIP_BUILD", "") not in {"", "0"}:
            self.app.display_warning("EDGE_PORTAL_SKIP_BUILD is set: the portal's pages are not built")
            return
        if (lack := missing_node()) is not None:
            if (static / "index.html").is_file():
                self.app.display_warning(f"{lack}: the portal's older built files are used")
                return
            raise RuntimeError(NO_NODE.format(found=lack, wanted=".".join(map(str, NODE))))
        build(root, static, wanted)


def fingerprint(root: Path) -> str:
    """Return a hash of everything that the built files come from."""
    total = hashlib.sha256()
    for path in sources(root):
        total.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def sources(root: Path) -> Iterator[Path]:
    """Yield the files that the build reads, in a fixed order."""
    yield from (root / name for name in FILES if (root / name).is_file())
    for folder in FOLDERS:
        yield from sorted(path for path in (root / folder).rglob("*") if path.is_file())


def missing_node() -> str | None:
    """Return what is wrong with Node.js here, ``None`` where it can be used."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return "Node.js with npm was not found"
    told = subprocess.run((node, "--version"), check=False, capture_output=True, text=True).stdout.strip()
    found = re.match(r"v(\d+)\.(\d+)", told)
    if found is None or (int(found[1]), int(found[2])) < NODE:
        return f"Node.js {told or '?'} is too old ({'.'.join(map(str, NODE))} or newer is needed)"
    return None


def build(root: Path, static: Path, mark: str) -> None:
    """Build into a folder beside the old one, then swap: a build that fails leaves the old files."""
    fresh = static.with_name("static.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        run(root, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
        run(root, "npm", "run", "build", "--", "--outDir", str(fresh), "--emptyOutDir")
        (fresh / "build-id.txt").write_text(mark + "\n", encoding="ascii")
        old = static.with_name("static.old")
        shutil.rmtree(old, ignore_errors=True)
        if static.is_dir():
            static.rename(old)
        fresh.rename(static)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def run(root: Path, *command: str) -> None:
    """Run one step; what it printed is shown where it fails."""
    program = shutil.which(command[0]) or command[0]
    done = subprocess.run((program, *command[1:]), check=False, cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
