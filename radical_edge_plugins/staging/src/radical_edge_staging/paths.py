"""
Which files a caller may name.

A path is absolute or begins with ``~``. It is resolved, symbolic links included, and what comes out must
lie inside one of the allowed roots. The result names the file by that root and by the components below it,
none of which is a link at this instant; `folders` opens them one by one and refuses every link, so that a
link slipped in afterwards (in a folder like ``/tmp``, where others may write) leads nowhere either.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePosixPath

from attrs import frozen

from radical_edge_core.errors import BadRequest


@frozen(kw_only=True)
class Located:
    """
    A path that was found to lie inside a root.

    Args:
        shown: The caller's path with ``~`` written out.
        root: The root, resolved.
        parts: The components below the root, resolved; none for the root itself.
    """

    shown: str
    root: str
    parts: tuple[str, ...]

    @property
    def real(self) -> str:
        """The resolved path."""
        return str(PurePosixPath(self.root, *self.parts))


def expand(path: str) -> str:
    """
    Return the absolute path, with ``~`` written out and links left alone.

    Raises:
        BadRequest: It is empty, relative, another user's home, or holds what no path can hold.
    """
    if not path:
        raise _refused(
            path, "empty_path", "the path is empty; give an absolute one or one that begins with ~"
        )
    if "\0" in path:
        raise _refused(path, "nul_byte", "the path holds a NUL character")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise _refused(path, "encoding", "the path can't be written in the file system's encoding") from None
    if path == "~" or path.startswith("~/"):
        return os.path.expanduser(path)  # noqa: PTH111 - Path would drop a slash at the end
    if path.startswith("~"):
        raise _refused(path, "other_home", f"{path}: only ~ itself and ~/... stand for a home directory")
    if not path.startswith("/"):
        raise _refused(path, "relative_path", f"{path}: the path must be absolute or begin with ~")
    return path


def locate(path: str, roots: Sequence[str]) -> Located:
    """
    Find the root that a path lies in; touches the file system.

    Args:
        path: As the caller gives it.
        roots: The allowed roots, absolute or beginning with ``~``.

    Raises:
        BadRequest: It is no usable path, or lies outside all roots once its links are followed.
    """
    shown = expand(path)
    real = PurePosixPath(os.path.realpath(shown))
    allowed = [PurePosixPath(os.path.realpath(expand(root))) for root in roots]
    around = [root for root in allowed if real.is_relative_to(root)]
    if not around:
        raise _refused(
            path,
            "outside_roots",
            f"{path} lies outside the folders that may be used here: {', '.join(roots)}",
        )
    root = max(around, key=lambda root: len(root.parts))
    return Located(shown=shown, root=str(root), parts=real.relative_to(root).parts)


def _refused(path: str, reason: str, detail: str) -> BadRequest:
    return BadRequest(detail, path=path, reason=reason)
