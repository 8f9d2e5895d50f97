"""Counting faults, so that a test which meant to inject some cannot pass without any."""

from __future__ import annotations

import os
import random
import secrets
from collections import Counter

SEED_VARIABLE = "RADICAL_EDGE_TEST_SEED"


class Tally:
    """
    The faults of one test, and the chance that they come from.

    Args:
        seed: What the chance begins with; by default the environment's ``RADICAL_EDGE_TEST_SEED``, else a new one.

    Attributes:
        seed: As used; give it again to see the same faults.
        rng: The chance.
        faults: How many of each kind.
    """

    def __init__(self, seed: int | None = None) -> None:
        given = os.environ.get(SEED_VARIABLE)
        self.seed = seed if seed is not None else int(given) if given else secrets.randbits(32)
        self.rng = random.Random(self.seed)  # noqa: S311 - faults are to be repeatable
        self.faults: Counter[str] = Counter()

    def count(self, kind: str) -> None:
        """Note one fault."""
        self.faults[kind] += 1

    def check(self) -> None:
        """
        Fail where no fault happened.

        Raises:
            AssertionError: None did: the test showed nothing.
        """
        if not self.faults.total():
            raise AssertionError(f"not one fault was injected ({SEED_VARIABLE}={self.seed})")

    def __str__(self) -> str:
        counts = ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items())) or "no faults"
        return f"{counts} ({SEED_VARIABLE}={self.seed})"
