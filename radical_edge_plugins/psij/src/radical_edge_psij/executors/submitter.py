"""
One call of PSI/J in a process of its own: ``python -I submitter.py REQUEST``.

PSI/J runs a scheduler's command in this process's stead: with its environment, its folder, and its standard input,
which for a submission is the key's lock file. PSI/J closes every other descriptor and never redirects this one, so that
the command holds the lock for as long as it lives, whoever else is killed.

PSI/J is used to submit and to cancel and for nothing else: its thread that polls the queue is never started. What it
makes is corrected in three places, each a fact about psij-python 0.9.11:

* Its script and its launcher die at TERM, and the job's step with them: both trap it, as the shim does.
* Values in its directives are quoted for a shell, which the scheduler does not read: what the caller chose is handed
  over on the command line, where nothing is quoted.
* The folder of its files stands in the script in two kinds of quotes: it becomes a variable.

This file is run by path and imports nothing of its own package.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

_FOLDER = "RADICAL_EDGE_FOLDER"
_TRAP = "trap : TERM\n"
# What a scheduler prints when it took a job; PSI/J takes the last word, which may be the name of a cluster.
_TAKEN = {
    "slurm": re.compile(r"Submitted batch job (\d+)"),
    "pbs": re.compile(r"^\s*(\d+(?:\[\])?[\w.-]*)\s*$", re.MULTILINE),
    "pbs_classic": re.compile(r"^\s*(\d+(?:\[\])?[\w.-]*)\s*$", re.MULTILINE),
    "lsf": re.compile(r"Job <(\d+)>"),
}


class _Quiet:
    """Stands for PSI/J's polling thread."""

    def register_job(self, job: object) -> None:
        """Do nothing."""


class _Unclear(Exception):
    """The scheduler's command ended well, and did not say which job it made."""


def main(request_file: str) -> int:
    """Do what a request says, and leave the answer beside it, whole or not at all."""
    file = Path(request_file)
    request = json.loads(file.read_text(encoding="utf-8"))
    sys.path.extend(folder for folder in request["import_from"] if folder not in sys.path)
    call = _Call(request)
    try:
        answer = call.submit() if request["action"] == "submit" else call.cancel()
    except Exception as exc:  # noqa: BLE001 - whatever it is, the edge must hear of it
        answer = {"failed": str(exc) or repr(exc), "kind": call.kind_of(exc), "began": call.began}
    partial = file.with_name(f".{os.getpid()}.part")
    partial.write_text(json.dumps(answer), encoding="utf-8")
    partial.replace(request["answer"])
    return 0


class _Call:
    """One request, with the PSI/J executor that carries it out."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.request = request
        self.began = False
        self._library: Any = None

    def kind_of(self, exc: Exception) -> str:
        """Tell what the scheduler's command says from what PSI/J does, and from what went wrong here."""
        if isinstance(exc, _Unclear):
            return "unclear"
        if self._library is None:
            return "broken"
        if isinstance(exc, self._library.SubmitException):
            return "said"
        return "invalid" if isinstance(exc, self._library.InvalidJobException) else "broken"

    def submit(self) -> dict[str, object]:
        """Submit one job."""
        executor = self._executor()
        library, request = self._library, self.request
        work = Path(request["work_folder"])
        executor.work_directory = work
        (work / "pre_launch").write_text(_TRAP, encoding="utf-8")
        self._correct(executor, work)
        program, *arguments = request["command"]
        attributes = library.JobAttributes()
        # PSI/J's own default would be ten minutes, whatever the queue's is.
        attributes.duration = timedelta(seconds=request["duration_s"]) if request["duration_s"] else None
        resources = library.ResourceSpecV1(**request["resources"]) if request["resources"] else None
        spec = library.JobSpec(
            executable=program,
            arguments=arguments,
            attributes=attributes,
            resources=resources,
            launcher="single",
            pre_launch=work / "pre_launch",
        )
        _complete(executor._get_launcher("single"))  # noqa: SLF001 - no other way to its files
        job = library.Job(spec)
        executor.submit(job)
        return {"native_id": str(job.native_id)}

    def cancel(self) -> dict[str, object]:
        """End jobs, one by one; say which could not be."""
        executor = self._executor()
        refused: dict[str, str] = {}
        for native_id in self.request["native_ids"]:
            job = self._library.Job()
            job._native_id = native_id  # noqa: SLF001 - attach() would begin to poll
            try:
                executor.cancel(job)
            except (self._library.SubmitException, OSError) as exc:
                refused[native_id] = str(exc)
        return {"refused": refused}

    def _executor(self) -> Any:
        import psij  # noqa: PLC0415 - found by what the request says
        from psij.executors.batch import batch_scheduler_executor as batch  # noqa: PLC0415

        self._library = psij
        batch.BatchSchedulerExecutor._start_queue_poll_thread = lambda _: _Quiet()  # type: ignore[assignment,return-value]  # noqa: SLF001
        config = batch.BatchSchedulerExecutorConfig(
            work_directory=Path(self.request["launcher_folder"]), keep_files=True
        )
        return psij.JobExecutor.get_instance(self.request["executor"], config=config)

    def _correct(self, executor: Any, work: Path) -> None:
        generate, command, run = (
            executor.generate_submit_script,
            executor.get_submit_command,
            executor._run_command,  # noqa: SLF001
        )

        def corrected_script(job: Any, context: dict[str, Any], out: Any) -> None:
            context["psij"]["script_dir"] = _FOLDER
            text = io.StringIO()
            generate(job, context, text)
            out.write(corrected(text.getvalue(), work))

        def with_options(job: Any, script: Path) -> list[str]:
            program, *rest = command(job, script)
            return [program, *self.request["options"], *rest]

        def noted(argv: list[str]) -> str:
            self.began = True
            try:
                return str(run(argv))
            except FileNotFoundError:
                self.began = False
                raise

        def told(output: str) -> str:
            found = _TAKEN[self.request["executor"]].search(output)
            if found is None:
                raise _Unclear(f"it says no job id: {output[:200]!r}")
            return found[1]

        executor.generate_submit_script = corrected_script
        executor.get_submit_command = with_options
        executor._run_command = noted  # noqa: SLF001
        if self.request["executor"] in _TAKEN:
            executor.job_id_from_submit_output = told


def corrected(script: str, work: Path) -> str:
    """Return PSI/J's script with a trap, and its folder as a variable, after the last directive."""
    lines = script.replace(f'"{_FOLDER}/', '"$radical_edge_folder/').splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if line.strip() and not line.startswith("#"))
    lines.insert(first, f"radical_edge_folder={shlex.quote(str(work))}\n{_TRAP}")
    return "".join(lines)


def _complete(launcher: Any) -> None:
    """Put back what is missing of the launcher: one that was killed while it copied leaves an empty folder."""
    launcher._ensure_launcher_deployed()  # noqa: SLF001 - no other way
    folder = launcher._deployed_script_path.parent  # noqa: SLF001
    for source in launcher._files_to_deploy():  # noqa: SLF001
        if not (folder / source.name).exists():
            partial = folder / f".{source.name}.{os.getpid()}"
            shutil.copy(source, partial)
            with contextlib.suppress(FileExistsError):
                partial.replace(folder / source.name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
