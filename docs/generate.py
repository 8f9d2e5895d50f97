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
from collections.abc import Callable, Iterator
from pathlib import Path

from radical_edge_core.errors import EdgeError

REFERENCE = Path(__file__).parent / "reference"
PACKAGES = (
    "radical_edge_core",
    "radical_edge_client",
    "radical_edge_psij",
    "radical_edge_staging",
    "radical_edge_sysinfo",
)
NOTE = "<!-- Written by docs/generate.py; change the code, then run it. -->\n"

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


PAGES: dict[str, Callable[[], str]] = {"errors.md": errors}


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
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            print(f"wrote docs/reference/{name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
