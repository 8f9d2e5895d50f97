"""How a portal shows the plugin: a table of jobs, a form, and one page for each job."""

from __future__ import annotations

from collections.abc import Mapping

_TONES = {
    "NEW": "warn", "QUEUED": "warn", "ACTIVE": "run", "COMPLETED": "ok", "FAILED": "bad", "CANCELED": "warn",
}  # fmt: skip

SUBMIT_FORM: Mapping[str, object] = {
    "order": ["job_spec", "executor"],
    "purpose": "submit",
    "accepts": {"queue": "/job_spec/attributes/queue_name"},
    "fields": {
        "/job_spec": {"title": "Job"},
        "/job_spec/executable": {"placeholder": "/bin/date"},
        "/job_spec/mkdir": {"advanced": True},
        "/job_spec/environment": {"advanced": True},
        "/job_spec/inherit_environment": {"advanced": True},
        "/job_spec/stdin_path": {"advanced": True},
        "/job_spec/stdout_path": {"advanced": True},
        "/job_spec/stderr_path": {"advanced": True},
        "/job_spec/launcher": {"advanced": True},
        "/job_spec/resources": {"advanced": True},
        "/job_spec/attributes": {"advanced": True},
        "/job_spec/custom_attributes": {"advanced": True},
        "/job_spec/attributes/queue_name": {
            "choices": {
                "operation": "submit_choices",
                "items": "/queues",
                "value": "/name",
                "label": "/label",
            }
        },
        "/job_spec/attributes/account": {
            "choices": {
                "operation": "submit_choices",
                "items": "/accounts",
                "value": "/name",
                "label": "/label",
            }
        },
        "/executor": {"choices": {"operation": "executors", "items": "/executors", "value": "", "label": ""}},
    },
}

SUBMIT_EXAMPLES: tuple[Mapping[str, object], ...] = (
    {"title": "The date", "input": {"job_spec": {"executable": "date"}, "executor": "local"}},
    {
        "title": "A script in a directory of its own",
        "input": {
            "job_spec": {
                "executable": "sh",
                "arguments": ["-c", "echo $GREETING from $PWD"],
                "directory": "~/radical-edge-example",
                "mkdir": True,
                "environment": {"GREETING": "hello"},
            },
            "executor": "local",
        },
    },
)


def views() -> Mapping[str, object]:
    """Return the resources and views of ``describe``."""
    logs = [
        {
            "title": stream,
            "operation": "output",
            "args": {"job_id": "/job_id"},
            "input": {"stream": stream, "follow": True},
            "offset": "offset",
        }
        for stream in ("stdout", "stderr")
    ]
    job = {
        "title": "Job",
        "key": "/job_id",
        "label": "/executable",
        "list": "list_jobs",
        "list_input": {"scope": "mine"},
        "items": "/jobs",
        "get": "get_job_status",
        "live": {"topic": "job_status", "merge": "key"},
        "state": {"field": "/state", "tone": _TONES, "final": ["COMPLETED", "FAILED", "CANCELED"]},
        "timeline": [
            {"label": "Submitted", "field": "/submitted_at"},
            {"label": "Started", "field": "/started_at"},
            {"label": "Ended", "field": "/ended_at"},
        ],
        "reason": "/message",
        "actions": [
            {
                "operation": "cancel_job",
                "args": {"job_id": "/job_id"},
                "when": {"field": "/state", "in": ["NEW", "QUEUED", "ACTIVE"]},
                "bulk": True,
            }
        ],
        "logs": logs,
    }
    columns = [
        {"field": "/job_id", "label": "Job", "format": "code", "priority": 1},
        {"field": "/state", "label": "State", "priority": 1},
        {"field": "/executable", "label": "Executable", "format": "code", "priority": 2},
        {"field": "/arguments", "label": "Arguments", "priority": 4},
        {"field": "/executor", "label": "Executor", "priority": 3},
        {"field": "/exit_code", "label": "Exit code", "priority": 2},
        {"field": "/submitted_at", "label": "Submitted", "format": "time", "priority": 3},
    ]
    fields = [
        {"field": "/executable", "format": "code"},
        {"field": "/arguments", "format": "code"},
        {"field": "/directory", "format": "code"},
        {"field": "/executor"},
        {"field": "/native_id", "label": "Native id", "format": "code"},
        {"field": "/exit_code"},
        {"field": "/message"},
        {"field": "/queue_name", "label": "Queue"},
        {"field": "/account"},
        {"field": "/node_count", "label": "Nodes"},
        {"field": "/duration", "label": "Time limit", "format": "duration"},
        {"field": "/stdout_path", "label": "Standard output", "format": "code"},
        {"field": "/stderr_path", "label": "Standard error", "format": "code"},
    ]
    return {
        "resources": {"job": job},
        "views": [
            {"id": "jobs", "kind": "table", "title": "Jobs", "resource": "job", "columns": columns},
            {"id": "submit", "kind": "form", "title": "Submit", "operation": "submit_job"},
            {"id": "job", "kind": "detail", "title": "Job", "resource": "job", "fields": fields},
        ],
    }
