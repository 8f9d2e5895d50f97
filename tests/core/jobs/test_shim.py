"""The shim, run by every shell that is here."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from radical_edge_core.jobs.folder import JobFolder
from radical_edge_core.jobs.process import Process, boot_id, find

SHELLS = [
    pytest.param(words, id=" ".join(words), marks=[] if shutil.which(words[0]) else [pytest.mark.skip])
    for words in (("dash",), ("bash", "--posix"), ("busybox", "sh"))
]
NASTY = [
    "",
    " ",
    "a b",
    "'",
    '"',
    "$HOME",
    "`id`",
    "\\",
    "*",
    "&",
    "new\nline",
    "{{x}}",
    "Áß€🎈",
    "--",
    "-n",
    "\x81\x88",
]


def run_in(shell: tuple[str, ...], folder: JobFolder) -> int:
    words = (*shell, str(folder.path / "shim"), "local", str(folder.path), "own")
    return subprocess.run(
        words, check=False, start_new_session=True, timeout=30, stderr=subprocess.DEVNULL
    ).returncode


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_runs_a_job_and_tells_how_it_ended(shell, make_folder) -> None:
    """Output, exit code, times and sizes are on record whichever shell /bin/sh is."""
    before = time.time()
    folder = make_folder(script="echo hello; echo bad >&2; exit 3")
    assert run_in(shell, folder) == 3
    record = folder.exit()
    assert record is not None
    assert (record.code, record.signals, record.restarts) == (3, (), 0)
    assert (folder.path / "stdout").read_text() == "hello\n"
    assert (folder.path / "stderr").read_text() == "bad\n"
    assert (record.stdout_bytes, record.stderr_bytes) == (6, 4)
    assert before - 1 <= record.start <= record.end <= time.time() + 1


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_hands_arguments_and_variables_over_unchanged(shell, make_folder) -> None:
    """Nothing in an argument or a variable is parsed by anybody on the way."""
    code = "import json,os,sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
    wanted = {f"VAR{n}": text for n, text in enumerate(NASTY)}
    odd = {"with.dot": "1", "UID": "7", "shim_folder": "x", "OPTIND": "none", "LC_ALL": "no_SUCH.locale"}
    folder = make_folder(sys.executable, "-c", code, *NASTY, environment={**wanted, **odd})
    assert run_in(shell, folder) == 0, (folder.path / "stderr").read_text()
    arguments, environment = json.loads((folder.path / "stdout").read_text())
    assert arguments == NASTY
    assert {name: environment.get(name) for name in (*wanted, *odd)} == {**wanted, **odd}
    assert (folder.path / "stderr").read_text() == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_records_a_signal_and_the_payloads_own_answer(shell, make_folder, wait_until) -> None:
    """A signal to the group reaches the payload; the shim outlives it and writes both down."""
    folder = make_folder(script="trap 'echo bye; exit 9' TERM; echo up; while :; do sleep 0.05; done")
    words = (*shell, str(folder.path / "shim"), "local", str(folder.path), "own")
    shim = subprocess.Popen(words, start_new_session=True)
    wait_until(lambda: (folder.path / "stdout").read_text() == "up\n")
    os.killpg(shim.pid, signal.SIGTERM)
    assert shim.wait(20) == 9
    record = folder.exit()
    assert record is not None
    assert (record.code, record.signals) == (9, ("TERM",))
    assert (folder.path / "stdout").read_text() == "up\nbye\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_says_what_could_not_be_run(shell, make_folder, tmp_path) -> None:
    """127 where there is no such program, 126 where it can't be executed; the reason is in stderr."""
    missing = make_folder("no-such-program", "x")
    assert run_in(shell, missing) == 127
    assert "no-such-program" in (missing.path / "stderr").read_text()
    plain = tmp_path / "plain"
    plain.write_text("text")
    plain.chmod(0o600)
    assert run_in(shell, make_folder(str(plain))) == 126


def test_a_local_job_leaves_the_session_of_its_starter(make_folder, start_shim, wait_until) -> None:
    """The claim names the shim's process, which leads a session of its own."""
    folder = make_folder(script="sleep 30")
    shim = start_shim(folder)
    wait_until(folder.claim)
    claim = folder.claim()
    assert claim is not None
    assert claim.boot == boot_id()
    found = find(shim.pid)
    assert claim.process == found
    assert isinstance(found, Process)
    assert found.group == found.session == shim.pid != os.getsid(0)


def test_a_job_holds_no_pipe_of_its_starter(make_folder) -> None:
    """Whoever reads the starter's pipes sees their end although the job lives."""
    folder = make_folder(script="sleep 30")
    read, write = os.pipe()
    launcher = ("sh", "-c", 'exec 3>&1 9>&1; exec "$@"', "launcher", *folder.shim_command())
    process = subprocess.Popen(launcher, stdin=read, stdout=write, stderr=write)
    os.close(write)
    try:
        assert os.read(read, 1) == b"", "the write end is closed everywhere"
        assert process.poll() is None
    finally:
        os.close(read)
        process.kill()
        process.wait()


def test_the_payload_has_nothing_open_but_its_own_streams(run_job) -> None:
    """The payload finds three descriptors, and no signal ignored or blocked beyond what is inherited."""
    plain = subprocess.run(
        ["grep", "SigIgn", "/proc/self/status"], capture_output=True, text=True, check=True
    )
    folder = run_job(script="ls /proc/self/fd; grep -E 'Sig(Blk|Ign)' /proc/self/status")
    *descriptors, _listing, blocked, ignored = (folder.path / "stdout").read_text().split("\n")[:-1]
    assert descriptors == ["0", "1", "2"]
    assert int(blocked.split()[1], 16) == 0
    assert ignored == plain.stdout.strip()


def test_stdin_is_the_file_named_or_nothing(run_job, tmp_path) -> None:
    """A job reads the file it was given, whatever its name, else an end of file."""
    source = tmp_path / "in put's \" ü"
    source.write_text("from the file\n")
    assert (run_job("cat", stdin=source).path / "stdout").read_text() == "from the file\n"
    assert (run_job("cat").path / "stdout").read_text() == ""


def test_output_goes_to_the_files_the_user_named(run_job, tmp_path) -> None:
    """The folder's streams are links to them; both may be the same file, and what was in it is gone."""
    target = tmp_path / "out put.txt"
    target.write_text("old")
    outputs = {"stdout": target, "stderr": target}
    folder = run_job(script="echo one; echo two >&2; echo three", outputs=outputs)
    assert target.read_text() == "one\ntwo\nthree\n"
    assert (folder.path / "stdout").read_text() == target.read_text()
    record = folder.exit()
    assert record is not None
    assert record.stdout_bytes == len("one\ntwo\nthree\n")


def test_the_umask_is_the_users(make_folder) -> None:
    """What the payload makes has the mode the user's umask gives; the record is the user's alone."""
    folder = make_folder(script="umask; touch made")
    subprocess.run(folder.shim_command(), check=True, umask=0o027)
    assert (folder.path / "stdout").read_text() == "0027\n"
    assert (folder.path / "exit.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("method", ["link", "symlink"])
def test_of_four_shims_one_runs_the_payload(method, make_folder, tmp_path, tell) -> None:
    """Whatever the file system offers: many shims at once, one run, the others say so and end with 0."""
    rounds, losers = 15, 0
    tell(f"{rounds} races of four, claim by {method}")
    for number in range(rounds):
        ran = tmp_path / f"ran{number}"
        folder = make_folder(script=f"echo x >>{ran}; exit 5")
        if method == "symlink":
            folder = by_symlink(folder)
        shims = [subprocess.Popen(folder.shim_command()) for _ in range(4)]
        codes = sorted(shim.wait(30) for shim in shims)
        assert ran.read_text() == "x\n"
        assert codes == [0, 0, 0, 5]
        lost = list(folder.path.glob("lost.*"))
        losers += len(lost)
        claim = folder.claim()
        assert claim is not None
        assert all(each.read_text().strip() == claim.id for each in lost)
        assert not list(folder.path.glob("claim.*"))
    assert losers == 3 * rounds, "no race was run"


def by_symlink(folder: JobFolder) -> JobFolder:
    """Rewrite a folder to what it is where there are no hard links."""
    for name in ("command", "spec.json"):
        path = folder.path / name
        text = path.read_text()
        path.write_text(
            text.replace("shim_method=link", "shim_method=symlink").replace(
                '"claim_method":"link"', '"claim_method":"symlink"'
            )
        )
    return JobFolder.open(folder.path)


def test_a_withdrawn_folder_is_never_run(make_folder, start_shim) -> None:
    """Who takes the claim away first can be sure."""
    for folder in (make_folder("echo"), by_symlink(make_folder("echo"))):
        assert folder.withdraw("canceled").id == "void.canceled"
        assert folder.withdraw("canceled").kind == "void"
        assert start_shim(folder).wait(20) == 0
        assert folder.exit() is None
        assert list(folder.path.glob("lost.*"))


def test_a_claim_that_is_taken_can_not_be_withdrawn(run_job) -> None:
    """A shim that was first stays the holder."""
    assert run_job("true").withdraw("canceled").kind == "local"


SCHEDULERS: list[tuple[str, dict[str, str], str]] = [
    ("slurm", {"SLURM_JOB_ID": "294"}, "slurm.294"),
    ("pbs", {"PBS_JOBID": "12.head"}, "pbs.12.head"),
    ("lsf", {"LSB_JOBID": "4711", "LSB_JOBINDEX": "0"}, "lsf.4711"),
]


@pytest.mark.parametrize(("kind", "environ", "claim_id"), SCHEDULERS)
def test_a_schedulers_job_claims_with_its_id(kind, environ, claim_id, make_folder, start_shim) -> None:
    """The id is the one in the environment, and the job stays in the scheduler's session."""
    folder = make_folder(script="ps -o sid= -p $$", kind=kind)
    assert start_shim(folder, **environ).wait(20) == 0
    claim = folder.claim()
    assert claim is not None
    assert claim.id == claim_id
    assert int((folder.path / "stdout").read_text()) == os.getsid(0)


def test_without_a_job_id_nothing_runs(make_folder, start_shim) -> None:
    """A scheduler's shim outside the scheduler is a mistake, and leaves the folder as it was."""
    folder = make_folder("true", kind="slurm")
    assert start_shim(folder).wait(20) == 64
    assert folder.claim() is None


def test_a_requeued_job_enters_again(root, make_folder, start_shim) -> None:
    """The same id runs the payload once more; the old record goes before, output is appended."""
    folder = make_folder(script=f"ls '{root}'/*/exit.json; echo run", kind="slurm")
    for restarts in range(3):
        assert start_shim(folder, SLURM_JOB_ID="7").wait(20) == 0
        record = folder.exit()
        assert record is not None
        assert record.restarts == restarts
    assert (folder.path / "stdout").read_text() == "run\n" * 3
    assert start_shim(folder, SLURM_JOB_ID="8").wait(20) == 0
    assert (folder.path / "lost.slurm.8").read_text() == "slurm.7\n"
    assert (folder.path / "stdout").read_text() == "run\n" * 3


def test_each_task_of_an_array_has_a_folder(make_folder, start_shim) -> None:
    """Tasks of one array run the same command side by side, each with a claim and a record of its own."""
    folder = make_folder(script="echo $SLURM_ARRAY_TASK_ID; exit $SLURM_ARRAY_TASK_ID", kind="slurm")
    for task in "03":
        environ = {"SLURM_JOB_ID": "300", "SLURM_ARRAY_JOB_ID": "294", "SLURM_ARRAY_TASK_ID": task}
        assert start_shim(folder, **environ).wait(20) == int(task)
        there = folder.path / f"task.{task}"
        assert (there / "claim").read_text() == f"slurm.294_{task}\n"
        assert (there / "stdout").read_text() == f"{task}\n"
        assert json.loads((there / "exit.json").read_text())["code"] == int(task)
    assert folder.claim() is None


def test_a_cancel_that_came_first_stops_the_payload(make_folder, start_shim) -> None:
    """A wish written down before the payload begins is seen, even if no signal reached anybody."""
    folder = make_folder(script="echo ran")
    folder.ask_to_cancel()
    assert start_shim(folder).wait(20) == 143
    assert (folder.path / "stdout").read_text() == ""


def test_the_record_is_written_once_there_is_room_again(make_folder, start_shim, wait_until) -> None:
    """A record that can't be written is tried again until it can."""
    folder = make_folder("sh", "-c", "exit 4")
    (folder.path / "exit.part").unlink()
    (folder.path / "exit.part").mkdir()  # stands for whatever may be in the way
    (folder.path / "exit.part" / "x").touch()
    shim = start_shim(folder)
    wait_until(lambda: "exit.part" in log_of(folder))
    assert shim.poll() is None
    shutil.rmtree(folder.path / "exit.part")
    assert shim.wait(20) == 4
    record = folder.exit()
    assert record is not None
    assert record.code == 4


def log_of(folder: JobFolder) -> str:
    path = folder.path / "shim.log"
    return path.read_text() if path.exists() else ""


def test_background_children_do_not_delay_the_end(run_job: Callable[..., JobFolder], tmp_path: Path) -> None:
    """A job ends when its own process does."""
    folder = run_job(script="sleep 30 & echo done")
    record = folder.exit()
    assert record is not None
    assert record.code == 0
    assert (folder.path / "stdout").read_text() == "done\n"
