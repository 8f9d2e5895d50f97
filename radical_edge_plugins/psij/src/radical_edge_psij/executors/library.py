"""The one place that imports PSI/J: late, and never in the main thread."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

_lock = threading.Lock()


@cache
def _import() -> ModuleType:
    # In the main thread the import would replace the process's SIGCHLD handler. Elsewhere it says so in a
    # warning,
    # which nobody needs: the library's own view of a job is never asked.
    logging.getLogger("psij.executors.local").addFilter(lambda record: "non-main thread" not in record.msg)
    import psij  # noqa: PLC0415 - see above; names are taken one by one, as `import *` fails

    return psij


def psij() -> ModuleType:
    """Return PSI/J; to be called in worker threads."""
    assert threading.current_thread() is not threading.main_thread()
    with _lock:
        return _import()


def local_executor(folders: tuple[Path, ...]) -> Any:
    """
    Return a new instance of PSI/J's ``local`` executor.

    Args:
        folders: Where its launcher's scripts may go. They name each other without quotes: the first folder
            counts
            whose path a shell reads as one plain word, and where there is none, a new one for temporary
            files.
    """
    library = psij()
    folder = plain_folder(folders)
    with _lock:
        executor = library.JobExecutor.get_instance(
            "local", config=library.JobExecutorConfig(work_directory=folder)
        )
    ended = executor._process_done  # noqa: SLF001 - see below

    def process_done(entry: Any) -> None:
        ended(entry)
        entry.process.stdout.close()  # the library leaves this pipe, one a job, to the garbage collector

    executor._process_done = process_done  # noqa: SLF001
    return executor


def plain_folder(folders: tuple[Path, ...]) -> Path:
    """Return, made, the first folder whose path a shell reads as one plain word; else a new one for temporary files."""
    plain = [folder for folder in folders if not set(str(folder)) & set(" \t\n'\"\\$`*?[]{}()<>|&;~#!")]
    folder = plain[0] if plain else Path(tempfile.mkdtemp(prefix="psij-"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def missing_programs(*names: str) -> list[str]:
    """Return those of the programs that are not on the path."""
    return [name for name in names if shutil.which(name) is None]
