"""What one host process knows of its batch scheduler: one for all its plugins, so that they share each answer."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Mapping

from radical_edge_core.schedulers.backend import Scheduler
from radical_edge_core.schedulers.collector import Collector
from radical_edge_core.schedulers.command import CommandRunner
from radical_edge_core.schedulers.detect import detect
from radical_edge_core.schedulers.records import SchedulerName

# How long "there is none" holds: a module may be loaded, or a file system mounted, after the edge came up.
LOOK_AGAIN_S = 60.0


class Schedulers:
    """
    The schedulers of one host process; every method may be called from any thread.

    Args:
        environ: Where the environment is looked up; the process's by default.
        collector: Asks; by default one with a runner of its own.
    """

    def __init__(
        self,
        environ: Callable[[], Mapping[str, str]] = lambda: os.environ,
        *,
        collector: Collector | None = None,
    ) -> None:
        self.environ = environ
        self.collector = collector or Collector(CommandRunner(environ))
        self._made: dict[SchedulerName, Scheduler] = {}
        self._lock = threading.Lock()
        self._detecting = threading.Lock()
        self._detected: SchedulerName | None = None
        self._looked_at = -math.inf

    def get(self, name: SchedulerName) -> Scheduler:
        """Return one kind of scheduler, whether or not it is here; the same object each time."""
        with self._lock:
            if name not in self._made:
                self._made[name] = _class_of(name)(self.collector)
            return self._made[name]

    def detect(self) -> Scheduler | None:
        """Return the scheduler that is here, ``None`` where there is none; the first call may take seconds."""
        with self._detecting:
            now = self.collector.monotonic()
            if self._detected is None and now - self._looked_at >= LOOK_AGAIN_S:
                self._looked_at = now
                self._detected = detect(self.collector.runner, self.environ())
            return None if self._detected is None else self.get(self._detected)

    def close(self) -> None:
        """Ask nothing any more, and end what runs."""
        self.collector.close()


def _class_of(name: SchedulerName) -> type[Scheduler]:
    from radical_edge_core.schedulers.lsf import Lsf  # noqa: PLC0415 - only what is here is loaded
    from radical_edge_core.schedulers.pbs import Pbs  # noqa: PLC0415
    from radical_edge_core.schedulers.slurm import Slurm  # noqa: PLC0415

    classes: dict[SchedulerName, type[Scheduler]] = {"slurm": Slurm, "pbs": Pbs, "lsf": Lsf}
    return classes[name]
