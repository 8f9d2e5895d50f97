"""
Write the parts of the reference pages that say what the code says.

``python docs/generate.py`` replaces what stands between ``<!-- begin: NAME -->`` and ``<!-- end: NAME -->``; with
``--check`` it fails where a page is not current.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import inspect
import pkgutil
import re
import sys
import tempfile
import typing
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import attrs
import click

from radical_edge_client.cli.group import group as program
from radical_edge_client.settings import Settings
from radical_edge_core.bridge import access_log
from radical_edge_core.bridge.api_document import ApiDocument
from radical_edge_core.bridge.app import Bridge
from radical_edge_core.bridge.config import BridgeConfig
from radical_edge_core.edge.config import EdgeConfig
from radical_edge_core.errors import EdgeError
from radical_edge_core.hooks import BridgeSpec, ClientSpec, EdgeSpec
from radical_edge_core.plugin import Plugin
from radical_edge_core.plugin.standard import standard_operations

REFERENCE = Path(__file__).parent / "reference"
PACKAGES = (
    "radical_edge_core",
    "radical_edge_client",
    "radical_edge_psij",
    "radical_edge_queue_info",
    "radical_edge_staging",
    "radical_edge_sysinfo",
)
WIDTH = 100


def table(*head: str, rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('``', '`') for cell in line)} |\n" for line in lines)


def errors() -> str:
    """Return the error classes of every distribution."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, name + "."):
            if not found.name.startswith("radical_edge_core.testing") and not found.name.endswith("__main__"):
                importlib.import_module(found.name)
    rows = [
        (
            f"`{cls.code}`",
            str(cls.status_code),
            "yes" if cls.transient else "",
            f"`{cls.__module__}.{cls.__qualname__}`",
            (inspect.getdoc(cls) or "").split("\n\n", 1)[0].replace("\n", " "),
        )
        for cls in tree(EdgeError)
    ]
    return table("Code", "Status", "Transient", "Class", "Meaning", rows=rows)


def tree(root: type[EdgeError]) -> Iterator[type[EdgeError]]:
    """Walk the tree of error classes, a parent before its children, siblings by status and code."""
    yield root
    for child in sorted(root.__subclasses__(), key=lambda cls: (cls.status_code, cls.code, cls.__qualname__)):
        yield from tree(child)


def settings(model: type, flags: frozenset[str] | None = None) -> str:
    """Return the settings of one class; ``flags`` names those that have a flag, where not all do."""
    hints = typing.get_type_hints(model)
    rows = []
    for field in attrs.fields(model):
        hint = hints[field.name]
        inner = next((arg for arg in typing.get_args(hint) if arg is not type(None)), hint)
        name = "list" if typing.get_origin(hint) is tuple else "path" if inner is Path else inner.__name__
        default = str(field.default).lower() if name == "bool" else str(field.default)
        has_flag = field.metadata["flag"] and (flags is None or field.name in flags)
        rows.append((
            f"`{field.name}`",
            name,
            "" if field.default in {None, ()} else f"`{default}`",
            f"`--{field.name.replace('_', '-')}`" if has_flag else "",
            f"`{field.metadata['env']}`" if field.metadata["env"] else "",
            field.metadata["help"],
        ))  # fmt: skip
    return table("Key", "Type", "Default", "Flag", "Environment", "Meaning", rows=rows)


def client_settings() -> str:
    """Return the settings of the client; few have a flag."""
    return settings(Settings, frozenset(str(parameter.name) for parameter in program.params))


def commands() -> str:
    """Return the help of the client's command line."""
    return "\n".join(helps(program, click.Context(program, info_name="radical-edge", terminal_width=WIDTH)))


def helps(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the help of a command and of all below it."""
    yield f"### {context.command_path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                below = click.Context(found, parent=context, info_name=name, terminal_width=WIDTH)
                yield from helps(found, below)


def hooks(spec: type) -> str:
    """Return the hooks of one host: signature and contract."""
    parts = []
    for name, function in vars(spec).items():
        if not name.startswith("_") and callable(function):
            signature = str(inspect.signature(function)).replace("(self, ", "(").replace("'", "")
            parts.append(f"### {name}\n\n```text\n{name}{signature}\n\n{inspect.getdoc(function)}\n```\n")
    return "\n".join(parts)


def bridge_routes() -> str:
    """Return the routes of a bridge; one is built for it, and never started."""

    async def built(folder: Path) -> Bridge:
        log = access_log.standard("ERROR")
        return Bridge(BridgeConfig(), folder, url="", terminate=lambda _reason: None, access_log=log)

    with tempfile.TemporaryDirectory() as folder:
        paths = ApiDocument(asyncio.run(built(Path(folder)))).own()["paths"]
    rows = [
        (f"{method.upper()} `{path}`", entry["summary"])
        for path, methods in paths.items()
        for method, entry in methods.items()
    ]
    return table("Method and path", "What it does", rows=rows)


def plugin_routes() -> str:
    """Return the routes that every plugin has."""
    rows = [
        ("GET `describe`", "The plugin's operations with their schemas, its topics and its views."),
        ("GET `openapi.json`", "The same as an OpenAPI document."),
        *(
            (f"{found.method} `{found.path}`", found.summary)
            for found in standard_operations(Plugin).values()
        ),
    ]
    return table("Method and path below `/{edge}/{plugin}/`", "What it does", rows=rows)


PARTS: dict[str, Callable[[], str]] = {
    "errors": errors,
    "settings of the bridge": partial(settings, BridgeConfig),
    "settings of the edge": partial(settings, EdgeConfig),
    "settings of the client": client_settings,
    "commands": commands,
    "hooks of the edge": partial(hooks, EdgeSpec),
    "hooks of the client": partial(hooks, ClientSpec),
    "hooks of the bridge": partial(hooks, BridgeSpec),
    "routes of the bridge": bridge_routes,
    "routes of every plugin": plugin_routes,
}


def current(page: str) -> str:
    """Return a page with its generated parts as they should be."""

    def made(match: re.Match[str]) -> str:
        return f"{match[1]}{PARTS[match[2]]()}{match[3]}"

    return re.sub(r"(<!-- begin: (.+?) -->\n).*?(<!-- end: \2 -->\n)", made, page, flags=re.DOTALL)


def main() -> int:
    """Write or check the pages."""
    parser = argparse.ArgumentParser(description="Write the generated parts of the reference pages.")
    parser.add_argument(
        "--check", action="store_true", help="fail where a page is not current; write nothing"
    )
    check = parser.parse_args().check
    stale = 0
    for path in sorted(REFERENCE.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        wanted = current(page)
        if page == wanted:
            continue
        stale += 1
        if check:
            print(f"docs/reference/{path.name} is not current: run python docs/generate.py")
        else:
            path.write_text(wanted, encoding="utf-8")
            print(f"wrote docs/reference/{path.name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
