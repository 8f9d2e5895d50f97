"""Ending a scheduler's jobs, through PSI/J: many at once, again until it was done, and never in the way of a look."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

from radical_edge_core.errors import EdgeError
from radical_edge_psij.executors.handover import run_submitter

log = logging.getLogger(__name__)
AGAIN_S = 10.0
TRIES = 360  # an hour
_DEADLINE_S = 120.0
_GATHER_S = 0.05


class Canceller:
    """
    Ends jobs in a thread of its own; every method may be called from any thread, and never waits.

    Args:
        executor: PSI/J's name.
        state_dir: Where requests may lie for a moment.
        launcher_folder: Where PSI/J's files may go.
        environment: In which the scheduler's command runs.
    """

    def __init__(
        self,
        executor: str,
        state_dir: Path,
        launcher_folder: Callable[[], Path],
        environment: Callable[[], dict[str, str]],
    ) -> None:
        self._executor = executor
        self._state_dir = state_dir
        self._launcher_folder = launcher_folder
        self._environment = environment
        self._wanted: dict[str, int] = {}
        self._unnamed: dict[str, Callable[[], Collection[str]]] = {}
        self._told_at: dict[str, float] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def ask(self, native_id: str) -> None:
        """End a job; nothing happens where that was done a moment ago."""
        with self._changed:
            if time.monotonic() - self._told_at.get(native_id, -1e9) < AGAIN_S or native_id in self._wanted:
                return
            self._wanted[native_id] = 0
            self._begin()

    def ask_later(self, name: str, find: Callable[[], Collection[str]]) -> None:
        """End jobs whose ids have to be found first, in the thread."""
        with self._changed:
            self._unnamed.setdefault(name, find)
            self._begin()

    def close(self) -> None:
        """Begin nothing any more."""
        with self._changed:
            self._stopping.set()
            self._changed.notify_all()

    def _begin(self) -> None:
        if self._thread is None and not self._stopping.is_set():
            self._thread = threading.Thread(target=self._run, name=f"cancel {self._executor}", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        pause = _GATHER_S
        while True:
            with self._changed:
                self._changed.wait(pause)  # for those who ask at the same time
                if self._stopping.is_set() or not (self._wanted or self._unnamed):
                    self._thread = None
                    return
                wanted, unnamed = list(self._wanted), dict(self._unnamed)
            try:
                wanted += self._found(unnamed)
                refused = self._end(wanted) if wanted else {}
            except Exception as exc:  # noqa: BLE001 - isolation point: the thread must live to try again
                said = exc.detail if isinstance(exc, EdgeError) else repr(exc)
                log.warning("jobs can't be ended now: %s", said)
                refused = dict.fromkeys(wanted, said)
            pause = AGAIN_S if self._settle(wanted, refused) else _GATHER_S

    def _found(self, unnamed: dict[str, Callable[[], Collection[str]]]) -> list[str]:
        found: list[str] = []
        for name, find in unnamed.items():
            found += find()
            with self._changed:
                self._unnamed.pop(name, None)
        return found

    def _settle(self, wanted: Collection[str], refused: dict[str, str]) -> bool:
        """Note what was done; say whether something is left to be tried again."""
        with self._changed:
            for native_id in wanted:
                tries = self._wanted.pop(native_id, 0) + 1
                self._told_at[native_id] = time.monotonic()
                if native_id in refused and tries < TRIES:
                    self._wanted[native_id] = tries
            return bool(refused or self._unnamed)

    def _end(self, native_ids: Collection[str]) -> dict[str, str]:
        """Have PSI/J end jobs; return those that it could not, and why."""
        with tempfile.TemporaryDirectory(prefix="cancel-", dir=self._state_dir) as folder:
            request = {
                "action": "cancel",
                "executor": self._executor,
                "launcher_folder": str(self._launcher_folder()),
                "native_ids": sorted(native_ids),
            }
            answer = run_submitter(
                Path(folder), request, environment=self._environment(), cwd=Path(folder), stdin=None,
                deadline_s=_DEADLINE_S, stopping=self._stopping,
            )  # fmt: skip
        if "failed" in answer:
            return dict.fromkeys(native_ids, str(answer["failed"]))
        refused = answer.get("refused")
        found = {str(key): str(value) for key, value in refused.items()} if isinstance(refused, dict) else {}
        for native_id, why in found.items():
            log.info("job %s can't be ended: %s", native_id, why)
        return {native_id: why for native_id, why in found.items() if not _over(why)}


def _over(why: str) -> bool:
    """Say whether a refusal only means that there is nothing left to end."""
    words = ("invalid job id", "already", "unknown job", "not found", "finished", "completed", "no matching")
    return any(word in why.lower() for word in words)
