"""
Why a job waits, for people.

Source: "JOB REASON CODES" of squeue(1), and the page "Job Reason Codes" of SLURM's documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_TEXTS: Mapping[str, str] = {
    "AssocGrpCpuLimit": "all jobs of its account together use as many CPUs as they may",
    "AssocGrpJobsLimit": "as many jobs of its account run as may",
    "AssocGrpNodeLimit": "all jobs of its account together use as many nodes as they may",
    "AssocMaxJobsLimit": "as many jobs of its user run as may",
    "AssocMaxWallDurationPerJobLimit": "it asks for more time than its account may have; it will never start",
    "BadConstraints": "no node has what it asks for; it will never start",
    "BeginTime": "it is not to start before its begin time",
    "BurstBufferResources": "the burst buffer is full",
    "Cleaning": "it is requeued, and its earlier run is being cleaned up",
    "Dependency": "it waits for another job",
    "DependencyNeverSatisfied": "the job that it waits for ended otherwise than it asks; it will never start",
    "InactiveLimit": "it was inactive for too long",
    "InvalidAccount": "its account is not valid",
    "InvalidQOS": "its quality of service is not valid",
    "JobArrayTaskLimit": "as many tasks of its array run as may",
    "JobHeldAdmin": "an administrator holds it",
    "JobHeldUser": "its user holds it",
    "JobLaunchFailure": "it could not be launched",
    "Licenses": "it waits for a licence",
    "MaxMemPerLimit": "it asks for more memory than one job may have",
    "NodeDown": "a node that it needs is down",
    "NonZeroExitCode": "it ended with an exit code other than zero",
    "OutOfMemory": "it used more memory than it asked for",
    "PartitionConfig": "it asks for more than its partition allows",
    "PartitionDown": "its partition starts no jobs now",
    "PartitionInactive": "its partition takes no jobs now",
    "PartitionNodeLimit": "it asks for more nodes than its partition has or allows",
    "PartitionTimeLimit": "it asks for more time than its partition allows",
    "Priority": "jobs with a higher priority are before it",
    "Prolog": "its prolog runs",
    "QOSGrpCpuLimit": "all jobs of its quality of service together use as many CPUs as they may",
    "QOSGrpNodeLimit": "all jobs of its quality of service together use as many nodes as they may",
    "QOSMaxCpuPerUserLimit": "its user's jobs use as many CPUs as they may in this quality of service",
    "QOSMaxJobsPerUserLimit": "as many jobs of its user run as may in this quality of service",
    "QOSMaxNodePerUserLimit": "its user's jobs use as many nodes as they may in this quality of service",
    "QOSMaxWallDurationPerJobLimit": "it asks for more time than its quality of service allows",
    "QOSNotAllowed": "its quality of service is not allowed in its partition",
    "ReqNodeNotAvail": "a node that it asks for is not available",
    "Reservation": "it waits for its reservation",
    "ReservationDeleted": "its reservation was deleted",
    "Resources": "it waits for nodes to become free",
    "SystemFailure": "the system failed",
    "TimeLimit": "it used up its time",
}
_GROUPS = (
    (re.compile(r"Assoc.*Limit|Assoc(Grp|Max).*"), "a limit of its account or user is reached"),
    (re.compile(r"QOS.*Limit|QOS(Grp|Max|Min).*"), "a limit of its quality of service is reached"),
    (re.compile(r"BurstBuffer.*"), "it waits for the burst buffer"),
    (re.compile(r"Reservation.*"), "it waits for its reservation"),
    (re.compile(r"JobHeld.*"), "it is held"),
)


def explain(reason: str) -> str:
    """Return a reason in words; what stands behind a comma is kept. Empty where the reason is not known."""
    word, comma, rest = reason.strip().strip("()").partition(",")
    text = _TEXTS.get(word) or next((text for form, text in _GROUPS if form.fullmatch(word)), "")
    return f"{text} ({rest.strip()})" if text and comma else text
