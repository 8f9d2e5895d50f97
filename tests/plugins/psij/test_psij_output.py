"""Output: text by offsets, bytes as they come."""

from __future__ import annotations

import asyncio


async def test_offsets_lose_nothing_and_split_nothing(host, sid, chance) -> None:
    """Text asked for piece by piece while the job writes it, cut anywhere, adds up."""
    code = (
        "import os,sys,time,random\n"
        "data=('grüße 🎈 €\\n'*200).encode()\n"
        "at=0\n"
        "while at<len(data):\n"
        "    step=random.choice((1,2,3,50)); os.write(1,data[at:at+step]); os.write(2,data[at:at+step]); at+=step\n"
        "    time.sleep(0.001)\n"
    )
    job_id = await host.submit(sid, "python3", "-c", code)
    out, err, offsets = "", "", {"stdout_offset": 0, "stderr_offset": 0}
    async with asyncio.timeout(60):
        while True:
            status = await host.get("status", sid, job_id, **offsets)
            out, err = out + status["stdout"], err + status["stderr"]
            offsets = {name: status[name] for name in offsets}
            if status["state"] == "COMPLETED" and not status["stdout"] and not status["stderr"]:
                break
            await asyncio.sleep(chance.uniform(0, 0.01))
    wanted = "grüße 🎈 €\n" * 200
    assert out == err == wanted
    assert offsets == {"stdout_offset": len(wanted.encode()), "stderr_offset": len(wanted.encode())}


async def test_bytes_that_are_no_text_do_no_harm(host, sid) -> None:
    """They are replaced in text, taken as they are in the stream, and a cut character at the end is told."""
    job_id = await host.submit(sid, "printf", r"a\377b\303")
    status = await host.ended(sid, job_id)
    assert (status["stdout"], status["stdout_offset"]) == ("a\ufffdb\ufffd", 4)
    assert await host.read("output", sid, job_id) == b"a\xffb\xc3"


async def test_an_offset_beyond_the_end_stays(host, sid) -> None:
    """Nothing is there, and the same offset is the next to ask for."""
    job_id = await host.submit(sid, "echo", "hi")
    await host.ended(sid, job_id)
    status = await host.get("status", sid, job_id, stdout_offset=1000)
    assert (status["stdout"], status["stdout_offset"]) == ("", 1000)
    assert await host.read("output", sid, job_id, offset=1000, follow=True) == b""


async def test_much_output_comes_in_parts(host, sid) -> None:
    """One answer holds a bounded part, and the next offset leads on; the event holds the end of it."""
    job_id = await host.submit(sid, "sh", "-c", "seq 1 400000; printf end")
    wanted = "".join(f"{n}\n" for n in range(1, 400001)) + "end"
    await host.ended(sid, job_id)
    text, offset, parts = "", 0, 0
    while len(text) < len(wanted):
        status = await host.get("status", sid, job_id, stdout_offset=offset)
        text, offset, parts = text + status["stdout"], status["stdout_offset"], parts + 1
        assert len(status["stdout"]) <= 1024 * 1024
    assert text == wanted
    assert parts == 3
    assert await host.read("output", sid, job_id) == wanted.encode()


async def test_an_event_stays_small(host, sid, eventually) -> None:
    """Even output that triples in JSON fits into one event."""
    code = "import os; os.write(1, b'\\0' * 100000); os.write(2, '€'.encode() * 100000)"
    job_id = await host.submit(sid, "python3", "-c", code)
    await eventually(lambda: len(host.events(job_id)) == 3)
    final = host.events(job_id)[-1]
    assert set(final["stdout"]) == {"\0"}
    assert set(final["stderr"]) == {"€"}
    lines = host.events_file.read_bytes().splitlines()
    assert max(map(len, lines)) < 256 * 1024


async def test_a_follower_has_bytes_as_they_are_written(host, sid, home) -> None:
    """Each line arrives before the next is written; the stream ends with the job."""
    script = "for n in 1 2 3; do echo $n; until [ -e go$n ]; do sleep 0.02; done; done; echo end"
    job_id = await host.submit(sid, "sh", "-c", script, directory=str(home))
    async with asyncio.timeout(30), host.stream("output", sid, job_id, follow="true") as chunks:
        for number in "123":
            assert await anext(chunks) == f"{number}\n".encode()
            (home / f"go{number}").touch()
        assert b"".join([chunk async for chunk in chunks]) == b"end\n"
    assert (await host.ended(sid, job_id))["state"] == "COMPLETED"


async def test_followers_begin_anywhere_and_share_a_reader(host, sid, home) -> None:
    """Fifty viewers at different offsets get their part, of either stream."""
    script = "seq 1 2000; seq 1 2000 >&2; until [ -e go ]; do sleep 0.02; done; seq 1 2000; echo e >&2"
    job_id = await host.submit(sid, "sh", "-c", script, directory=str(home))
    half = "".join(f"{n}\n" for n in range(1, 2001)).encode()
    viewers = [
        asyncio.create_task(host.read("output", sid, job_id, stream=stream, offset=offset, follow="true"))
        for offset in range(25)
        for stream in ("stdout", "stderr")
    ]
    await asyncio.sleep(0)
    (home / "go").touch()
    async with asyncio.timeout(30):
        results = await asyncio.gather(*viewers)
    assert results[0::2] == [(half + half)[offset:] for offset in range(25)]
    assert results[1::2] == [(half + b"e\n")[offset:] for offset in range(25)]


async def test_a_silent_job_opens_its_stream_at_once(host, sid) -> None:
    """The head of the answer comes before the first byte, and a viewer that leaves leaves nothing."""
    job_id = await host.submit(sid, "sleep", "60")
    async with asyncio.timeout(5), host.stream("output", sid, job_id, follow="true"):
        pass
    await host.post("cancel", sid, job_id)
    assert await host.read("output", sid, job_id, follow="true") == b""


async def test_without_follow_a_stream_ends_where_the_file_does(host, sid, eventually, home) -> None:
    """What is there now, and no waiting."""
    job_id = await host.submit(sid, "sh", "-c", "echo now; sleep 60", stdout_path=str(home / "out"))
    await eventually(lambda: (home / "out").exists() and (home / "out").read_text())
    async with asyncio.timeout(5):
        assert await host.read("output", sid, job_id) == b"now\n"
    await host.post("cancel", sid, job_id)


async def test_a_follower_of_a_killed_job_has_all_of_it(host, sid) -> None:
    """The stream of a job that ends by force ends too, complete."""
    job_id = await host.submit(sid, "sh", "-c", "echo some; kill -9 $$")
    async with asyncio.timeout(20):
        assert await host.read("output", sid, job_id, follow="true") == b"some\n"
