"""How the portal shows a scheduler: bars of what is used, then jobs, nodes, allocations, reservations."""

from __future__ import annotations

from collections.abc import Mapping

# The long words of all three schedulers; one that is not here has no colour.
_TONES = {
    **dict.fromkeys(("RUNNING", "COMPLETING", "RUN", "EXITING", "BEGUN", "STAGE_OUT"), "run"),
    **dict.fromkeys(("PENDING", "CONFIGURING", "REQUEUED", "PEND", "QUEUED", "WAITING", "TRANSIT"), "warn"),
    **dict.fromkeys(("SUSPENDED", "STOPPED", "REQUEUE_HOLD", "SPECIAL_EXIT"), "idle"),
    **dict.fromkeys(("HELD", "PSUSP", "USUSP", "SSUSP"), "idle"),
    **dict.fromkeys(("UNKWN", "NODE_FAIL", "FAILED"), "bad"),
}

USER_FORM: Mapping[str, object] = {
    "fields": {
        "/user": {"placeholder": "the edge's user", "help": "A user's name, or * for everybody."},
        "/force": {"advanced": True, "help": "Ask the scheduler anew, unless that was done a moment ago."},
    },
}
CANCEL_CONFIRM: Mapping[str, object] = {"retype": "/job_id"}


def _columns(*columns: tuple[str, str, str, int]) -> list[Mapping[str, object]]:
    return [
        {"field": field, "label": label, "format": form, "priority": priority}
        for field, label, form, priority in columns
    ]


VIEWS: Mapping[str, object] = {
    "resources": {
        "job": {
            "title": "Job",
            "key": "/job_id",
            "label": "/job_name",
            "list": "list_all_jobs",
            "items": "/jobs",
            "state": {"field": "/state", "tone": _TONES},
            "reason": "/reason_text",
            "timeline": [
                {"label": "Submitted", "field": "/submit_time"},
                {"label": "Starts", "field": "/start_time"},
                {"label": "Ends at the latest", "field": "/end_time"},
            ],
            "actions": [
                {
                    "operation": "cancel_job",
                    "args": {"job_id": "/job_id"},
                    "when": {"field": "/phase", "in": ["pending", "running", "suspended"]},
                    "bulk": True,
                }
            ],
        },
        "anyones_job": {
            "title": "Job",
            "key": "/job_id",
            "label": "/job_name",
            "list": "list_all_jobs",
            "list_input": {"user": "*"},
            "items": "/jobs",
            "state": {"field": "/state", "tone": _TONES},
            "reason": "/reason_text",
        },
        "node": {
            "title": "Node",
            "key": "/name",
            "list": "nodes",
            "items": "/nodes",
            "state": {
                "field": "/state",
                "tone": {
                    **dict.fromkeys(("IDLE", "FREE", "OK"), "ok"),
                    **dict.fromkeys(("ALLOCATED", "MIXED", "COMPLETING", "JOB-BUSY", "CLOSED_FULL"), "run"),
                    **dict.fromkeys(("DRAINED", "DRAINING", "RESERVED", "MAINT", "OFFLINE"), "warn"),
                    **dict.fromkeys(("DOWN", "FAIL", "UNAVAIL", "UNREACH"), "bad"),
                },
            },
            "reason": "/reason",
        },
        "allocation": {
            "title": "Allocation",
            "key": "/account",
            "list": "list_allocations",
            "items": "/allocations",
        },
        "reservation": {
            "title": "Reservation",
            "key": "/name",
            "list": "reservations",
            "items": "/reservations",
            "state": {"field": "/state", "tone": {"ACTIVE": "run", "INACTIVE": "idle"}},
        },
    },
    "views": [
        {
            "id": "utilisation",
            "kind": "gauge",
            "title": "Nodes in use",
            "summary": True,
            "operation": "list_queues",
            "unit": "count",
            "each": "/queues",
            "label": "/name",
            "used": "/nodes_used",
            "of": "/nodes_total",
            "leads": {"purpose": "submit", "give": {"queue": "/name"}},
            "details": _columns(
                ("/state", "State", "text", 1),
                ("/nodes_idle", "Free", "number", 1),
                ("/nodes_down", "Down", "number", 1),
                ("/jobs_running", "Running", "number", 1),
                ("/jobs_pending", "Pending", "number", 1),
                ("/time_limit", "Longest job, minutes", "text", 2),
                ("/nodes_max", "Largest job, nodes", "number", 2),
                ("/cpus_per_node", "CPUs a node", "number", 3),
                ("/mem_per_node_mb", "Memory a node", "mebibytes", 3),
                ("/gpus_per_node", "GPUs a node", "number", 3),
            ),
        },
        {
            "id": "jobs",
            "kind": "table",
            "title": "My jobs",
            "resource": "job",
            "columns": _columns(
                ("/job_id", "Job", "code", 1),
                ("/state", "State", "text", 1),
                ("/job_name", "Name", "text", 2),
                ("/partition", "Queue", "text", 2),
                ("/nodes", "Nodes", "number", 3),
                ("/cpus", "CPUs", "number", 4),
                ("/time_used", "Running for", "duration", 3),
                ("/walltime", "Limit", "duration", 4),
                ("/start_time", "Starts", "time", 3),
                ("/reason_text", "Why it waits", "text", 2),
                ("/account", "Account", "text", 5),
                ("/node_list", "Where", "code", 5),
            ),
        },
        {
            "id": "everybody",
            "kind": "table",
            "title": "Everybody's jobs",
            "resource": "anyones_job",
            "columns": _columns(
                ("/job_id", "Job", "code", 1),
                ("/state", "State", "text", 1),
                ("/user", "User", "text", 1),
                ("/partition", "Queue", "text", 2),
                ("/nodes", "Nodes", "number", 2),
                ("/time_used", "Running for", "duration", 3),
                ("/walltime", "Limit", "duration", 4),
                ("/priority", "Priority", "number", 4),
            ),
        },
        {
            "id": "nodes",
            "kind": "table",
            "title": "Nodes",
            "resource": "node",
            "columns": _columns(
                ("/name", "Node", "code", 1),
                ("/state", "State", "text", 1),
                ("/partitions", "Queues", "text", 2),
                ("/cpus_used", "CPUs used", "number", 2),
                ("/cpus", "CPUs", "number", 2),
                ("/mem_mb", "Memory", "mebibytes", 3),
                ("/gpus", "GPUs", "number", 3),
                ("/load", "Load", "number", 4),
                ("/reason", "Why it is away", "text", 2),
            ),
        },
        {
            "id": "allocations",
            "kind": "table",
            "title": "Allocations",
            "resource": "allocation",
            "columns": _columns(
                ("/account", "Account", "code", 1),
                ("/remaining_node_hours", "Node hours left", "number", 1),
                ("/allocated_node_hours", "Node hours granted", "number", 2),
                ("/used_node_hours", "Node hours used", "number", 2),
                ("/fairshare_factor", "Fair-share factor", "number", 2),
                ("/qos", "Qualities of service", "text", 3),
                ("/max_jobs", "Jobs at once", "number", 3),
                ("/max_wall", "Longest job, minutes", "number", 4),
                ("/grp_tres", "All jobs together", "code", 4),
            ),
        },
        {
            "id": "reservations",
            "kind": "table",
            "title": "Reservations",
            "resource": "reservation",
            "columns": _columns(
                ("/name", "Reservation", "code", 1),
                ("/state", "State", "text", 1),
                ("/start_time", "From", "time", 1),
                ("/end_time", "To", "time", 1),
                ("/nodes", "Nodes", "number", 2),
                ("/node_list", "Which", "code", 3),
                ("/users", "Users", "text", 3),
                ("/accounts", "Accounts", "text", 3),
            ),
        },
        {"id": "scheduler", "kind": "facts", "title": "Scheduler", "operation": "backend"},
        {"id": "own", "kind": "facts", "title": "This edge's own job", "operation": "job_allocation"},
    ],
}
