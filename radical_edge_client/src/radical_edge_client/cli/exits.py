"""How a command ends: with what exit code, and with which one line on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final

import click

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
NOT_AUTHORISED: Final = 4
NOT_FOUND: Final = 5
INTERRUPTED: Final = 130

HELP: Final = (
    "Exit codes: 0 done; 1 the server or the operation reports an error; 2 wrong usage; 3 the bridge can't be reached;"
    " 4 not authorised; 5 not found; 130 interrupted."
)


def guarded(command: Callable[[], object]) -> int:
    """Run a command, say what went wrong in one line, and return the exit code."""
    try:
        code = command()
        sys.stdout.flush()
        return code if isinstance(code, int) else OK
    except BrokenPipeError:
        return left_alone()
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.UsageError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        return _failed(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except RuntimeError as error:
        return _told(error)
    except OSError as error:
        return _failed(f"{error.filename or 'a file'}: {error.strerror or error}", FAILED)


def left_alone() -> int:
    """Say nothing more: whoever read our output has gone, which is their right; returns the exit code."""
    os.dup2(
        os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
    )  # the interpreter flushes once more at its end
    return OK


def code_of(error: RuntimeError) -> int:
    """Return the exit code for an error of the tree."""
    from radical_edge_client.errors import BridgeUnreachable, NoBridge, UntrustedListener  # noqa: PLC0415
    from radical_edge_core.config import ConfigError  # noqa: PLC0415  # --help needs none of it

    if isinstance(error, BridgeUnreachable | UntrustedListener | NoBridge):
        return UNREACHABLE
    if isinstance(error, ConfigError):
        return USAGE
    return {401: NOT_AUTHORISED, 403: NOT_AUTHORISED, 404: NOT_FOUND}.get(
        getattr(error, "status_code", 0), FAILED
    )


def _told(error: RuntimeError) -> int:
    from radical_edge_core.errors import EdgeError  # noqa: PLC0415

    if not isinstance(error, EdgeError):
        raise error  # a bug of ours: the traceback is what a report needs
    return _failed(error.detail, code_of(error))


def _failed(text: str, code: int) -> int:
    click.echo(f"radical-edge: {text}", err=True)
    return code
