"""Making, reading and keeping job folders."""

from __future__ import annotations

import os
import subprocess

import pytest

from radical_edge_core.errors import NoRoom
from radical_edge_core.jobs.command import Command
from radical_edge_core.jobs.folder import JobFolder
from radical_edge_core.jobs.local import observe, pursue_cancel
from radical_edge_core.jobs.retention import Keep, expired, folders_in, remove, size_of, sweep
from radical_edge_core.jobs.status import JobState


def test_a_folder_is_its_owners_alone(root, make_folder) -> None:
    """Nothing in it is readable by others, whatever the umask."""
    old = os.umask(0)
    try:
        folder = make_folder("true")
    finally:
        os.umask(old)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert root.stat().st_mode & 0o777 == 0o700
    for path in folder.path.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_folder_is_found_again(make_folder) -> None:
    """What its maker kept comes back, and so does what was remembered later."""
    folder = make_folder("true", data={"owner": "alice", "n": [1, 2]})
    folder.remember("state.json", {"state": "QUEUED"})
    assert JobFolder.open(folder.path) == folder
    assert JobFolder.open(folder.path).recall("state.json") == {"state": "QUEUED"}
    assert folder.recall("nothing.json") is None


def test_a_name_is_used_once(root, make_folder) -> None:
    """A second folder of one name is refused and the first stays as it is."""
    folder = make_folder("true")
    with pytest.raises(FileExistsError):
        JobFolder.create(root, folder.job_id, command=Command(executable="false", directory="/"))
    assert JobFolder.open(folder.path) == folder


@pytest.mark.parametrize(
    "command",
    [
        Command(executable="a\0b", directory="/"),
        Command(executable="true", arguments=("\ud800",), directory="/"),
        Command(executable="true", environment={"a=b": "c"}, directory="/"),
        Command(executable="true", environment={"": "c"}, directory="/"),
    ],
    ids=["NUL", "lone surrogate", "equals sign", "no name"],
)
def test_what_no_program_can_be_given_is_refused(command, root) -> None:
    """A command that can't be handed over leaves no folder behind."""
    with pytest.raises(ValueError, match="can't be"):
        JobFolder.create(root, "job", command=command)
    assert list(root.iterdir()) == []


def test_bytes_that_are_no_text_are_handed_over(run_job) -> None:
    """File names that are no UTF-8 travel as Python writes them."""
    folder = run_job("printf", "%s", "\udcff\udc80")
    assert (folder.path / "stdout").read_bytes() == b"\xff\x80"


def test_a_file_that_can_not_be_written_is_told_at_once(root, make_folder, tmp_path) -> None:
    """A stream that is to go where nothing can be made raises, and leaves no folder behind."""
    with pytest.raises(FileNotFoundError):
        make_folder("true", outputs={"stdout": tmp_path / "no" / "such"})
    assert list(root.iterdir()) == []


def test_damaged_folders_are_left_alone(root, make_folder, caplog) -> None:
    """One that can't be read is logged and skipped; the others are found."""
    good, bad, cut_off = make_folder("true"), make_folder("true"), make_folder("true")
    (bad.path / "spec.json").write_text("{")
    (cut_off.path / "spec.json").unlink()
    assert [each.job_id for each in folders_in(root)] == [good.job_id]
    assert bad.job_id in caplog.text
    assert bad.path.exists()


def test_a_damaged_record_is_no_record(run_job) -> None:
    """Half a record is as good as none."""
    folder = run_job("true")
    (folder.path / "exit.json").write_text('{"code": 0}')
    assert folder.exit() is None
    (folder.path / "exit.json").write_text('{"code": ')
    assert folder.exit() is None


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB; needs the right to mount one."""
    where = tmp_path / "small"
    where.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", where], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no right to mount a file system")
    yield where
    subprocess.run(["umount", "-l", where], check=True)


def fill(where) -> int:
    written = 0
    with (where / "filler").open("wb", buffering=0) as handle:
        try:
            while True:
                written += handle.write(b"x" * 4096)
        except OSError:
            return written


def test_a_full_disk_is_told_and_leaves_nothing(small_disk) -> None:
    """No folder is made, nothing is left of the attempt, and it works once there is room."""
    root = small_disk / "jobs"
    fill(small_disk)
    command = Command(executable="true", directory="/")
    with pytest.raises(NoRoom):
        JobFolder.create(root, "job", command=command)
    assert not root.exists() or list(root.iterdir()) == []
    (small_disk / "filler").unlink()
    assert JobFolder.create(root, "job", command=command).claim() is None


def test_a_job_on_a_full_disk_ends_and_can_be_canceled(small_disk, start_shim, wait_until) -> None:
    """The record of its end and the wish to end it have their room from the beginning."""
    command = Command(executable="sh", arguments=("-c", "echo up; exec sleep 60"), directory="/")
    folder = JobFolder.create(small_disk / "jobs", "job", command=command)
    shim = start_shim(folder)
    wait_until(lambda: (folder.path / "stdout").read_text() == "up\n")
    assert fill(small_disk), "the disk was full before"
    folder.ask_to_cancel()
    pursue_cancel(folder, 10)
    assert shim.wait(20) == 143
    status = observe(folder)
    assert (status.state, status.exit_code) == (JobState.CANCELED, 143)


@pytest.fixture
def ended(run_job):
    """Make three jobs that ended one after the other, at 100, 200 and 300."""
    return [
        (run_job(script=f"head -c {size} /dev/zero"), when)
        for size, when in ((1000, 100), (2000, 200), (500_000, 300))
    ]


def test_age_ends_a_folder(ended) -> None:
    """A folder goes when its job ended longer ago than is kept."""
    assert expired(ended, Keep(age_s=150, total_bytes=2**40), now=300) == [ended[0][0]]


def test_size_ends_the_oldest_folders(ended) -> None:
    """What ended first goes first, until the rest fits."""
    bound = size_of(ended[2][0].path) + size_of(ended[1][0].path) + 100
    assert expired(ended, Keep(age_s=10**9, total_bytes=bound), now=300) == [ended[0][0]]
    assert len(expired(ended, Keep(age_s=10**9, total_bytes=0), now=300)) == 3


def test_files_of_the_user_stay(root, run_job, tmp_path) -> None:
    """A folder's end leaves the file alone that the job wrote its output to; it does not count either."""
    target = tmp_path / "big"
    folder = run_job(script="head -c 500000 /dev/zero", outputs={"stdout": target})
    assert size_of(folder.path) < 100_000
    remove(folder)
    assert target.stat().st_size == 500_000
    assert list(root.iterdir()) == []


def test_leavings_are_swept(root, make_folder) -> None:
    """What an interrupted removal left goes; a making that was cut off goes when it is old."""
    old, new, whole = make_folder("true"), make_folder("true"), make_folder("true")
    for folder in (old, new):
        (folder.path / "spec.json").unlink()
    os.utime(old.path, (0, 0))
    (root / ".gone-x").mkdir()
    sweep(root)
    assert {path.name for path in root.iterdir()} == {new.job_id, whole.job_id}
