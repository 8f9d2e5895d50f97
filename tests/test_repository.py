"""Rules that keep the repository honest; each one reads the files as they are."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
CORE = ROOT / "radical_edge_core"
CLIENT = ROOT / "radical_edge_client"
PLUGINS = sorted(found.parent for found in ROOT.glob("radical_edge_plugins/*/pyproject.toml"))
DISTRIBUTIONS = [CORE, CLIENT, *PLUGINS]
OURS = {found.parent.name for each in DISTRIBUTIONS for found in each.glob("src/*/__init__.py")}

each_distribution = pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda found: found.name)


def metadata(distribution: Path) -> dict[str, Any]:
    return tomllib.loads((distribution / "pyproject.toml").read_text(encoding="utf-8"))


def package_of(distribution: Path) -> Path:
    (package,) = (found.parent for found in (distribution / "src").glob("*/__init__.py"))
    return package


def tree() -> list[Path]:
    """Every file of the repository, the new ones too, but none that git ignores."""
    listed = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def shell_blocks(page: Path) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE)


def imports_of(module: Path) -> Iterator[str]:
    """Full names of what a module imports, wherever in the module it does so."""
    for node in ast.walk(ast.parse(text_of(module))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(filter(None, (package_around(module, node.level), node.module)))
            yield from (f"{start}.{alias.name}" for alias in node.names)


def package_around(module: Path, level: int) -> str:
    """What the dots of a relative import stand for."""
    parts = module.relative_to(next(parent for parent in module.parents if parent.name == "src")).parts
    return ".".join(parts[:-level]) if level else ""


# --- the shape ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "noxfile.py", "pyproject.toml",
        "constraints.txt", ".ci/run", "changelog.d", "benchmarks/README.md", "examples", "tests/typing",
        "docs/glossary.md", "docs/tutorials", "docs/how-to", "docs/reference", "docs/explanation",
        "docs/decisions", "docs/sample_plugin/pyproject.toml",
    ],
)  # fmt: skip
def test_the_top_level_is_complete(name: str) -> None:
    """What a newcomer looks for is there."""
    assert (ROOT / name).exists()


@each_distribution
def test_a_distribution_is_complete(distribution: Path) -> None:
    """A distribution is built by hatchling from a src layout, is typed, and has a page of its own."""
    project = metadata(distribution)
    package = package_of(distribution)
    assert project["build-system"]["build-backend"] == "hatchling.build"
    assert project["project"]["name"] == package.name.replace("_", "-")
    assert (package / "py.typed").exists()
    assert not (distribution / "__init__.py").exists()
    readme = text_of(distribution / "README.md")
    assert readme.startswith(f"# {project['project']['name']}\n")
    assert len(readme.split()) > 100, "a README tells what it offers, its settings, errors and limits"


@each_distribution
def test_versions_are_in_lockstep(distribution: Path) -> None:
    """All distributions share one version, and siblings require the same minor."""
    version = metadata(CORE)["project"]["version"]
    project = metadata(distribution)["project"]
    major, minor, _ = version.split(".")
    assert project["version"] == version
    for requirement in project["dependencies"]:
        if requirement.startswith("radical-edge-"):
            assert requirement.endswith(f">={major}.{minor},<{major}.{int(minor) + 1}")


@each_distribution
def test_what_a_distribution_names_can_be_loaded(distribution: Path) -> None:
    """Console scripts and entry points name things that exist."""
    project = metadata(distribution)["project"]
    groups = [project.get("scripts", {}), *project.get("entry-points", {}).values()]
    for target in (value for group in groups for value in group.values()):
        module, _, attribute = target.partition(":")
        loaded = importlib.import_module(module)
        assert not attribute or hasattr(loaded, attribute)


@each_distribution
def test_every_distribution_has_tests_of_its_own(distribution: Path) -> None:
    """Each distribution's tests lie where the sessions of nox look for them."""
    folder = {CORE: "core", CLIENT: "client"}.get(distribution, f"plugins/{distribution.name}")
    assert list((ROOT / "tests" / folder).rglob("test_*.py"))


@each_distribution
def test_modules_stay_small(distribution: Path) -> None:
    """A module holds one concept; none comes near 400 lines, and half of them stay under 150."""
    lengths = sorted(
        (len(text_of(module).splitlines()), str(module)) for module in distribution.rglob("src/**/*.py")
    )
    assert lengths[-1][0] < 400, lengths[-1]
    assert lengths[len(lengths) // 2][0] < 150


# --- arrows ---------------------------------------------------------------------------------------


@each_distribution
def test_imports_point_one_way(distribution: Path) -> None:
    """Plugins and client import core; core imports none of them; no plugin imports another."""
    package = package_of(distribution)
    allowed = {"radical_edge_core", package.name}
    for module in package.rglob("*.py"):
        for name in imports_of(module):
            top = name.partition(".")[0]
            assert top in allowed or top not in OURS, f"{module.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("room", ["hooks", "models", "link"])
def test_the_inner_rooms_of_core_know_no_host(room: str) -> None:
    """Hooks, models and the link import neither the bridge nor the edge."""
    package = package_of(CORE)
    modules = [*(package / room).rglob("*.py"), *package.glob(f"{room}.py")]
    for module in modules:
        for name in imports_of(module):
            assert not re.match(r"radical_edge_core\.(bridge|edge)\b", name), f"{module} imports {name}"


def test_the_link_does_no_io() -> None:
    """The link is pure: it knows no socket, no clock and no event loop."""
    for module in (package_of(CORE) / "link").rglob("*.py"):
        tops = {name.partition(".")[0] for name in imports_of(module)}
        assert not tops & {
            "asyncio",
            "anyio",
            "socket",
            "time",
            "datetime",
            "threading",
            "aiohttp",
            "starlette",
        }, module


# --- what must not be in the tree -----------------------------------------------------------------

SOMEBODYS_MACHINE = re.compile(r"(?<![\w.~-])/(?:root|work)/|[.]pyenv")
ADDRESS = re.compile(r"\b(?:https?|wss?)://(?:[^/\s@\"'`]*@)?(\[[0-9a-f:]+\]|[\w.-]+)")
KNOWN_HOSTS = re.compile(
    r"(?:localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1\]|[\w-]+|(?:[\w-]+\.)*(?:example(?:\.(?:org|com|net|edu))?|test|invalid|cluster)"
    r"|json-schema\.org|spec\.openapis\.org|(?:www\.)?w3\.org|datatracker\.ietf\.org|(?:www\.)?rfc-editor\.org)"
)


def test_nothing_names_a_machine_or_a_download_host() -> None:
    """Paths of somebody's machine and hosts to download from stay out of the tree."""
    found = []
    for path in tree():
        if path == Path(__file__):
            continue
        for number, line in enumerate(text_of(path).splitlines(), 1):
            where = f"{path.relative_to(ROOT)}:{number}"
            found += [f"{where}: {hit}" for hit in SOMEBODYS_MACHINE.findall(line)]
            found += [f"{where}: {host}" for host in ADDRESS.findall(line) if not KNOWN_HOSTS.fullmatch(host)]
    assert not found


def test_pins_are_names_and_versions() -> None:
    """The pins hold no address and no hash; no lock file holds an address either."""
    for line in text_of(ROOT / "constraints.txt").splitlines():
        assert re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[0-9][\w.+!-]*", line), line
    for path in tree():
        if path.suffix == ".lock" or path.name == "package-lock.json":
            assert "://" not in text_of(path), f"{path.relative_to(ROOT)} holds addresses"


def test_everything_declared_is_pinned() -> None:
    """Each dependency of each distribution has a pin."""
    canonical = lambda name: re.sub(r"[-_.]+", "-", name).lower()  # noqa: E731
    pinned = {canonical(line.partition("==")[0]) for line in text_of(ROOT / "constraints.txt").splitlines()}
    for distribution in DISTRIBUTIONS:
        for requirement in metadata(distribution)["project"]["dependencies"]:
            name = canonical(re.match(r"[\w.-]+", requirement)[0])
            assert name in pinned or name.startswith("radical-edge-"), requirement


def test_fragments_of_the_changelog_are_well_named() -> None:
    """A fragment says what kind of change it is, and for which distribution."""
    projects = [
        metadata(path.parent) for path in tree() if path.name == "pyproject.toml" and path.parent != ROOT
    ]
    names = {project["project"]["name"] for project in projects}
    for fragment in (ROOT / "changelog.d").iterdir():
        if fragment.name != "README.md":
            assert re.fullmatch(
                r"(\+?[\w-]+)\.(added|changed|deprecated|removed|fixed|security)\.md", fragment.name
            )
            assert re.split(r"[:,]", text_of(fragment))[0] in names, fragment.name


# --- pages ----------------------------------------------------------------------------------------


def test_generated_pages_are_current() -> None:
    """The reference pages made from the code say what the code says."""
    done = subprocess.run(
        (sys.executable, str(ROOT / "docs" / "generate.py"), "--check"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_links_between_pages_lead_somewhere() -> None:
    """Each relative link of each page names a file, and a heading where it names one."""
    broken = []
    for page in (path for path in tree() if path.suffix == ".md"):
        prose = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            name, _, anchor = target.partition("#")
            if "://" in target:
                continue
            there = (page.parent / name).resolve() if name else page
            if not there.exists() or (anchor and anchor not in anchors_of(there)):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_first_two_shell_blocks_are_the_two_commands() -> None:
    """The README begins with the command that runs it and the command that checks it."""
    run, check = shell_blocks(ROOT / "README.md")[:2]
    assert run.strip().endswith("radical-edge up")
    assert check.strip().endswith("nox")
    for block in (run, check):
        assert len(block.strip().splitlines()) == 1


def test_commands_on_the_pages_exist() -> None:
    """Every ``radical-edge`` command on any page is one that the program has."""
    known = commands_of_the_client()
    for page in (path for path in tree() if path.suffix == ".md"):
        for block in shell_blocks(page):
            for command in re.findall(r"(?<![\w.-])radical-edge\s+([a-z][\w-]*)", block):
                assert command in known, f"{page.relative_to(ROOT)}: radical-edge {command}"


def commands_of_the_client() -> set[str]:
    shown = subprocess.run(
        (str(Path(sys.executable).with_name("radical-edge")), "--help"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    _, _, commands = shown.partition("Commands:")
    return set(re.findall(r"^\s+([a-z][\w-]*)", commands, re.MULTILINE))
