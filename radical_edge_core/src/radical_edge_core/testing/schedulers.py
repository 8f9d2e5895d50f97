"""
Batch schedulers for tests: programs that stand in for theirs, and a clock that is turned by hand.

The stand-ins are found on ``PATH`` before anything else, are run as the real ones are, write down each call, and
say what they are told to, or fail, or hang.
"""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Mapping
from pathlib import Path

from attrs import define, field

SEPARATOR = "<sep>"
_SCRIPT = r"""#!/bin/sh
here={folder}
printf '%s\n' "$*" >>"$here/{name}.calls"
separator=$(printf '%s' "$*" | grep -o '<[0-9a-f]\{{12\}}>' | head -n 1)
cat "$here/{name}.err" >&2
sed "s/{separator}/${{separator:-|}}/g" "$here/{name}.out"
[ ! -e "$here/{name}.hang" ] || sleep 1000 &
wait
exit "$(cat "$here/{name}.code")"
"""


class StandIns:
    """
    Programs in a folder of their own.

    Args:
        folder: Exists, and is the stand-ins' alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def environ(self) -> Mapping[str, str]:
        """This process's environment, with the stand-ins found first."""
        path = os.pathsep.join((str(self.folder), os.environ.get("PATH", os.defpath)))
        return {**os.environ, "PATH": path}

    def program(
        self, name: str, stdout: str = "", *, stderr: str = "", code: int = 0, hang: bool = False
    ) -> None:
        """
        Make a program, or change what one does.

        Args:
            name: What it is called.
            stdout: What it prints; ``<sep>`` becomes the separator that its caller asks for.
            stderr: What it complains of.
            code: How it ends.
            hang: Whether it never ends, after that.
        """
        for kind, text in (("out", stdout), ("err", stderr), ("code", str(code))):
            # Replaced and not rewritten: a call that is under way reads the old one to its end.
            fresh = self.folder / f"{name}.{kind}.new"
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self.folder / f"{name}.{kind}")
        hanging = self.folder / f"{name}.hang"
        if hang:
            hanging.touch()
        else:
            hanging.unlink(missing_ok=True)
        script = self.folder / name
        if not script.exists():
            script.write_text(
                _SCRIPT.format(folder=shlex.quote(str(self.folder)), name=name, separator=SEPARATOR),
                encoding="utf-8",
            )
            script.chmod(0o755)

    def calls(self, name: str) -> list[str]:
        """Return the arguments of each call so far, joined by blanks."""
        file = self.folder / f"{name}.calls"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


@define
class HandClock:
    """
    A clock that stands still until it is turned.

    Attributes:
        began: What it shows at first, as seconds since 1970.
    """

    began: float = 1_800_000_000.0
    _passed: float = 0.0
    _lock: threading.Lock = field(factory=threading.Lock)

    def monotonic(self) -> float:
        """Return the seconds since the clock was made."""
        with self._lock:
            return self._passed

    def now(self) -> float:
        """Return the seconds since 1970."""
        return self.began + self.monotonic()

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._passed += seconds
