"""Settings: where each value comes from, what it may be, and what is shown of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from radical_edge_core.bridge.config import BridgeConfig
from radical_edge_core.config import (
    ConfigError,
    add_flags,
    coerce,
    explicit_file,
    load,
    read_table,
    setting,
    show,
)
from radical_edge_core.edge.config import EdgeConfig


@frozen
class Settings:
    """One of each kind."""

    port: int = setting(80, help="a port, 100 % of them", env="T_PORT", least=1, most=99)
    wait_s: float = setting(1.5, help="seconds")
    loud: bool = setting(False, help="whether to shout", env="T_LOUD")
    names: tuple[str, ...] = setting((), help="names", env="T_NAMES")
    file: Path | None = setting(None, help="a file")
    level: str = setting("low", help="how much", among=("low", "high"))
    password: str | None = setting(None, help="a secret", env="T_PASSWORD", secret=True)
    hidden: int = setting(3, help="no flag", flag=False)


def loaded(
    tmp_path: Path, *, flags: Any = None, environ: Any = None, text: str | None = None
) -> tuple[Settings, dict[str, str]]:
    file = tmp_path / "config.toml"
    if text is not None:
        file.write_text(text)
    return load(Settings, flags=flags or {}, environ=environ or {}, file=file, table="t")


def parsed(*argv: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_flags(parser, Settings)
    return vars(parser.parse_args(argv))


@pytest.mark.parametrize(
    ("flags", "environ", "text", "value", "origin"),
    [
        ({"port": "1"}, {"T_PORT": "2"}, "[t]\nport = 3", 1, "flag --port"),
        ({}, {"T_PORT": "2"}, "[t]\nport = 3", 2, "environment T_PORT"),
        ({}, {"T_PORT": ""}, "[t]\nport = 3", 3, "file"),
        ({}, {}, "[other]\nport = 3", 80, "default"),
        ({}, {}, None, 80, "default"),
        ({"port": None}, {}, None, 80, "default"),
    ],
)
def test_precedence(
    tmp_path: Path, flags: Any, environ: Any, text: str | None, value: int, origin: str
) -> None:
    """Flag over environment over file over default, and each value knows its origin."""
    settings, origins = loaded(tmp_path, flags=flags, environ=environ, text=text)
    assert settings.port == value
    assert origins["port"].startswith(origin)


def test_every_kind_is_read_from_text(tmp_path: Path) -> None:
    """What comes as text becomes the setting's type."""
    flags = parsed(
        "--port", "8", "--wait-s", "2", "--loud", "--names", "a, b,,c", "--file", "~/x", "--level", "high"
    )
    settings, _ = loaded(tmp_path, flags=flags)
    assert settings.port == 8
    assert settings.wait_s == 2.0
    assert settings.loud is True
    assert settings.names == ("a", "b", "c")
    assert settings.file == Path("~/x").expanduser()
    assert settings.level == "high"


def test_every_kind_is_read_from_a_file(tmp_path: Path) -> None:
    """TOML values have types already."""
    text = '[t]\nport = 8\nwait_s = 2\nloud = true\nnames = ["a", "b"]\nfile = "x"\nhidden = 4\n'
    settings, _ = loaded(tmp_path, text=text)
    assert settings == Settings(port=8, wait_s=2.0, loud=True, names=("a", "b"), file=Path("x"), hidden=4)


@pytest.mark.parametrize("text", ["true", "1", "yes", "TRUE", "Yes"])
def test_yes(tmp_path: Path, text: str) -> None:
    """A switch is thrown by any of the usual words."""
    assert loaded(tmp_path, environ={"T_LOUD": text})[0].loud is True


def test_a_switch_can_be_turned_off(tmp_path: Path) -> None:
    """A flag overrides a switch of the file both ways."""
    settings, origins = loaded(tmp_path, flags=parsed("--no-loud"), text="[t]\nloud = true")
    assert settings.loud is False
    assert origins["loud"] == "flag --loud"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("flag", {"port": "x"}), ("flag", {"port": "0"}), ("flag", {"port": "100"}), ("flag", {"port": "8.5"}),
        ("flag", {"wait_s": "nan"}), ("flag", {"wait_s": "inf"}), ("flag", {"level": "middle"}),
        ("environment", {"T_LOUD": "maybe"}), ("environment", {"T_PORT": "1e3"}),
        ("file", "[t]\nport = 8.0"), ("file", "[t]\nport = true"), ("file", '[t]\nloud = "perhaps"'),
        ("file", "[t]\nloud = 1"), ("file", "[t]\nnames = 5"), ("file", "[t]\nfile = 5"), ("file", "[t]\nlevel = 5"),
        ("file", "[t]\nport = [1]"), ("file", "[t]\nwait_s = nan"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_with_its_place(tmp_path: Path, source: str, value: Any) -> None:
    """What can't be used is an error that names where it came from and which setting it is."""
    given = {{"flag": "flags", "environment": "environ", "file": "text"}[source]: value}
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, **given)
    assert error.value.detail.startswith(source)
    assert any(name in error.value.detail for name in ("port", "wait_s", "loud", "names", "file", "level"))


def test_unknown_settings_are_errors(tmp_path: Path) -> None:
    """A misspelt key of the file is told, with all others."""
    with pytest.raises(ConfigError, match=r"unknown setting prot, waits in table \[t\]"):
        loaded(tmp_path, text="[t]\nprot = 1\nwaits = 2\nport = 3")


@pytest.mark.parametrize("content", [b"[t", b"port = ", b"\xff\xfe", b"t = 1"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes) -> None:
    """A file that is no TOML, or whose table is none, is named."""
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"config\.toml"):
        read_table(file, "t")


def test_tables_within_tables(tmp_path: Path) -> None:
    """A table is named with dots; one that is not there is empty."""
    file = tmp_path / "config.toml"
    file.write_text('[plugins.one]\nkey = "value"')
    assert read_table(file, "plugins.one") == {"key": "value"}
    assert read_table(file, "plugins.two") == {}
    assert read_table(None, "x") == {}


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    """The usual file may be absent; one that somebody named may not."""
    there = tmp_path / "there.toml"
    there.write_text("")
    assert explicit_file(None, tmp_path / "none.toml") == tmp_path / "none.toml"
    assert explicit_file(there, tmp_path / "none.toml") == there
    with pytest.raises(ConfigError, match="there is no such file"):
        explicit_file(tmp_path / "none.toml", there)


def test_show_has_a_line_for_each_setting(tmp_path: Path) -> None:
    """What is in force is shown with its origin, and what is empty as a dash."""
    settings, origins = loaded(tmp_path, flags={"port": "7"}, environ={"T_NAMES": "a,b"})
    lines = show(settings, origins).splitlines()
    assert "port = 7  (flag --port)" in lines
    assert "names = a,b  (environment T_NAMES)" in lines
    assert "file = -  (default)" in lines
    assert len(lines) == 8


def test_secrets_are_masked(tmp_path: Path) -> None:
    """A secret is in force, but neither shown nor part of the settings' text."""
    settings, origins = loaded(tmp_path, environ={"T_PASSWORD": "hunter2"})
    assert settings.password == "hunter2"
    assert "password = ***  (environment T_PASSWORD)" in show(settings, origins)
    assert "hunter2" not in show(settings, origins) + repr(settings)


def test_an_absent_secret_is_shown_as_absent(tmp_path: Path) -> None:
    """Whether there is a secret is no secret."""
    assert "password = -" in show(*loaded(tmp_path))


def test_what_has_no_flag_is_no_flag() -> None:
    """A setting of the file only is unknown to the command line."""
    with pytest.raises((argparse.ArgumentError, SystemExit)):
        parsed("--hidden", "4")


def test_help_names_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    """The help tells the variable beside the flag, and may hold a percent sign."""
    with pytest.raises(SystemExit):
        parsed("--help")
    shown = " ".join(capsys.readouterr().out.split())
    assert "a port, 100 % of them [T_PORT]" in shown


def test_coerce_takes_what_has_the_type_already() -> None:
    """A value of the right type stays as it is."""
    assert coerce(Path("x"), Path, "here") == Path("x")
    assert coerce("text", str, "here") == "text"


@pytest.mark.parametrize("model", [BridgeConfig, EdgeConfig])
def test_the_scripts_settings_have_good_defaults(model: type[Any]) -> None:
    """Without any source both scripts have settings that pass their own checks."""
    settings, origins = load(model, flags={}, environ={}, file=None)
    again, _ = load(
        model,
        flags={name: getattr(settings, name) for name in origins if getattr(settings, name) is not None},
        environ={},
    )
    assert again == settings
