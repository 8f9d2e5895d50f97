"""
Write the reference pages that say what the code says.

``python docs/generate.py`` writes them; with ``--check`` it fails where a page is not current.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import click

from radical_edge_client.cli import main as cli
from radical_edge_client.settings import Settings
from radical_edge_core.bridge.config import BridgeConfig
from radical_edge_core.edge.config import EdgeConfig
from radical_edge_core.errors import EdgeError
from radical_edge_core.hooks import BridgeSpec, ClientSpec, EdgeSpec

REFERENCE = Path(__file__).parent / "reference"
NOTE = "\n<!-- Written by docs/generate.py; change the code, then run it. -->\n"
PACKAGES = (
    "radical_edge_core",
    "radical_edge_client",
    "radical_edge_psij",
    "radical_edge_staging",
    "radical_edge_sysinfo",
)

ERRORS = """\
# Errors

Every error, of the bridge and of every plugin, travels as one JSON object (`application/problem+json`).
The Python client raises the class of the same code.

```json
{"error": true, "status_code": 404, "code": "not_found", "detail": "no edge hpc9", "transient": false}
```

`code` is stable: programs compare it, and never the text in `detail`.
`transient` says whether the same call may succeed later.
Fields beside these five say what made it happen, and are in the `data` of the Python class.

| Code | Status | Transient | Class | Meaning |
|---|---|---|---|---|
"""

CONFIGURATION = """\
# Configuration

Each setting is taken from the first of these that names it: the flag, the environment, the file, the default.
`--show-config` prints every value with its origin, secrets masked.

The file is `config.toml` in the state folder (`RADICAL_EDGE_HOME`, by default `~/.radical/edge`), or the one named
by `--config`.
An unknown key in it is an error.
"""

COMMAND_LINE = """\
# Command line

## `radical-edge-bridge`

Every setting of the bridge is a flag: see [configuration](configuration.md#the-bridge).
Beside them: `--config FILE`, `--show-config`, `--version`.

| Exit code | Meaning |
|---|---|
| 0 | stopped by a signal or by `POST /bridge/terminate` |
| 1 | anything else |
| 2 | wrong settings, or the address is in use |

## `radical-edge-service`

Every setting of the edge is a flag: see [configuration](configuration.md#the-edge).
Beside them: `--config FILE`, `--show-config`, `--list-plugins`, `--version`.

| Exit code | Meaning |
|---|---|
| 0 | stopped by a signal, or ended through the bridge |
| 1 | a plugin failed, under `--strict-plugins` |
| 2 | wrong settings, or the state folder is in use |
| 3 | refused by the bridge, where repeating cannot help |
| 4 | replaced by another instance of the same name |

The first SIGINT or SIGTERM lets running calls finish, for `drain_s` at most; the second stops at once.

## `radical-edge`

Exit codes are in the help of the program.
Where one edge is connected (the bridge's own not counted), `EDGE` need not be given.
Options of `call` are made from the edge's description: `--field-name value`, underscores are accepted too.
"""

HOOKS = """\
# Hooks

What an installed distribution may implement, beside plain plugins.
An entry point names a module with functions marked by `@hookimpl` (`radical_edge_core.hooks`).
An implementation takes those of the arguments that it needs.
"""

TABLES = (
    ("The bridge", "`radical-edge-bridge`, table `[bridge]`", BridgeConfig),
    ("The edge", "`radical-edge-service`, table `[edge]`", EdgeConfig),
    ("The client", "`radical-edge` and the Python client, file `client.toml`", Settings),
)
SPECS = (
    ("radical_edge.plugins", "of an edge, and of the bridge where it hosts plugins", EdgeSpec),
    ("radical_edge.clients", "of the Python client and the command line", ClientSpec),
    ("radical_edge.bridge", "of the bridge", BridgeSpec),
)


def import_everything() -> None:
    """Import every module of every distribution, so that every error class is known."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, name + "."):
            if not found.name.startswith("radical_edge_core.testing") and not found.name.endswith("__main__"):
                importlib.import_module(found.name)


def errors() -> str:
    """Return the page about the errors."""
    lines = []
    for cls in tree(EdgeError):
        yes = "yes" if cls.transient else ""
        meaning = (inspect.getdoc(cls) or "").split("\n\n", 1)[0].replace("\n", " ").replace("``", "`")
        name = f"{cls.__module__}.{cls.__qualname__}"
        lines.append(f"| `{cls.code}` | {cls.status_code} | {yes} | `{name}` | {meaning} |")
    return ERRORS + "".join(f"{line}\n" for line in lines)


def tree(root: type[EdgeError]) -> Iterator[type[EdgeError]]:
    """Walk the tree of error classes, a parent before its children, siblings by status and code."""
    yield root
    for child in sorted(root.__subclasses__(), key=lambda cls: (cls.status_code, cls.code, cls.__qualname__)):
        yield from tree(child)


def configuration() -> str:
    """Return the page about the settings."""
    parts = [CONFIGURATION]
    for title, where, model in TABLES:
        parts.append(f"\n## {title}\n\n{where}.\n\n| Key | Type | Default | Flag | Environment | Meaning |\n")
        parts.append("|---|---|---|---|---|---|\n")
        parts += [setting(model, field) for field in attrs.fields(model)]
    return "".join(parts)


def setting(model: type, field: attrs.Attribute[object]) -> str:
    """Return the row of one setting."""
    hint = typing.get_type_hints(model)[field.name]
    inner = next((arg for arg in typing.get_args(hint) if arg is not type(None)), hint)
    name = "list" if typing.get_origin(hint) is tuple else "path" if inner is Path else inner.__name__
    default = (
        ""
        if field.default in {None, ()}
        else f"`{str(field.default).lower() if name == 'bool' else field.default}`"
    )
    flags = {parameter.name for parameter in cli.group.params} if model is Settings else {field.name}
    flag = f"`--{field.name.replace('_', '-')}`" if field.metadata["flag"] and field.name in flags else ""
    environment = f"`{field.metadata['env']}`" if field.metadata["env"] else ""
    return f"| `{field.name}` | {name} | {default} | {flag} | {environment} | {field.metadata['help']} |\n"


def command_line() -> str:
    """Return the page about the console scripts."""
    return COMMAND_LINE + "".join(
        helps(cli.group, click.Context(cli.group, info_name="radical-edge", terminal_width=100))
    )


def helps(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the help of a command and of all below it."""
    yield f"\n### {context.command_path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                below = click.Context(found, parent=context, info_name=name, terminal_width=100)
                yield from helps(found, below)


def hooks() -> str:
    """Return the page about the hooks."""
    parts = [HOOKS]
    for group, whose, spec in SPECS:
        parts.append(f"\n## `{group}`\n\nHooks {whose}.\n")
        for name, function in vars(spec).items():
            if not name.startswith("_") and callable(function):
                signature = str(inspect.signature(function)).replace("(self, ", "(").replace("'", "")
                text = inspect.getdoc(function) or ""
                parts.append(f"\n### {name}\n\n```text\n{name}{signature}\n\n{text}\n```\n")
    return "".join(parts)


PAGES: dict[str, Callable[[], str]] = {
    "errors.md": errors,
    "configuration.md": configuration,
    "command-line.md": command_line,
    "hooks.md": hooks,
}


def main() -> int:
    """Write or check the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="fail where a page is not current; write nothing"
    )
    check = parser.parse_args().check
    import_everything()
    stale = 0
    for name, page in PAGES.items():
        head, _, rest = page().partition("\n")
        text = f"{head}\n{NOTE}{rest}"
        target = REFERENCE / name
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if check:
            print(f"docs/reference/{name} is not current: run python docs/generate.py")
        else:
            target.write_text(text, encoding="utf-8")
            print(f"wrote docs/reference/{name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
