"""One subject's notes."""

from __future__ import annotations

from typing import Any

from attrs import asdict

from radical_edge_core.converter import parse
from radical_edge_core.errors import Conflict, NotFound
from radical_edge_core.plugin import PluginSession, operation
from radical_edge_notes.models import Kept, Note, NoteList, Removed


class NotesSession(PluginSession):
    """The notes of one session; they outlive a restart of the edge."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._notes: dict[int, Note] = {}
        self._last_id = 0

    @operation.post(
        "add/{sid}",
        title="Add a note",
        examples=[{"title": "A reminder", "input": {"text": "ask for more quota", "tags": ["admin"]}}],
    )
    async def add(self, text: str, tags: tuple[str, ...] = ()) -> Note:
        """
        Keep a note.

        Listeners are told on the topic ``added``.
        """
        limit = self.plugin.config.max_notes
        if len(self._notes) >= limit:
            raise Conflict(f"the session holds {limit} notes already; remove one first", max_notes=limit)
        self._last_id += 1
        note = Note(id=self._last_id, text=text, tags=tags)
        self._notes[note.id] = note
        self.notify("added", note)
        return note

    @operation.get("list/{sid}", title="Notes", result="table", live_topic="added")
    async def list_notes(self, tag: str | None = None) -> NoteList:
        """Return the notes of this session, those with one tag where ``tag`` is given."""
        wanted = (note for note in self._notes.values() if tag is None or tag in note.tags)
        return NoteList(notes=tuple(wanted))

    @operation.post("remove/{sid}/{note_id}", title="Remove a note", effect="destructive", retry="safe")
    async def remove(self, note_id: int) -> Removed:
        """Forget one note."""
        if self._notes.pop(note_id, None) is None:
            raise NotFound(f"there is no note {note_id} in this session", note_id=note_id)
        return Removed(id=note_id)

    def snapshot(self) -> object:
        """Return the notes as JSON values; asked after each operation that is no read."""
        return asdict(Kept(last_id=self._last_id, notes=tuple(self._notes.values())))

    def restore(self, data: object) -> None:
        """Take back what ``snapshot`` returned, in a new process of the edge."""
        kept = parse(data, Kept, self.plugin.converter)
        self._last_id = kept.last_id
        self._notes = {note.id: note for note in kept.notes}
