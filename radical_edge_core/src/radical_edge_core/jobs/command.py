"""What a job runs, and how it is told to the shim: as functions in shell, so that nothing is parsed twice."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

import attrs
from attrs import frozen

_SHELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Names that some shell owns: assigning to them fails, or does something else. They go through env(1).
_OWNED = frozenset(
    {
        "BASHOPTS", "BASH_VERSINFO", "DIRSTACK", "EUID", "FUNCNAME", "GROUPS", "HISTCMD", "IFS", "LINENO",
        "OPTIND", "PPID", "RANDOM", "SECONDS", "SHELLOPTS", "UID",
    }
)  # fmt: skip


@frozen(kw_only=True)
class Command:
    """
    What a job runs.

    Attributes:
        executable: A path, or a name to be looked up on the job's ``PATH``.
        arguments: Handed over as they are, whatever they hold.
        environment: Set on top of what the job inherits.
        directory: Absolute; the payload starts in it.
        stdin: A file; ``None``: the payload reads nothing.
    """

    executable: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = attrs.field(factory=dict)
    directory: str
    stdin: str | None = None

    def script(self, claim_method: str) -> bytes:
        """
        Return the shim's ``command`` file.

        Values are exported by the shell and not by ``env(1)``, whose arguments every user of the node can
        see for a moment; only names that a shell can't carry go that way.

        Raises:
            ValueError: Something holds a NUL, or text that no file name or argument can have.
        """
        exported, through_env = [], []
        for name, value in self.environment.items():
            if not name or "=" in name:
                raise ValueError(f"an environment variable can't be called {name!r}")
            if _SHELL_NAME.fullmatch(name) and name not in _OWNED and not name.startswith("shim_"):
                exported.append(f"export {name}={shlex.quote(value)}")
            else:
                through_env.append(f"{name}={value}")
        words = [self.executable, *self.arguments]
        if through_env and "=" in self.executable:
            words = ["/bin/sh", "-c", 'exec "$@"', "sh", *words]  # env(1) would take it for one more variable
        if through_env:
            words = ["/usr/bin/env", "--", *through_env, *words]
        lines = [
            f"shim_method={claim_method}",
            "shim_payload() {",
            'exec >>"$1" 2>>"$2"',
            "{",
            ":",
            *exported,
            "} 2>/dev/null",  # a shell may complain about a locale; the payload's stderr is the payload's
            f"cd -- {shlex.quote(self.directory)} || exit 126",
            f"exec <{shlex.quote(self.stdin or '/dev/null')} || exit 126",
            f"set -- {' '.join(map(shlex.quote, words))}",
            'exec "$@"',
            "}",
        ]
        script = "\n".join(lines) + "\n"
        if "\0" in script:
            raise ValueError("a NUL character can't be handed to a program")
        try:
            return script.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as exc:
            raise ValueError(f"{exc.object[exc.start]!r} can't be handed to a program") from exc
