"""
A file system that never answers: mounted over ``/dev/fuse``, its first question left unread.

Run as ``python hang.py FOLDER``; prints a line once the mount is there, and aborts it when its standard input ends.
"""

from __future__ import annotations

import ctypes
import os
import sys

MNT_DETACH = 2


def main(folder: str) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={descriptor},rootmode=40000,user_id=0,group_id=0"
    if libc.mount(b"hang", os.fsencode(folder), b"fuse", 0, options.encode()):
        return ctypes.get_errno()
    print("mounted", flush=True)  # noqa: T201 - what the parent waits for
    sys.stdin.read()
    libc.umount2(os.fsencode(folder), MNT_DETACH)
    os.close(descriptor)  # who waits for an answer is told that there will be none
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
