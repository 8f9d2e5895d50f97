"""What the API says: answers, refusals, whose jobs are whose."""

from __future__ import annotations

import asyncio

import pytest


async def test_every_problem_of_a_submission_is_named(host, sid) -> None:
    """One answer lists all that is wrong, with the place of each."""
    body = {
        "job_spec": {
            "arguments": "not a list",
            "colour": "blue",
            "environment": {"a=b": "c"},
            "attributes": {"duration": "soon", "node_count": 0, "weather": "fine"},
            "custom_attributes": {"constraint": "x"},
            "launcher": "mpirun",
        },
        "executor": "no-such",
        "more": 1,
    }
    status, problem = await host.call("POST", "submit", sid, body=body)
    assert (status, problem["code"]) == (422, "invalid")
    assert {each["path"] for each in problem["problems"]} == {
        "$.job_spec.executable", "$.job_spec.arguments", "$.job_spec.colour", '$.job_spec.environment["a=b"]',
        "$.job_spec.attributes.duration", "$.job_spec.attributes.node_count", "$.job_spec.attributes.weather",
        "$.job_spec.custom_attributes.constraint", "$.job_spec.launcher", "$.executor", "$.more",
    }  # fmt: skip
    assert (await host.get("list_jobs", sid))["jobs"] == []


async def test_what_the_file_system_lacks_is_told_before_submission(host, sid, home) -> None:
    """A missing directory or file is a 422, and no job."""
    spec = {
        "executable": "true",
        "directory": str(home / "missing"),
        "stdin_path": str(home / "nothing"),
        "stdout_path": str(home / "no" / "out"),
        "stderr_path": str(home),
    }
    status, problem = await host.call("POST", "submit", sid, body={"job_spec": spec})
    assert status == 422
    assert [each["path"] for each in problem["problems"]] == [
        "$.job_spec.directory", "$.job_spec.stdin_path", "$.job_spec.stdout_path", "$.job_spec.stderr_path",
    ]  # fmt: skip
    assert (await host.get("list_jobs", sid))["jobs"] == []


@pytest.mark.parametrize(
    "spec",
    [
        {"executable": "a\0b"},
        {"executable": "true", "arguments": ["\0"]},
        {"executable": "true", "environment": {"A": "\0"}},
        {"executable": ""},
        {"executable": 5},
    ],
)
async def test_what_can_not_be_run_is_refused(spec, host, sid) -> None:
    """Values that no program can be given are the caller's mistake."""
    assert (await host.call("POST", "submit", sid, body={"job_spec": spec}))[0] == 422


async def test_attributes_are_shown(host, sid) -> None:
    """What was asked for comes back; a duration may be text, custom keys may stand among the attributes."""
    attributes = {
        "duration": "90", "queue_name": "debug", "account": "physics", "node_count": 2, "slurm.constraint": "avx2",
    }  # fmt: skip
    job_id = await host.submit(sid, "true", attributes=attributes, custom_attributes={"pbs.l": "x=1"})
    status = await host.get("status", sid, job_id)
    shown = {name: status[name] for name in ("duration", "queue_name", "account", "node_count", "executor")}
    assert shown == {
        "duration": 90.0, "queue_name": "debug", "account": "physics", "node_count": 2, "executor": "local",
    }  # fmt: skip
    assert host.plugin.table.get(job_id, "alice").spec.attributes.custom_attributes == {
        "slurm.constraint": "avx2"
    }
    job_id = await host.submit(sid, "true", resources={"node_count": 3}, attributes={"project_name": "p"})
    entry = (await host.get("list_jobs", sid))["jobs"][0]
    assert (entry["job_id"], entry["node_count"], entry["account"]) == (job_id, 3, "p")


async def test_executors_are_told(host) -> None:
    """The names that can be used here."""
    answer = await host.get("executors")
    assert answer["executors"][0] == "local"
    local, *others = answer["details"]
    assert local == {"name": "local", "available": True, "reason": ""}
    assert [other["name"] for other in others] == ["slurm", "pbs", "pbs_classic", "lsf"]
    assert not [other for other in others if other["available"] == bool(other["reason"])]


async def test_a_subjects_jobs_are_seen_from_all_its_sessions(host, sid) -> None:
    """Any session of the subject may address a job; a session lists its own, and all with ``scope=mine``."""
    other, job_id = await host.register(), await host.submit(sid, "true")
    second = await host.submit(other, "true")
    assert [job["job_id"] for job in (await host.get("list_jobs", sid))["jobs"]] == [job_id]
    assert [job["job_id"] for job in (await host.get("list_jobs", other, scope="mine"))["jobs"]] == [
        second,
        job_id,
    ]
    assert (await host.ended(other, job_id))["state"] == "COMPLETED"
    await host.post("unregister_session", sid)
    assert (await host.get("list_jobs", other, scope="mine"))["jobs"][1]["job_id"] == job_id


async def test_the_jobs_of_others_do_not_exist(host, sid) -> None:
    """Another subject finds neither the job nor its output, can't cancel it, and does not see it listed."""
    job_id = await host.submit(sid, "sleep", "60")
    mallory = await host.register(subject="mallory")
    for method, *path in (
        ("GET", "status", mallory, job_id), ("GET", "output", mallory, job_id), ("POST", "cancel", mallory, job_id),
        ("GET", "status", sid, job_id),
    ):  # fmt: skip
        assert (await host.call(method, *path, body={}, subject="mallory"))[0] == 404
    assert (await host.get("list_jobs", mallory, scope="mine", subject="mallory"))["jobs"] == []
    await host.post("cancel", sid, job_id)


@pytest.mark.parametrize("job_id", ["nothing", "..%2f", "a/b", "ü"])
async def test_unknown_jobs_are_not_found(job_id, host, sid) -> None:
    """Whatever is asked for."""
    for method, route in (("GET", "status"), ("GET", "output"), ("POST", "cancel")):
        assert (await host.call(method, route, sid, job_id, body={}))[0] == 404


async def test_negative_offsets_and_unknown_streams_are_refused(host, sid) -> None:
    """Queries are as strict as bodies."""
    job_id = await host.submit(sid, "true")
    assert (await host.call("GET", "status", sid, job_id, stdout_offset=-1))[0] == 422
    assert (await host.call("GET", "output", sid, job_id, stream="stdin"))[0] == 422
    assert (await host.call("GET", "list_jobs", sid, scope="all"))[0] == 422


async def test_a_session_with_a_running_job_is_busy(host, sid) -> None:
    """A session does not expire while one of its jobs is not over, and outlives the process."""
    session = host.plugin.sessions.get(sid, "alice")
    assert not session.busy()
    job_id = await host.submit(sid, "sleep", "60")
    assert session.busy()
    await host.post("cancel", sid, job_id)
    await host.ended(sid, job_id)
    assert not session.busy()
    assert session.snapshot() is not None


async def test_one_key_is_one_job(host, sid) -> None:
    """A repeated submission is the same job, also while the first is under way; another body is refused."""
    job_ids = await asyncio.gather(*(host.submit(sid, "true", key="k1") for _ in range(5)))
    assert len(set(job_ids)) == 1
    assert await host.submit(sid, "true", key="k1") == job_ids[0]
    assert await host.submit(sid, "true", key="k2") != job_ids[0]
    other = await host.register(subject="bob")
    assert await host.submit(other, "true", key="k1", subject="bob") != job_ids[0]
    body = {"job_spec": {"executable": "false"}}
    assert (await host.call("POST", "submit", sid, body=body, key="k1"))[0] == 422


async def test_an_edge_is_started_once(host, sid) -> None:
    """A job that starts an edge must name it; a name that is being started is taken until the job is over."""
    spec = {"executable": "sleep", "arguments": ["60"]}
    status, problem = await host.call("POST", "submit_tunneled", sid, body={"job_spec": spec})
    assert (status, problem["problems"][0]["path"]) == (422, "$.job_spec.arguments")
    for number, naming in enumerate((["-n", "e0"], ["--name", "e1"], ["--name=e2"])):
        spec = {"executable": "sh", "arguments": ["-c", "sleep 60", *naming]}
        answers = await asyncio.gather(
            *(host.call("POST", "submit_tunneled", sid, body={"job_spec": spec}) for _ in range(2))
        )
        assert sorted(status for status, _ in answers) == [200, 409]
        (taken,) = (document for status, document in answers if status == 200)
        assert taken["edge_name"] == f"e{number}"
        await host.post("cancel", sid, taken["job_id"])
        await host.ended(sid, taken["job_id"])
        assert (await host.call("POST", "submit_tunneled", sid, body={"job_spec": spec}))[0] == 200
    status, problem = await host.call(
        "POST", "submit_tunneled", sid, body={"job_spec": spec, "tunnel": "reverse"}
    )
    assert (status, problem["code"]) == (501, "not_supported")
    tunnel = await host.get("tunnel_status", "e0")
    assert tunnel == {"edge_name": "e0", "status": "no_tunnel", "port": None, "pid": None}


async def test_the_description_holds_together(host) -> None:
    """What views and forms name exists; every example is one that the plugin takes."""
    description = await host.get("describe")
    operations = description["operations"]
    assert operations["submit_job"]["retry"] == "adopt"
    assert operations["cancel_job"]["effect"] == "destructive"
    assert operations["output"]["stream"] == "bytes"
    assert description["topics"] == {"job_status": {"kind": "durable"}}
    job = description["resources"]["job"]
    named = {job["list"], job["get"], *(each["operation"] for each in (*job["actions"], *job["logs"]))}
    assert (
        named | {view["operation"] for view in description["views"] if "operation" in view}
        <= operations.keys()
    )
    status = description["$defs"]["JobEntry"]["properties"]
    for view in description["views"]:
        assert all(column["field"][1:] in status for column in view.get("columns", ()))
    sid = await host.register()
    for example in operations["submit_job"]["examples"]:
        input_ = {**example["input"], "job_spec": {**example["input"]["job_spec"]}}
        input_["job_spec"].pop("directory", None)
        job_id = (await host.post("submit", sid, body=input_))["job_id"]
        assert (await host.ended(sid, job_id))["state"] == "COMPLETED"


async def test_health_counts_jobs(host, sid) -> None:
    """How many there are, and how many are not over."""
    job_id = await host.submit(sid, "sleep", "60")
    health = await host.get("health")
    assert (health["status"], health["jobs"], health["unfinished_jobs"]) == ("ok", 1, 1)
    assert host.plugin.unfinished() == [f"job {job_id} (sleep 60)"]
