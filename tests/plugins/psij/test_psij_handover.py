"""What is handed to a scheduler, and what counts as its refusal."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from radical_edge_core.errors import Conflict, InvalidRequest
from radical_edge_psij.executors.base import Undecided
from radical_edge_psij.executors.handover import held
from radical_edge_psij.executors.options import (
    custom_of,
    key_of,
    lsf_options,
    pbs_options,
    resources_of,
    slurm_options,
)
from radical_edge_psij.executors.refusals import refusal
from radical_edge_psij.executors.submitter import corrected
from radical_edge_psij.models import JobAttributes, JobSpec, Resources
from radical_edge_psij.places import of_one_node, shared_root


def spec(**more: object) -> JobSpec:
    return JobSpec(executable="true", **more)


def test_the_key_is_in_comment_and_name() -> None:
    """A name and a comment of the caller's stay, and the key is found beside them."""
    key = key_of("0123456789abcdef")
    assert (len(key), key) == (15, "re.0123456789ab")
    assert list(slurm_options(spec(), key, {})) == [f"--job-name={key}", f"--comment={key}"]
    assert list(slurm_options(spec(name="my job"), key, {"comment": "two words"})) == [
        "--job-name=my job", f"--comment=two words {key}",
    ]  # fmt: skip
    assert next(iter(slurm_options(spec(name="a"), key, {"job-name": "b"}))) == "--job-name=b"


def test_options_are_words_of_their_own() -> None:
    """Whatever they hold; flags without a value can be said too."""
    attributes = JobAttributes(queue_name="batch", account="a&b", reservation_id="r")
    custom = {"constraint": "a|b&c", "exclusive": True, "requeue": False, "C": "x y"}
    assert list(slurm_options(spec(attributes=attributes), "k", custom))[2:] == [
        "--partition=batch", "--account=a&b", "--reservation=r", "--constraint=a|b&c", "--exclusive", "-Cx y",
    ]  # fmt: skip
    assert list(pbs_options(spec(attributes=attributes), "k", {"l": "select=1"})) == [
        "-N", "k", "-q", "batch", "-A", "a&b", "-q", "r", "-l", "select=1",
    ]  # fmt: skip
    assert list(lsf_options(spec(), "k", {"x": True})) == ["-J", "k", "-Jd", "k", "-x"]


def test_custom_attributes_are_merged() -> None:
    """The site's, those of the attributes, those of the job; each over the one before, other schedulers' left out."""
    asked = spec(
        attributes=JobAttributes(custom_attributes={"slurm.qos": "high", "slurm.nice": 5, "pbs.l": "x"}),
        custom_attributes={"SLURM.nice": 7},
    )
    assert custom_of("slurm", asked, {"slurm.qos": "low", "slurm.licenses": "a"}) == {
        "qos": "high", "nice": "7", "licenses": "a",
    }  # fmt: skip
    assert custom_of("pbs_classic", asked, {}) == {"l": "x"}


@pytest.mark.parametrize(
    "name",
    [
        "slurm.array",
        "slurm.output",
        "slurm.wait",
        "slurm.test-only",
        "slurm.a b",
        "slurm.-x",
        "slurm.clusters",
    ],
)
def test_what_would_break_the_promises_is_refused(name: str) -> None:
    """Before anything is made, and by name."""
    with pytest.raises(InvalidRequest, match=name.replace(".", r"\.")):
        custom_of("slurm", spec(custom_attributes={name: "1"}), {})
    with pytest.raises(InvalidRequest):
        custom_of("slurm", spec(custom_attributes={"slurm.comment": "a\nb"}), {})


def test_memory_is_divided_by_nodes() -> None:
    """As the scheduler takes it for one node."""
    asked = Resources(node_count=2, processes_per_node=2, memory=1001)
    assert resources_of(spec(resources=asked)) == {
        "node_count": 2, "processes_per_node": 2, "memory": 501, "exclusive_node_use": False,
    }  # fmt: skip
    assert resources_of(spec(attributes=JobAttributes(node_count=3)))["node_count"] == 3
    assert resources_of(spec()) == {}
    with pytest.raises(InvalidRequest, match="4 processes are not 3"):
        resources_of(spec(resources=Resources(process_count=4, processes_per_node=3)))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("slurm", "sbatch: error: Batch job submission failed: Invalid partition name specified"),
        ("slurm", "... Invalid account or account/partition combination specified"),
        ("slurm", "... Requested time limit is invalid (missing or exceeds some limit)"),
        ("slurm", "... Requested reservation is invalid"),
        (
            "slurm",
            "... Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
        ),
        ("slurm", "... Invalid qos specification"),
        ("slurm", "... Requested node configuration is not available"),
        ("slurm", "sbatch: unrecognized option '--nonsense=1'"),
        (
            "slurm",
            "sbatch: error: Please say what for\nsbatch: error: Batch job submission failed: Unspecified error",
        ),
        ("pbs", "qsub: Unknown queue"),
        ("lsf", "nosuch: No such queue. Job not submitted."),
    ],
)
def test_refusals_are_recognised(kind: str, text: str) -> None:
    """And told unchanged."""
    error = refusal(kind, text)
    assert isinstance(error, InvalidRequest)
    assert error.detail == text


@pytest.mark.parametrize(
    "text",
    [
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
        "sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received",
        "something that nobody ever saw",
        "PSIJ: Unknown error",
        "",
    ],
)
def test_a_failure_is_no_refusal(text: str) -> None:
    """What may pass, and what nobody knows, leaves the matter open."""
    assert refusal("slurm", text) is None


def test_the_state_of_a_queue_is_a_conflict() -> None:
    """It may be another tomorrow."""
    assert isinstance(
        refusal("slurm", "Batch job submission failed: Required partition not available (inactive or drain)"),
        Conflict,
    )


def test_the_script_traps_and_has_one_kind_of_quotes() -> None:
    """After the last directive, and before anything runs."""
    script = (
        '#!/bin/bash\n\n#SBATCH -o /dev/null\n\nX=`x`\nexec &>> "RADICAL_EDGE_FOLDER/$SLURM_JOB_ID.out"\n'
    )
    assert corrected(script, Path("/a b'c")) == (
        "#!/bin/bash\n\n#SBATCH -o /dev/null\n\nradical_edge_folder='/a b'\"'\"'c'\ntrap : TERM\nX=`x`\n"
        'exec &>> "$radical_edge_folder/$SLURM_JOB_ID.out"\n'
    )


def test_the_lock_lives_as_long_as_who_inherited_it(tmp_path: Path) -> None:
    """A child that has it as its standard input holds it when everybody else has let go."""
    lock, never = tmp_path / "locks" / "a.lock", threading.Event()
    with held(lock, 0.0, never) as handle:
        child = subprocess.Popen(["sleep", "60"], stdin=handle)
    try:
        with pytest.raises(Undecided, match="still under way"), held(lock, 0.2, never):
            pass
    finally:
        child.kill()
        child.wait()
    with held(lock, 0.0, never):
        pass
    assert lock.stat().st_mode & 0o777 == 0o600


def test_job_folders_are_never_among_temporary_files(tmp_path: Path) -> None:
    """Unless somebody says that they are shared."""
    assert of_one_node(Path("/tmp/x"))
    assert not of_one_node(Path.home() / "x")
    assert shared_root(Path.home() / "jobs", tmp_path, None) == Path.home() / "jobs" / "psij"
    elsewhere = shared_root(Path("/tmp/jobs"), tmp_path / "a", None)
    assert elsewhere.is_relative_to(Path.home())
    assert elsewhere != shared_root(Path("/tmp/jobs"), tmp_path / "b", None)
    assert shared_root(Path("/x"), tmp_path, "/tmp/said") == Path("/tmp/said/psij")
