"""
The habits of the repository: plain ``nox`` runs what CI runs.

Every session has an environment of its own, and the tools live outside the one that the project is installed
in. All versions come from ``constraints.txt``.
"""

from __future__ import annotations

import argparse
import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
CONSTRAINTS = ROOT / "constraints.txt"

CORE = "radical_edge_core"
CLIENT = "radical_edge_client"
PLUGINS = sorted(
    f"radical_edge_plugins/{found.parent.name}"
    for found in ROOT.glob("radical_edge_plugins/*/pyproject.toml")
)
DISTRIBUTIONS = [CORE, CLIENT, *PLUGINS]
SAMPLE = "docs/sample_plugin"
BENCH_PLUGIN = "benchmarks/plugin"
PORTAL = "portal"
NODE = (20, 19)  # what its tools need
TESTS_OF = {
    CORE: "tests/core",
    CLIENT: "tests/client",
    **{plugin: f"tests/plugins/{Path(plugin).name}" for plugin in PLUGINS},
    SAMPLE: f"{SAMPLE}/tests",
    BENCH_PLUGIN: "benchmarks/tests",
}

TEST_TOOLS = (
    "hypothesis",
    "jsonschema",
    "openapi-spec-validator",
    "pytest",
    "pytest-asyncio",
    "pytest-timeout",
)
COVERAGE_FLOOR = 85  # rises with the tests, and never falls

nox.needs_version = ">=2025.2"
nox.options.sessions = ["lint", "types", "alone", "wheels", "together", "portal"]


def install(session: nox.Session, *wanted: str) -> None:
    """Install into the session's environment, at the pinned versions."""
    session.install("-q", "-c", str(CONSTRAINTS), *wanted)


def editable(*folders: str) -> list[str]:
    """Name distributions of this repository as pip wants them: with ``./``, else it reads a requirement."""
    return [part for folder in folders for part in ("-e", f"./{folder}")]


@functools.cache
def built() -> dict[str, str]:
    """Build a wheel of every distribution, once for all sessions of a run; return them by folder."""
    target = ROOT / ".nox" / "dist"
    shutil.rmtree(target, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(target)]
    subprocess.run([*command, *(f"./{folder}" for folder in TESTS_OF)], cwd=ROOT, check=True)
    wheels = {wheel.name.partition("-")[0]: str(wheel) for wheel in target.glob("*.whl")}
    packages = {
        folder: next((ROOT / folder / "src").glob("*/__init__.py")).parent.name for folder in TESTS_OF
    }
    return {folder: wheels[package] for folder, package in packages.items()}


def wheels_of(*folders: str) -> list[str]:
    """Return the built wheels of some distributions."""
    return [built()[folder] for folder in dict.fromkeys(folders)]


@nox.session(reuse_venv=True)
def lint(session: nox.Session) -> None:
    """Check style, format and spelling."""
    install(session, "ruff", "codespell")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")


@nox.session(reuse_venv=True)
def types(session: nox.Session) -> None:
    """Check types, strictly: every distribution with its test kit, the tools, and ``tests/typing``."""
    install(session, *wheels_of(*DISTRIBUTIONS), *TEST_TOOLS, "mypy", "nox")  # for what they depend on
    sources = [f"{distribution}/src" for distribution in TESTS_OF]
    tools = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("benchmarks/*.py"))]
    session.run("mypy", *sources, *tools, "tests/typing", "docs/generate.py", "noxfile.py", *session.posargs)


@nox.session(reuse_venv=True)
def together(session: nox.Session) -> None:
    """Run what ``alone`` does not: whole systems, faults in their short sizes, and the rules of the repository."""
    install(session, *editable(*DISTRIBUTIONS), *TEST_TOOLS)
    session.run(
        "pytest",
        "-m",
        "not slow",
        *(session.posargs or ["tests/test_repository.py", "tests/system", "tests/chaos"]),
    )


@nox.session(reuse_venv=True, default=False)
def tests(session: nox.Session) -> None:
    """Run the tests of every distribution in one environment, and hold the branch coverage at its floor."""
    install(session, *editable(*DISTRIBUTIONS), *TEST_TOOLS, "coverage")
    kept_out = ("--ignore", "tests/system", "--ignore", "tests/chaos")
    wanted = session.posargs or ["-m", "not slow", *kept_out, "tests"]
    # Not pytest-cov: core brings a pytest plugin, which is imported before that would begin to measure.
    session.run("coverage", "run", "-m", "pytest", *wanted)
    if not session.posargs:
        session.run("coverage", "report", f"--fail-under={COVERAGE_FLOOR}")


@nox.session
@nox.parametrize(
    "distribution",
    list(TESTS_OF),
    ids=[*(Path(found).name for found in DISTRIBUTIONS), "sample", "benchmarks"],
)
def alone(session: nox.Session, distribution: str) -> None:
    """Test one distribution with nothing installed but what it declares."""
    needed = [
        CORE,
        distribution,
        *([CLIENT] if distribution == SAMPLE else []),
    ]  # its tests declare the client
    install(session, *wheels_of(*needed), *TEST_TOOLS)
    session.run("pytest", "-m", "not slow", TESTS_OF[distribution], *session.posargs)


@nox.session(reuse_venv=True, default=False)
def system(session: nox.Session) -> None:
    """Run the tests of whole systems, the slow ones too."""
    install(session, *editable(*DISTRIBUTIONS), *TEST_TOOLS)
    session.run("pytest", *(session.posargs or ["tests/system"]))


@nox.session(reuse_venv=True, default=False)
def chaos(session: nox.Session) -> None:
    """Run the tests of faults in their long sizes: ``nox -s chaos -- --seeds 200``; the seeds are printed."""
    install(session, *editable(*DISTRIBUTIONS), *TEST_TOOLS)
    parser = argparse.ArgumentParser(prog="nox -s chaos --")
    parser.add_argument("--seeds", type=int, default=20)
    given, more = parser.parse_known_args(session.posargs)
    env = {"RADICAL_EDGE_CHAOS_SEEDS": str(given.seeds)}
    session.run("pytest", "-s", *(more or ["tests/chaos"]), env=env)


@nox.session
def wheels(session: nox.Session) -> None:
    """Build every distribution, install the wheels into an empty environment, and start what they install."""
    install(session, *wheels_of(*DISTRIBUTIONS))
    # Away from the root: nothing may be found because it lies in the current folder.
    with session.chdir(session.create_tmp()):
        session.run("python", str(ROOT / "tests" / "installed.py"))


@nox.session(reuse_venv=True)
def portal(session: nox.Session) -> None:
    """Check, test and build the portal, and use its wheel in a real browser; left out where something is missing."""
    if lacking := what_the_portal_lacks():
        session.skip(f"not found: {', '.join(lacking)}; the portal is neither built nor tested here")
    with session.chdir(PORTAL):
        session.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", external=True, silent=True)
        session.run("npm", "run", "check", external=True)
        session.run("npm", "test", external=True)
    target = ROOT / ".nox" / "dist-portal"
    shutil.rmtree(target, ignore_errors=True)
    install(session, *editable(*DISTRIBUTIONS), *TEST_TOOLS, "hatchling", "mypy", "playwright")
    session.run("pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(target), f"./{PORTAL}")
    session.install("-q", "--no-deps", "--force-reinstall", *map(str, target.glob("*.whl")))
    session.run("mypy", f"{PORTAL}/hatch_build.py", f"{PORTAL}/python")
    session.run("pytest", *(session.posargs or ["-m", "not slow", "tests/portal"]))


def what_the_portal_lacks() -> list[str]:
    """Name what is not on this machine and has to be, to build the portal and to open it."""
    lacking = [name for name in ("npm", "chromium") if shutil.which(name) is None]
    told = ""
    if node := shutil.which("node"):
        told = subprocess.run((node, "--version"), capture_output=True, text=True, check=False).stdout
    found = tuple(int(part) for part in re.findall(r"\d+", told)[:2])
    return lacking if found >= NODE else [f"Node.js {'.'.join(map(str, NODE))} or newer", *lacking]


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure the proxy beside the ceiling, with the console scripts as they are installed."""
    install(session, *wheels_of(CORE, BENCH_PLUGIN), "psutil", "py-spy")
    session.run("python", "benchmarks/run.py", *session.posargs)


@nox.session(reuse_venv=True, default=False)
def bench_portal(session: nox.Session) -> None:
    """Measure the portal in a real browser."""
    if lacking := what_the_portal_lacks():
        session.skip(f"not found: {', '.join(lacking)}")
    install(session, *wheels_of(CORE), "hatchling", "msgspec", "playwright")
    session.run("pip", "install", "-q", "--no-deps", "--no-build-isolation", f"./{PORTAL}")
    session.run("python", "benchmarks/portal.py", *session.posargs)


@nox.session(default=False)
def changelog(session: nox.Session) -> None:
    """Collect the fragments of ``changelog.d``: ``nox -s changelog -- --version 0.2.0``."""
    install(session, "towncrier")
    session.run("towncrier", "build", *(session.posargs or ["--draft", "--version", "next"]))


@nox.session(default=False)
def pins(session: nox.Session) -> None:
    """Write ``constraints.txt`` anew: the newest versions that work together, and no addresses."""
    tools = (
        "codespell",
        "coverage",
        "hatchling",
        "mypy",
        "nox",
        "pip",
        "playwright",
        "py-spy",
        "ruff",
        "towncrier",
    )
    session.install("-q", "--upgrade", *editable(*DISTRIBUTIONS), *TEST_TOOLS, *tools)
    frozen = session.run("pip", "freeze", "--exclude-editable", silent=True)
    lines = [line for line in str(frozen).splitlines() if "==" in line]
    head = "# Written by `nox -s pins`: every version that the sessions of the noxfile install.\n"
    CONSTRAINTS.write_text(head + "".join(f"{line}\n" for line in lines), encoding="utf-8")
