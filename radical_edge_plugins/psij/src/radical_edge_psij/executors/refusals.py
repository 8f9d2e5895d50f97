"""
What a scheduler's command says when it refuses a job for good, and not only for the moment.

A failed submission is no refusal: one that ran into a time-out may have made the job all the same. So only words are
final that the scheduler says about the job itself; whatever else it says leaves the matter open.

Sources: slurm_errno.c and the option parser of SLURM 22.05 (``Invalid ... specification``); "Error messages" of the
PBS Professional reference guide; the messages of bsub of IBM Spectrum LSF.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from radical_edge_core.errors import Conflict, EdgeError, InvalidRequest

# The thing is as it is asked for, and is not to be had in its present state.
_STATE: Mapping[str, re.Pattern[str]] = {
    "slurm": re.compile(
        r"Required partition not available|partition(?: is)? (?:down|inactive|drain)|maintenance reservation"
        r"|Duplicate job id|Requested partition configuration not available now",
        re.IGNORECASE,
    ),
    "pbs": re.compile(r"queue is not enabled|would exceed .* limit|not accepting jobs", re.IGNORECASE),
    "lsf": re.compile(r"queue is closed|limit reached|has reached its", re.IGNORECASE),
}
_JOB: Mapping[str, re.Pattern[str]] = {
    "slurm": re.compile(
        r"""
          invalid\ (?:partition|account|qos|user|group|reservation|wckey|license|feature|preferred|generic|
            node|job|time|dependency|array|memory|count|specification|switch|core|deadline|mail|numeric|
            trackable|distribution|argument|combination|exclusive|constraint|plane|mcs|priority|--|-)
        | Invalid\ [\w\ ()/'-]+\ (?:specified|specification|requested)
        | Requested\ (?:time\ limit|node|reservation|partition|operation|QOS|licenses|GRES|group|cluster)
        | Job\ violates | Job\ size\ specification | Job\ dependency\ problem | Job\ --batch\ option
        | User's\ group\ not\ permitted | User\ not\ found | Access/permission\ denied
        | Access\ denied\ to\ requested\ reservation | (?:More|Too\ many)\ \w+\ requested
        | Node\ count\ specification\ invalid | Node\ configuration | Memory\ required\ by\ task
        | (?:Unable\ to\ )?[Aa]llocate\ resources:\ (?:Invalid|Requested|Job\ violates)
        | Unspecified\ error | burst\ buffer\ (?:request\ invalid|permission|resource\ limit)
        | unrecognized\ option | option\ requires\ an\ argument | Unable\ to\ open\ file | is\ ambiguous
        | This\ does\ not\ look\ like\ a\ batch\ script | Batch\ script\ (?:contains|is\ empty)
        | Reservation\ \S+\ invalid
        | Pathname\ of\ a\ file | violates\ .*limit | Must\ specify | Plugin\ rejected
        """,
        re.IGNORECASE | re.VERBOSE,
    ),
    "pbs": re.compile(
        r"unknown queue|unknown resource|illegal attribute|job violates|invalid (?:account|project|queue)"
        r"|not authorized|unauthorized|access (?:to queue )?(?:is )?denied|invalid (?:option|value|select)|illegal -"
        r"|exceeds (?:queue|server)|resource.* limit|bad (?:uid|gid)|invalid (?:character|directive)|usage: qsub",
        re.IGNORECASE,
    ),
    "lsf": re.compile(
        r"no such queue|user cannot use the queue"
        r"|(?:bad|illegal|invalid|unknown) (?:option|argument|resource|value|project)"
        r"|illegal option|cannot use the (?:queue|project)|not (?:a )?valid|bad resource requirement"
        r"|exceeds? the .*limit|too many processors|reservation .*not|request (?:was )?(?:aborted|rejected) by esub",
        re.IGNORECASE,
    ),
}
_NOT_NOW = re.compile(
    r"timed out|unable to contact|connect(?:ion)? (?:failure|refused|reset)|temporarily|try again|not respond"
    r"|standby mode|zero bytes|cannot connect|can ?not be reached|communication|batch daemon|server (?:is )?down"
    r"|transport endpoint|authentication (?:credential|error)|munge",
    re.IGNORECASE,
)


def refusal(kind: str, text: str) -> EdgeError | None:
    """
    Return what to tell the caller where a scheduler refuses the job; ``None``: what it says is not final.

    Args:
        kind: The family of the scheduler.
        text: What its command said, which is told unchanged.
    """
    if _NOT_NOW.search(text):
        return None
    if _STATE[kind].search(text):
        return Conflict(text, scheduler_said=text)
    if _JOB[kind].search(text):
        return InvalidRequest(text, problems=[{"path": "$.job_spec", "message": text}], scheduler_said=text)
    return None
