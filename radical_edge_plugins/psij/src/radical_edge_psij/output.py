"""Output of a job: as text from byte offsets, as a tail, and as a stream of bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from radical_edge_core.codec import dumps
from radical_edge_core.jobs.folder import STREAMS
from radical_edge_core.jobs.reader import End, FileReaders, read_range
from radical_edge_core.jobs.text import take_text
from radical_edge_psij.job import Job
from radical_edge_psij.models import Stream

TEXT_LIMIT = 1024 * 1024
TAIL_LIMIT = 64 * 1024
EVENT_LIMIT = 200 * 1024


def read_text(job: Job, offsets: dict[str, int], *, final: bool) -> dict[str, str | int]:
    """
    Return the text of both streams from byte offsets on, and the offsets to ask for next; blocking.

    Args:
        job: Whose output.
        offsets: By stream.
        final: Whether the job was over before this call: what is cut then stays cut.
    """
    found: dict[str, str | int] = {}
    for stream in STREAMS:
        path, offset = job.folder.path / stream, offsets[stream]
        data = read_range(path, offset, TEXT_LIMIT)
        text, taken = take_text(data, final=final and len(data) < TEXT_LIMIT)
        found |= {stream: text, f"{stream}_offset": offset + taken, f"{stream}_path": str(_target(path))}
    return found


def read_tails(job: Job) -> dict[str, str]:
    """Return the last part of both streams, together small enough for one event; blocking."""
    limit = TAIL_LIMIT
    while True:
        tails = {stream: _tail(job.folder.path / stream, limit) for stream in STREAMS}
        if len(dumps(tails)) <= EVENT_LIMIT:
            return tails
        limit //= 2


async def stream_bytes(
    job: Job, readers: FileReaders, stream: Stream, offset: int, *, follow: bool
) -> AsyncIterator[bytes]:
    """Yield a stream from an offset on; ``follow``: until the job is over and all is sent."""

    def end() -> End | None:
        if not job.final:
            return None
        return End(size=job.status.stdout_bytes if stream == "stdout" else job.status.stderr_bytes)

    yield b""  # the head of the answer goes out, whether the job says something soon or not
    reader = readers.of(job.folder.path / stream, end)
    async for chunk in reader.follow(offset) if follow else reader.rest(offset):
        yield chunk


def _tail(path: Path, limit: int) -> str:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return ""
    start = max(0, size - limit)
    data = read_range(path, start, limit)
    if start:  # may begin within a character
        data = data[next((i for i, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0) :]
    return data.decode("utf-8", "replace")


def _target(path: Path) -> Path:
    return path.readlink() if path.is_symlink() else path
