"""The sample plugin on a real edge behind a real bridge, as any author would test a plugin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from radical_edge_client import AsyncBridgeClient
from radical_edge_core.errors import Conflict, InvalidRequest, NotFound
from radical_edge_core.testing.bridges import RunningBridge, running_bridge
from radical_edge_core.testing.edges import running_edge
from radical_edge_core.testing.listening import listening


@pytest.fixture
async def bridge(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    """A bridge, and an edge ``hpc1`` with the installed plugin: found by its entry point, as any edge finds it."""
    installed = entry_points(group="radical_edge.plugins", name="notes")
    async with (
        running_bridge(tmp_path) as bridge,
        running_edge(bridge, "hpc1", installed, tables="[plugins.notes]\nmax_notes = 2\n"),
    ):
        yield bridge


@pytest.fixture
async def notes(bridge: RunningBridge) -> AsyncIterator[Any]:
    """The plugin as a caller sees it, with a session open."""
    async with AsyncBridgeClient(bridge.url, token=bridge.admin_token) as client:
        yield await client.get_edge_client("hpc1").get_plugin("notes")


async def test_a_note_is_kept(notes: Any) -> None:
    """What was added is listed, all of it or by its tag."""
    first = await notes.add(text="ask for more quota", tags=["admin"])
    second = await notes.add(text="call home")
    assert await notes.list_notes() == {"notes": [first, second]}
    assert await notes.list_notes(tag="admin") == {"notes": [first]}


async def test_the_client_has_a_method_of_its_own(notes: Any) -> None:
    """The installed client adds to the generated methods."""
    await notes.add(text="call home")
    assert await notes.texts() == ["call home"]


async def test_a_removed_note_is_gone(notes: Any) -> None:
    """Removing a note forgets it; a second time there is nothing to remove."""
    note = await notes.add(text="call home")
    assert await notes.remove(note_id=note["id"]) == {"id": note["id"]}
    with pytest.raises(NotFound, match="no note"):
        await notes.remove(note_id=note["id"])


async def test_the_configured_limit_holds(notes: Any) -> None:
    """A full session says so, and how much it holds."""
    assert await notes.capacity() == {"max_notes": 2}
    for text in ("one", "two"):
        await notes.add(text=text)
    with pytest.raises(Conflict) as caught:
        await notes.add(text="three")
    assert caught.value.data["max_notes"] == 2


async def test_a_wrong_request_never_reaches_the_plugin(bridge: RunningBridge, notes: Any) -> None:
    """Every problem of a body is in one answer."""
    answer = await bridge.api.post(f"/hpc1/notes/add/{notes.sid}", {"text": 1, "colour": "red"})
    assert answer.status == InvalidRequest.status_code
    assert {problem["path"] for problem in answer.json["problems"]} == {"$.text", "$.colour"}


async def test_listeners_are_told(bridge: RunningBridge, notes: Any) -> None:
    """A new note is published on the topic."""
    async with listening(bridge.api) as heard:
        note = await notes.add(text="call home")
        event = await heard.notified("added")
    assert (event.data["plugin"], event.inner) == ("notes", note)


async def test_notes_outlive_a_restart_of_the_edge(tmp_path: Path) -> None:
    """The same session has the same notes in a new process, and numbers go on where they were."""
    installed = entry_points(group="radical_edge.plugins", name="notes")
    async with (
        running_bridge(tmp_path) as bridge,
        AsyncBridgeClient(bridge.url, token=bridge.admin_token) as client,
    ):
        async with running_edge(bridge, "hpc1", installed):
            notes: Any = await client.get_edge_client("hpc1").get_plugin("notes")
            first = await notes.add(text="call home")
        async with running_edge(bridge, "hpc1", installed):
            second = await notes.add(text="call home again")
            assert await notes.list_notes() == {"notes": [first, second]}
    assert (first["id"], second["id"]) == (1, 2)
