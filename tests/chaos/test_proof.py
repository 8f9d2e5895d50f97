"""The tests prove something: on builds that break a promise, what proves it fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from kit.stand import Stand

import radical_edge_core
from radical_edge_core.testing.tally import Tally

from .lab import Lab
from .scenarios import acknowledged, deeds, jobs

BEGIN = "self._journal.run(_beginner(identity, fingerprint, self._journal.clock()))"
ACTED = '        crash_point("key.acted")\n'
KEY_AFTER_THE_ACT = (
    "edge/keys.py",
    {BEGIN: "self._journal.run(_reader(identity))", ACTED: f"{ACTED}        await {BEGIN}\n"},
)
TAKEN = "                batch, self._pending = self._pending, []\n"
CONFIRMED = (
    "                for edge, event in batch:\n"
    "                    self._acknowledge(edge, event.epoch, event.seq)\n"
    "                await asyncio.sleep(0.05)\n"
)
ACK_BEFORE_THE_COMMIT = ("bridge/event_log.py", {TAKEN: TAKEN + CONFIRMED})
NO_CLAIM = ("jobs/shim.sh", {"shim_take() {\n": "shim_take() {\n  return 0\n"})


def broken(folder: Path, change: tuple[str, dict[str, str]]) -> Path:
    """Return a copy of the package with a change to one file; each text is there exactly once."""
    source = folder / "broken"
    package = source / "radical_edge_core"
    shutil.copytree(
        Path(radical_edge_core.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    file, texts = package / change[0], change[1]
    content = file.read_text(encoding="utf-8")
    for old, new in texts.items():
        assert content.count(old) == 1, f"{change[0]} has changed: {old!r}"
        content = content.replace(old, new)
    file.write_text(content, encoding="utf-8")
    return source


async def test_a_key_written_after_the_act(stand: Stand, tally: Tally) -> None:
    """Without the key before the act, a crash between the two makes a second deed, and the test sees it."""
    lab = Lab(stand, source=broken(stand.folder, KEY_AFTER_THE_ACT))
    with pytest.raises(AssertionError, match=r"\('a\d+', 2\)"):
        await deeds(lab, [("edge", "key.acted")] * 2, tally)


async def test_an_ack_before_the_commit(stand: Stand, tally: Tally) -> None:
    """An acknowledgement of what is not committed is a lie after a crash, and the test sees it."""
    lab = Lab(stand, source=broken(stand.folder, ACK_BEFORE_THE_COMMIT), edge=False)
    with pytest.raises(AssertionError, match="was confirmed, and"):
        await acknowledged(lab, ["log.inserted:3"] * 3, tally)


async def test_a_shim_without_a_claim(stand: Stand, tally: Tally) -> None:
    """Without the claim a job that is handed over again runs again, and the test sees it."""
    lab = Lab(stand, "psij", source=broken(stand.folder, NO_CLAIM))
    with pytest.raises(AssertionError, match=r"\('j\d+', 2\)"):
        await jobs(lab, [("edge", "job.handed_over")] * 2, tally)
