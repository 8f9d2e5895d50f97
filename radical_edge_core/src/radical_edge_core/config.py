"""
Settings with origins: flag > environment > TOML file > default.

A settings class is a frozen attrs class whose fields are made by ``setting()``; the command line, the environment
names, the file's keys and ``--show-config`` all come from those fields. Unknown keys in a file are errors.
"""

from __future__ import annotations

import argparse
import math
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, Union

import attrs

from radical_edge_core.errors import EdgeError

T = TypeVar("T")
DEFAULT_ORIGIN = "default"


class ConfigError(EdgeError):
    """A flag, environment variable or file entry that can't be used; the text names it."""

    code = "config"


def setting(
    default: object,
    *,
    help: str,  # noqa: A002 - argparse's word for it
    env: str | None = None,
    flag: bool = True,
    secret: bool = False,
    least: float | None = None,
    most: float | None = None,
    among: Sequence[str] = (),
) -> Any:
    """
    Declare one setting of a settings class.

    Args:
        default: Used where no source names it.
        help: One line, for ``--help`` and the reference page; names the unit.
        env: The environment variable that sets it.
        flag: Whether the command line has a flag for it (``log_level`` becomes ``--log-level``).
        secret: Masked in ``--show-config`` and left out of ``repr``.
        least: The smallest number that it may be.
        most: The largest.
        among: The texts that it may be; empty: any.
    """
    meta = {"help": help, "env": env, "flag": flag, "secret": secret, "range": (least, most), "among": among}
    return attrs.field(default=default, metadata=meta, repr=not secret, kw_only=True)


def add_flags(parser: argparse.ArgumentParser, model: type) -> None:
    """Add a flag for each setting of ``model``; absent flags stay absent from the parsed namespace."""
    hints = typing.get_type_hints(model)
    for field in attrs.fields(model):
        if not field.metadata.get("flag"):
            continue
        name = "--" + field.name.replace("_", "-")
        about = field.metadata["help"] + (f" [{field.metadata['env']}]" if field.metadata["env"] else "")
        about = about.replace("%", "%%")
        if _inner(hints[field.name]) is bool:
            parser.add_argument(
                name,
                dest=field.name,
                action=argparse.BooleanOptionalAction,
                default=argparse.SUPPRESS,
                help=about,
            )
        else:
            metavar = field.name.rsplit("_", 1)[-1].upper()
            parser.add_argument(name, dest=field.name, metavar=metavar, default=argparse.SUPPRESS, help=about)


def load(
    model: type[T],
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None = None,
    table: str = "",
) -> tuple[T, dict[str, str]]:
    """
    Build the settings from all sources.

    Args:
        model: The settings class.
        flags: What the command line gave, by field name.
        environ: The environment; empty values count as absent.
        file: A TOML file; need not exist.
        table: The table of that file that holds these settings.

    Returns:
        The settings, and for each field where its value came from: ``flag --port``, ``environment NAME``,
        ``file PATH``, ``default``.

    Raises:
        ConfigError: A value has the wrong type or is out of bounds, or the file has an unknown key.
    """
    entries = read_table(file, table)
    hints = typing.get_type_hints(model)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for field in attrs.fields(model):  # type: ignore[arg-type]  # T is not known to be an attrs class
        from_file = entries.pop(field.name, None)
        env = field.metadata.get("env")
        if flags.get(field.name) is not None:
            raw, origin = flags[field.name], "flag --" + field.name.replace("_", "-")
        elif env and environ.get(env):
            raw, origin = environ[env], f"environment {env}"
        elif from_file is not None:
            raw, origin = from_file, f"file {file}"
        else:
            origins[field.name] = DEFAULT_ORIGIN
            continue
        where = f"{origin}: {field.name}"
        values[field.name] = _fitting(coerce(raw, hints[field.name], where), field.metadata, where)
        origins[field.name] = origin
    if entries:
        raise ConfigError(f"file {file}: unknown setting {', '.join(sorted(entries))} in table [{table}]")
    return model(**values), origins


def read_table(file: Path | None, table: str) -> dict[str, Any]:
    """Return one table of a TOML file (dotted name), or an empty one where file or table are absent."""
    if file is None or not file.exists():
        return {}
    try:
        document: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ConfigError(f"file {file}: {exc}") from exc
    for part in filter(None, table.split(".")):
        document = document.get(part, {})
        if not isinstance(document, dict):
            raise ConfigError(f"file {file}: [{table}] is not a table")
    return dict(document)


def coerce(raw: object, type_: Any, where: str) -> object:
    """Turn text (or a TOML value) into a setting's type; ``where`` names the place in the error."""
    inner = _inner(type_)
    wanted = getattr(inner, "__name__", str(inner))
    try:
        if inner is bool and isinstance(raw, str):
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[
                raw.lower()
            ]
        if inner is Path and isinstance(raw, str | Path):
            return Path(raw).expanduser()
        if inner is int and isinstance(raw, str | int) and not isinstance(raw, bool):
            return int(raw)
        if inner is float and isinstance(raw, str | int | float) and not isinstance(raw, bool):
            return _finite(float(raw))
        if typing.get_origin(inner) is tuple and isinstance(raw, str):
            return tuple(part.strip() for part in raw.split(",") if part.strip())
        if typing.get_origin(inner) is tuple and isinstance(raw, list | tuple):
            return tuple(str(part) for part in raw)
        if (
            isinstance(inner, type)
            and isinstance(raw, inner)
            and (inner is bool or not isinstance(raw, bool))
        ):
            return raw
    except (KeyError, ValueError):
        pass
    raise ConfigError(f"{where}: expected {wanted}, got {raw!r}")


def explicit_file(file: Path | None, fallback: Path) -> Path:
    """
    Return the file to read: the one that was named, which must exist, else the usual one, which need not.

    Raises:
        ConfigError: The named one is not there.
    """
    if file is not None and not file.is_file():
        raise ConfigError(f"--config {file}: there is no such file")
    return file or fallback


def show(config: object, origins: Mapping[str, str]) -> str:
    """Return one line a setting, ``name = value  (origin)``; secrets are masked."""
    lines: list[str] = []
    for field in attrs.fields(type(config)):  # type: ignore[arg-type]  # any settings class
        value = getattr(config, field.name)
        text = "***" if field.metadata.get("secret") and value else _plain(value)
        lines.append(f"{field.name} = {text}  ({origins.get(field.name, DEFAULT_ORIGIN)})")
    return "\n".join(lines)


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError
    return number


def _fitting(value: object, limits: Mapping[str, Any], where: str) -> object:
    least, most = limits.get("range", (None, None))
    among = limits.get("among", ())
    if isinstance(value, int | float) and not isinstance(value, bool):
        if least is not None and value < least:
            raise ConfigError(f"{where}: expected at least {least}, got {value}")
        if most is not None and value > most:
            raise ConfigError(f"{where}: expected at most {most}, got {value}")
    if among and value not in among:
        raise ConfigError(f"{where}: expected one of {', '.join(among)}, got {value!r}")
    return value


def _plain(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(str, value)) or "-"
    return "-" if value is None else str(value)


def _inner(type_: Any) -> Any:
    """Return X of ``X | None``, else the type itself."""
    if typing.get_origin(type_) in {types.UnionType, Union}:
        return next(arg for arg in typing.get_args(type_) if arg is not type(None))
    return type_
