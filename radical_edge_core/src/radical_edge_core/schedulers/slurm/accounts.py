"""
What accounts grant, from ``sacctmgr`` and ``sshare``.

The two know different halves: the database has limits and qualities of service, the controller has shares and
what was used. A budget is mostly set on the account and not on its users, so an account's holds for the users
below it. Usage is counted as the controller compares it with the budget, that is, with the site's decay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.errors import CommandFailed
from radical_edge_core.schedulers.records import Allocation
from radical_edge_core.schedulers.values import count, limit, minutes, names, seconds

EVERYBODY = "*"
_ASSOCIATION = (
    "cluster", "account", "user", "partition", "qos", "defaultqos", "fairshare", "maxjobs", "maxsubmit",
    "maxwall", "grptres",
)  # fmt: skip
_SHARE = ("Account", "User", "RawShares", "FairShare", "GrpTRESMins", "GrpTRESRaw")
# How the two say that the cluster keeps no such thing.
_NOT_KEPT = re.compile("not running a supported|accounting storage is disabled", re.IGNORECASE)


@frozen(kw_only=True)
class Share:
    """
    One user's share in one account.

    Attributes:
        factor: The priority factor between 0 and 1.
        granted_min: Node minutes of the nearest budget above; ``None`` where there is none.
        used_min: Node minutes that count against it, or else the user's own.
    """

    account: str
    user: str
    factor: float | None
    granted_min: int | None
    used_min: int | None


def ask_associations(runner: Runner, user: str) -> tuple[tuple[str, Allocation], ...]:
    """
    Run ``sacctmgr`` for a user's accounts, or everybody's; the cluster stands beside each.

    A cluster without a database has none.
    """
    about = [] if user == EVERYBODY else [f"user={user}"]
    return read_associations(
        _ask_if_kept(
            runner,
            [
                "sacctmgr",
                "--noheader",
                "--parsable2",
                "show",
                "assoc",
                *about,
                f"format={','.join(_ASSOCIATION)}",
            ],
        )
    )


def ask_shares(runner: Runner, user: str) -> tuple[Share, ...]:
    """Run ``sshare`` for a user and the accounts above, or for everybody; without fair shares there are none."""
    about = ["--all"] if user == EVERYBODY else [f"--users={user}"]
    return read_shares(
        _ask_if_kept(runner, ["sshare", "--noheader", "--parsable2", *about, f"--format={','.join(_SHARE)}"])
    )


def ask_cluster(runner: Runner) -> str:
    """Return the name of the cluster that commands go to."""
    for line in runner.run(["scontrol", "show", "config"]).stdout.splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "ClusterName":
            return value.strip()
    return ""


def _ask_if_kept(runner: Runner, argv: Sequence[str]) -> str:
    try:
        return runner.run(argv).stdout
    except CommandFailed as failure:
        if _NOT_KEPT.search(str(failure.data.get("stderr", ""))):
            return ""
        raise


def read_associations(text: str) -> tuple[tuple[str, Allocation], ...]:
    """Read what ``sacctmgr`` printed in the shape of ``ask_associations``; accounts' own lines are left out."""
    found = []
    for line in text.splitlines():
        cells = line.split("|")
        if len(cells) != len(_ASSOCIATION):
            continue
        row = dict(zip(_ASSOCIATION, cells, strict=True))
        if row["user"]:
            found.append((row["cluster"], _allocation(row)))
    return tuple(found)


def read_shares(text: str) -> tuple[Share, ...]:
    """Read what ``sshare`` printed in the shape of ``ask_shares``: a tree, told by the blanks before accounts."""
    found = []
    above: list[tuple[int, int | None, int | None]] = []  # depth, granted and used of the accounts above
    for line in text.splitlines():
        cells = line.split("|")
        if len(cells) != len(_SHARE):
            continue
        row = dict(zip(_SHARE, cells, strict=True))
        depth = len(row["Account"]) - len(row["Account"].lstrip(" "))
        granted, used = _node_minutes(row["GrpTRESMins"]), _node_minutes(row["GrpTRESRaw"])
        while above and above[-1][0] >= depth:
            above.pop()
        if not row["User"]:
            above.append((depth, granted, used))
            continue
        if granted is None:
            budget = next((each for each in reversed(above) if each[1] is not None), None)
            granted, used = (None, used) if budget is None else (budget[1], budget[2])
        found.append(
            Share(
                account=row["Account"].strip(),
                user=row["User"],
                factor=_fraction(row["FairShare"]),
                granted_min=granted,
                used_min=used,
            )
        )
    return tuple(found)


def join(
    associations: tuple[tuple[str, Allocation], ...], shares: tuple[Share, ...], cluster: str
) -> tuple[Allocation, ...]:
    """
    Make one list of both halves.

    Args:
        associations: The database's half; where it is empty (no database, or none to be had), the shares alone
            make the list.
        shares: The controller's half.
        cluster: The only one that counts; empty: all.
    """
    by_place = {(share.account, share.user): share for share in shares}
    here = [each for name, each in associations if not cluster or name == cluster]
    if not here:
        here = [Allocation(account=share.account, user=share.user) for share in shares]
    return tuple(_with_share(each, by_place.get((each.account, each.user))) for each in here)


def _with_share(allocation: Allocation, share: Share | None) -> Allocation:
    if share is None:
        return allocation
    granted, used = _hours(share.granted_min), _hours(share.used_min)
    left = None if granted is None or used is None else round(max(0.0, granted - used), 2)
    return evolve(
        allocation,
        fairshare_factor=share.factor,
        allocated_node_hours=granted,
        used_node_hours=used,
        remaining_node_hours=left,
    )


def _allocation(row: Mapping[str, str]) -> Allocation:
    return Allocation(
        account=row["account"],
        user=row["user"],
        fairshare=count(row["fairshare"]),
        qos=row["qos"],
        max_jobs=limit(row["maxjobs"]),
        max_submit=limit(row["maxsubmit"]),
        max_wall=minutes(seconds(row["maxwall"])),
        grp_tres=row["grptres"] or None,
        partition=row["partition"],
        default_qos=row["defaultqos"],
    )


def _node_minutes(tres: str) -> int | None:
    for name in names(tres):
        kind, _, number = name.partition("=")
        if kind == "node":
            return limit(number)
    return None


def _hours(node_minutes: int | None) -> float | None:
    return None if node_minutes is None else round(node_minutes / 60, 2)


def _fraction(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
