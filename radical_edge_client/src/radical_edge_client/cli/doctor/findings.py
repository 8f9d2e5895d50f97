"""What a check has found."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

Status = Literal["ok", "warn", "fail"]


@frozen
class Finding:
    """
    One line of the report.

    Attributes:
        status: ``fail`` where something does not work, ``warn`` where it may not.
        subject: What was looked at.
        detail: What was seen.
        advice: What to do about it; empty where nothing is to be done.
    """

    status: Status
    subject: str
    detail: str
    advice: str = ""


def ok(subject: str, detail: str) -> Finding:
    """Return a finding that all is well."""
    return Finding("ok", subject, detail)


def warn(subject: str, detail: str, advice: str = "") -> Finding:
    """Return a finding that something may not work."""
    return Finding("warn", subject, detail, advice)


def fail(subject: str, detail: str, advice: str = "") -> Finding:
    """Return a finding that something does not work."""
    return Finding("fail", subject, detail, advice)
