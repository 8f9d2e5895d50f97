"""Calls that carry a key take effect once, whatever becomes of caller, edge and disk in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar

import pytest
from attrs import frozen

from radical_edge_core.edge import keys
from radical_edge_core.errors import Conflict, Unavailable
from radical_edge_core.plugin import Plugin, PluginSession, current_caller, operation
from radical_edge_core.testing.waiting import wait_until

WEEK_S = 7 * 24 * 3600.0


@frozen(kw_only=True)
class Done:
    """What was done: the how-manieth time, and filling."""

    count: int
    filling: str = ""


class TillSession(PluginSession):
    @operation.post("put/{sid}/{slot}", retry="safe")
    async def put(self, slot: str, what: str = "") -> Done:
        return await self.plugin.act("put", what)  # type: ignore[attr-defined, no-any-return]

    @operation.post("linger/{sid}", retry="safe")
    async def linger(self) -> None:
        self.lingers = True

    async def close(self) -> None:
        if getattr(self, "lingers", False):
            self.plugin.begun.set()  # type: ignore[attr-defined]
            await self.plugin.gate.wait()  # type: ignore[attr-defined]


class Till(Plugin):
    """Does what it is told, and counts; what was done outlives the process."""

    name = "till"
    session_class = TillSession
    acts: ClassVar[Counter[str]] = Counter()
    adopted: ClassVar[dict[tuple[str, str, str], Done]] = {}
    asked: ClassVar[list[tuple[str, str]]] = []

    async def start(self) -> None:
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()

    async def act(self, name: str, how: str) -> Done:
        key = current_caller().idempotency_key or ""
        self.acts[key] += 1
        done = Done(count=self.acts[key], filling="x" * int(how) if how.isdecimal() else "")
        self.adopted[current_caller().subject, name, key] = done
        self.begun.set()
        match how:
            case "wait":
                await self.gate.wait()
            case "conflict":
                raise Conflict("no")
            case "transient":
                raise Unavailable("not now")
            case "untouched":
                raise Unavailable("not now, and nothing was done").before_acting()
            case "bug":
                raise KeyError(how)
        return done

    async def adopt(self, key: str, operation_name: str) -> Done | None:
        self.asked.append((key, operation_name))
        return self.adopted.get((current_caller().subject, operation_name, key))

    @operation.post("safe", retry="safe")
    async def safe(self, how: str = "") -> Done:
        return await self.act("safe", how)

    @operation.post("adopted", retry="adopt")
    async def adopting(self, how: str = "") -> Done:
        return await self.act("adopting", how)

    @operation.post("never")
    async def never(self, how: str = "") -> Done:
        return await self.act("never", how)

    @operation.post("look", effect="read")
    async def look(self) -> Done:
        return await self.act("look", "")

    @operation.get("streamed", stream="text")
    async def streamed(self) -> AsyncIterator[bytes]:
        self.acts["stream"] += 1
        yield b"streamed"


Desks = Callable[..., Awaitable[Any]]


@pytest.fixture
async def till(desk: Desks) -> Any:
    """An edge with the plugin; whatever earlier tests did is forgotten."""
    for table in (Till.acts, Till.adopted, Till.asked):
        table.clear()  # type: ignore[attr-defined]
    return await desk(Till)


async def left_open(till: Any, path: str, key: str = "k") -> None:
    """Let the process die while an operation is under way."""
    call = asyncio.create_task(till.post(path, {"how": "wait"}, key=key))
    await till.mounted.begun.wait()
    await till.die()
    told = await call
    assert (told.status, told.json["transient"]) == (502, True), "it is to ask again"
    await till.begin()


@pytest.mark.parametrize("path", ["safe", "adopted", "never"])
async def test_a_repeat_gets_the_first_answer(till: Any, path: str) -> None:
    """The operation acts once, and the answer is the same, byte for byte, in the next process too."""
    first = await till.post(path, key="k")
    assert first.status == 200
    assert await till.post(path, key="k") == first
    await till.crash()
    assert await till.post(path, key="k") == first
    assert till.mounted.acts == {"k": 1}
    assert not till.mounted.asked, "the answer was known"


async def test_calls_without_a_key_are_not_remembered(till: Any) -> None:
    """Without a key each call acts."""
    assert [(await till.post("safe")).json["count"] for _ in range(2)] == [1, 2]


async def test_a_repeat_waits_for_the_first(till: Any) -> None:
    """A repeat that comes while the first is running gets its answer, and nothing acts twice."""
    calls = [asyncio.create_task(till.post("never", {"how": "wait"}, key="k")) for _ in range(5)]
    await till.mounted.begun.wait()
    await asyncio.sleep(0)
    assert not any(call.done() for call in calls)
    till.mounted.gate.set()
    assert {(await call).body for call in calls} == {b'{"count":1,"filling":""}'}


async def test_another_body_with_the_same_key_is_refused(till: Any) -> None:
    """The same key with another request is 422, while the first runs, after it, and after a restart."""
    running = asyncio.create_task(till.post("safe", {"how": "wait"}, key="k"))
    await till.mounted.begun.wait()
    during = await till.post("safe", {"how": "1"}, key="k")
    till.mounted.gate.set()
    first = await running
    after = await till.post("safe", {"how": "1"}, key="k")
    await till.crash()
    later = await till.post("safe", {"how": "1"}, key="k")
    assert [during.status, after.status, later.status] == [422] * 3
    assert during.json["code"] == "invalid"
    assert await till.post("safe", {"how": "wait"}, key="k") == first
    assert till.mounted.acts == {"k": 1}


async def test_path_and_session_are_part_of_the_request(till: Any) -> None:
    """A key used with another path parameter or in another session is 422 as well."""
    one, two = await till.sid(), await till.sid()
    assert (await till.post(f"put/{one}/a", key="k")).status == 200
    assert (await till.post(f"put/{one}/b", key="k")).status == 422
    assert (await till.post(f"put/{two}/a", key="k")).status == 422
    assert (await till.post(f"put/{one}/a", {"what": ""}, key="k")).status == 200, "a default said outright"


async def test_a_key_is_of_one_subject_and_operation(till: Any) -> None:
    """Another subject's, and another operation's, same key is another key."""
    for subject, path in (("alice", "safe"), ("bob", "safe"), ("alice", "never")):
        assert (await till.post(path, key="k", subject=subject)).status == 200
    assert till.mounted.acts == {"k": 3}


async def test_the_answer_outlives_the_session(till: Any) -> None:
    """A repeat gets the first answer although the session has ended meanwhile."""
    sid = await till.sid()
    first = await till.post(f"put/{sid}/a", key="k")
    assert (await till.post(f"unregister_session/{sid}", key="u")).status == 200
    assert await till.post(f"put/{sid}/a", key="k") == first
    assert (await till.post(f"unregister_session/{sid}", key="u")).json == {"ok": True}
    assert (await till.post(f"put/{sid}/a", key="new")).status == 404


async def test_registering_with_a_key_opens_one_session(till: Any) -> None:
    """The standard operations keep the promise too: one key, one session, in the next process as well."""
    first = await till.post("register_session", key="k")
    await till.crash()
    assert await till.post("register_session", key="k") == first
    assert (await till.ask("GET", "list_sessions")).json == {"sessions": [first.json["sid"]]}


async def test_closing_a_session_is_done_where_a_crash_came_after_it(till: Any) -> None:
    """The session was gone when the process died: the repeat is told so, and another call that there is none."""
    sid = await till.sid()
    assert (await till.post(f"linger/{sid}")).status == 200
    closing = asyncio.create_task(till.post(f"unregister_session/{sid}", key="u"))
    await till.mounted.begun.wait()
    await till.die()
    assert (await closing).status == 502
    await till.begin()
    assert (await till.post(f"unregister_session/{sid}", key="u")).json == {"ok": True}
    assert (await till.post(f"unregister_session/{sid}", key="v")).status == 404


async def test_safe_runs_again(till: Any) -> None:
    """A key left open by a crash: ``safe`` acts again, and from then on the answer is known."""
    await left_open(till, "safe")
    till.mounted.gate.set()
    again = await till.post("safe", {"how": "wait"}, key="k")
    assert again.json["count"] == 2
    assert await till.post("safe", {"how": "wait"}, key="k") == again


async def test_adopt_asks_the_plugin_first(till: Any) -> None:
    """A key left open by a crash: ``adopt`` takes what the plugin finds, and asks once."""
    await left_open(till, "adopted")
    for _ in range(2):
        assert (await till.post("adopted", {"how": "wait"}, key="k")).json["count"] == 1
    assert till.mounted.asked == [("k", "adopting")]
    assert till.mounted.acts == {"k": 1}


async def test_adopt_acts_where_nothing_was_done(till: Any) -> None:
    """What the plugin does not know of has never begun, and is done now."""
    await left_open(till, "adopted")
    Till.adopted.clear()
    till.mounted.gate.set()
    assert (await till.post("adopted", {"how": "wait"}, key="k")).json["count"] == 2


async def test_never_is_not_done_twice(till: Any) -> None:
    """A key left open by a crash: ``never`` answers 409 each time, and does not act."""
    await left_open(till, "never")
    for _ in range(2):
        answer = await till.post("never", {"how": "wait"}, key="k")
        assert (answer.status, answer.json["code"]) == (409, "outcome_unknown")
    assert till.mounted.acts == {"k": 1}


async def test_a_final_error_is_an_answer(till: Any) -> None:
    """A refusal that is not transient is remembered, with all its words."""
    first = await till.post("never", {"how": "conflict"}, key="k")
    assert (first.status, first.json["detail"]) == (409, "no")
    await till.crash()
    assert await till.post("never", {"how": "conflict"}, key="k") == first
    assert till.mounted.acts == {"k": 1}


@pytest.mark.parametrize(("how", "status"), [("transient", 503), ("bug", 500)])
async def test_a_failure_in_the_middle_leaves_the_key_open(till: Any, how: str, status: int) -> None:
    """Neither a transient failure nor a bug is an answer: the operation's declaration decides what comes next."""
    for path in ("safe", "never"):
        assert (await till.post(path, {"how": how}, key=path)).status == status
    assert (await till.post("safe", {"how": how}, key="safe")).status == status
    assert (await till.post("never", {"how": how}, key="never")).json["code"] == "outcome_unknown"
    assert till.mounted.acts == {"safe": 2, "never": 1}


async def test_an_untouched_failure_frees_the_key(till: Any) -> None:
    """Where the operation says that nothing was done, even ``never`` may begin anew, with another body too."""
    for count in (1, 2):
        assert (await till.post("never", {"how": "untouched"}, key="k")).status == 503
        assert till.mounted.acts == {"k": count}
    assert (await till.post("never", key="k")).json["count"] == 3


@pytest.mark.parametrize("size", [keys.BY_REFERENCE - 100, keys.BY_REFERENCE + 100])
async def test_large_answers_are_kept(till: Any, size: int) -> None:
    """An answer above 256 KiB lies in a file of its own, readable by its owner only; the repeat gets all of it."""
    first = await till.post("safe", {"how": str(size)}, key="k")
    assert len(first.json["filling"]) == size
    files = list(till.folder.glob("answers/*"))
    assert len(files) == (size > keys.BY_REFERENCE)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    await till.crash()
    assert await till.post("safe", {"how": str(size)}, key="k") == first
    assert till.mounted.acts == {"k": 1}


async def test_an_answer_that_somebody_removed_is_not_made_up(till: Any) -> None:
    """Where the file of an answer is gone, the repeat is told so and does not act."""
    how = {"how": str(keys.BY_REFERENCE + 1)}
    assert (await till.post("safe", how, key="k")).status == 200
    for file in till.folder.glob("answers/*"):
        file.unlink()
    again = await till.post("safe", how, key="k")
    assert (again.status, again.json["code"]) == (409, "outcome_unknown")
    assert till.mounted.acts == {"k": 1}


async def test_keys_are_kept_for_a_week(till: Any) -> None:
    """After seven days a key is new again, and what was kept of its answer is gone; not an hour sooner."""
    how = str(keys.BY_REFERENCE + 1)
    first = await till.post("safe", {"how": how}, key="k")
    till.now += WEEK_S - 3600
    await till.runtime.journal.prune()
    assert await till.post("safe", {"how": how}, key="k") == first
    till.now += 3601
    await till.runtime.journal.prune()
    assert not list(till.folder.glob("answers/*"))
    assert (await till.post("safe", {"how": how}, key="k")).json["count"] == 2


async def test_what_a_crash_left_of_an_answer_is_swept(till: Any) -> None:
    """A file of an answer that no key names is removed, once it is sure that none will."""
    await till.post("safe", {"how": str(keys.BY_REFERENCE + 1)}, key="k")
    (kept,) = till.folder.glob("answers/*")
    orphan = kept.with_name("0" * 24)
    orphan.write_bytes(b"")
    await till.runtime.journal.prune()
    assert orphan.exists()
    till.now += 3601
    await till.runtime.journal.prune()
    assert list(till.folder.glob("answers/*")) == [kept]


async def test_a_call_is_carried_through_without_its_caller(till: Any) -> None:
    """A caller that leaves finds the answer when it comes again with its key."""
    call = asyncio.create_task(till.post("never", {"how": "wait"}, key="k"))
    await till.mounted.begun.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    till.mounted.gate.set()
    assert (await till.post("never", {"how": "wait"}, key="k")).json["count"] == 1


async def test_a_stop_lets_calls_finish(till: Any) -> None:
    """An edge that stops in good order carries calls through whose callers have left; their keys are not open."""
    call = asyncio.create_task(till.post("never", {"how": "wait"}, key="k"))
    await till.mounted.begun.wait()
    call.cancel()
    asyncio.get_running_loop().call_later(0.05, till.mounted.gate.set)
    await till.runtime.stop()
    await asyncio.gather(call, return_exceptions=True)
    await till.begin()
    assert (await till.post("never", {"how": "wait"}, key="k")).json["count"] == 1


async def test_reads_and_streams_take_no_notice(till: Any) -> None:
    """A key on what changes nothing means nothing, and is not written down."""
    for count in (1, 2):
        assert (await till.post("look", key="k")).json["count"] == count
        assert (await till.ask("GET", "streamed", key="k")).body == b"streamed"
    (rows,) = await till.runtime.journal.run(lambda db: db.execute("SELECT count(*) FROM key").fetchone())
    assert rows == 0
    assert till.mounted.acts["stream"] == 2


async def test_describe_tells_what_may_be_repeated(till: Any) -> None:
    """Each mutating operation says ``repeat`` and how; no read does."""
    operations = (await till.ask("GET", "describe")).json["operations"]
    told = {name: (found.get("repeat"), found.get("retry")) for name, found in operations.items()}
    assert told["safe"] == (True, "safe")
    assert told["adopting"] == (True, "adopt")
    assert told["never"] == (True, "never")
    assert told["register_session"][0] is True
    assert told["look"] == told["streamed"] == told["health"] == (None, None)


async def test_many_keys_at_once(till: Any) -> None:
    """A hundred keys, each asked three times at once, act a hundred times."""
    calls = [till.post("never", key=f"k{number % 100}") for number in range(300)]
    answers = await asyncio.gather(*calls)
    assert {answer.status for answer in answers} == {200}
    assert till.mounted.acts.total() == len(till.mounted.acts) == 100
    await wait_until(lambda: not till.runtime._keys._running)
