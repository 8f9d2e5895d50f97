"""
Listeners in a process of their own, to be killed: ``python listener.py URL FOLDER COUNT``.

Each appends one line for each event to a file of its own, and goes on after the last whole line of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import aiohttp

from radical_edge_client.errors import NotABridge
from radical_edge_client.sse import SseParser

UNKNOWN = "0.0"  # gives all there is, after the word that this id is unknown


def last_id(path: Path) -> str | None:
    """Return the id of the last whole line, and cut off what a kill has left of another."""
    if not path.exists():
        return None
    whole, _, rest = path.read_bytes().rpartition(b"\n")
    if rest:
        os.truncate(path, len(whole) + 1 if whole else 0)
    lines = whole.splitlines()
    return lines[-1].split()[0].decode() if lines else None


async def listen(session: aiohttp.ClientSession, url: str, path: Path) -> None:
    """Listen for ever, and come back whatever happens."""
    while True:
        after = last_id(path)
        headers = {
            "Last-Event-ID": after or UNKNOWN,
            "Authorization": f"Bearer {os.environ['LISTENER_TOKEN']}",
        }
        try:
            async with session.get(url, headers=headers) as response:
                response.raise_for_status()
                parser = SseParser()
                with path.open("ab", buffering=0) as stream:
                    async for chunk in response.content.iter_any():
                        for event in parser.feed(chunk):
                            told = json.loads(event.data)
                            if told["topic"] == "notification":
                                stream.write(f"{event.id} {told['data']['data']['n']}\n".encode())
                            elif told["topic"] == "truncated" and told["data"]["after"] != UNKNOWN:
                                stream.write(f"{event.id} truncated {json.dumps(told['data'])}\n".encode())
        except (aiohttp.ClientError, OSError, NotABridge):
            pass
        await asyncio.sleep(0.1)


async def main(url: str, folder: Path, count: int) -> None:
    """Run all listeners."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=40)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        await asyncio.gather(*(listen(session, url, folder / f"heard-{n}") for n in range(count)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
