"""What both console scripts do before, or instead of, running: settings shown, mistakes told, codes returned."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from radical_edge_core import __version__
from radical_edge_core.bridge.main import main as bridge_main
from radical_edge_core.edge.main import main as edge_main

Main = Callable[[Sequence[str] | None], int]
BOTH = pytest.mark.parametrize("main", [bridge_main, edge_main], ids=["bridge", "edge"])


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A state folder of the test's own, and the process's own logging afterwards."""
    monkeypatch.setenv("RADICAL_EDGE_HOME", str(tmp_path / "home"))
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], level = before
    root.setLevel(level)


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The lines of ``--show-config`` by setting."""
    lines = capsys.readouterr().out.splitlines()
    return {name: rest for name, _, rest in (line.partition(" = ") for line in lines)}


@BOTH
def test_the_version_is_shown(main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    """``--version`` tells the distribution's version."""
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.strip() == __version__


@BOTH
def test_unknown_flags_are_wrong_settings(main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    """A flag that does not exist ends the script with 2 and a word about it."""
    with pytest.raises(SystemExit) as end:
        main(["--no-such-flag"])
    assert end.value.code == 2
    assert "--no-such-flag" in capsys.readouterr().err


@BOTH
def test_show_config_tells_values_and_origins(
    main: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each setting is shown with where it comes from: flag over environment over file over default."""
    file = tmp_path / "own.toml"
    file.write_text("[bridge]\nwindow_kib = 512\ndrain_s = 7\n[edge]\nwindow_kib = 512\ndrain_s = 7\n")
    monkeypatch.setenv("RADICAL_LOG_LVL", "WARNING")
    assert main(["--show-config", "--config", str(file), "--drain-s", "9"]) == 0
    settings = shown(capsys)
    assert settings["drain_s"] == "9.0  (flag --drain-s)"
    assert settings["log_level"] == "WARNING  (environment RADICAL_LOG_LVL)"
    assert settings["window_kib"] == f"512  (file {file})"
    assert settings["plugins"] == "-  (default)"


@BOTH
def test_the_file_in_the_state_folder_counts_by_itself(
    main: Main, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``config.toml`` of the state folder needs no flag."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text("[bridge]\ndrain_s = 7\n[edge]\ndrain_s = 7\n")
    assert main(["--show-config"]) == 0
    assert shown(capsys)["drain_s"].startswith("7.0  (file ")


@BOTH
def test_showing_makes_nothing(main: Main, tmp_path: Path) -> None:
    """Asking for the settings makes no folder and no token."""
    assert main(["--show-config"]) == 0
    assert not (tmp_path / "home").exists()


def test_no_secret_is_among_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The join token comes from a file or the environment, and shows nowhere."""
    token = tmp_path / "token"
    token.write_text("hunter2")
    monkeypatch.setenv("RADICAL_EDGE_JOIN_TOKEN", "hunter3")
    assert edge_main(["--show-config", "--join-token-file", str(token)]) == 0
    assert "hunter" not in capsys.readouterr().out


@BOTH
@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--log-level", "LOUD"], "LOUD"),
        (["--window-kib", "0"], "at least 64"),
        (["--window-kib", "5000"], "at most 4096"),
        (["--drain-s", "-1"], "at least 0"),
        (["--drain-s", "soon"], "drain_s"),
        (["--config", "none.toml"], "no such file"),
    ],
)
def test_wrong_settings_end_with_2(
    main: Main, arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A setting that can't be used is told in one line, without a traceback."""
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert word in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--port", "70000"], "at most 65535"),
        (["--host", "0.0.0.0"], "--plain-http"),
        (["--host", "no.such.host.invalid", "--plain-http"], "can't listen"),
        (["--cert", "x.pem"], "--key"),
        (["--cert", "x.pem", "--key", "y.pem"], "x.pem"),
        (["--max-streams", "0"], "at least 1"),
    ],
)
def test_a_bridge_that_cannot_listen_ends_with_2(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a bridge can't, or must not, listen it says so before it begins."""
    assert bridge_main(arguments) == 2
    error = capsys.readouterr().err
    assert word in error.splitlines()[-1]
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--name", "edges"], "reserved"),
        (["--name", "a/b"], "1 to 63"),
        ([], "--url"),
        (["--url", "ftp://x"], "ftp://x"),
        (["--url", "nonsense"], "nonsense"),
        (["--url", "wss://localhost:1", "--cert", "none.pem"], "none.pem"),
        (["--url", "ws://localhost:1", "--join-token-file", "none"], "no token in it"),
    ],
)
def test_an_edge_that_cannot_begin_ends_with_2(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An edge that lacks what it needs says so, and which flag gives it."""
    assert edge_main(arguments) == 2
    error = capsys.readouterr().err
    assert word in error.splitlines()[-1]
    assert "Traceback" not in error


def test_an_edge_without_any_join_token_ends_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    """Dialling can't help where there is nothing to open the door with."""
    assert edge_main(["--url", "ws://localhost:1"]) == 3
    assert "neither a credential nor a join token" in capsys.readouterr().err


def test_the_list_of_plugins_is_shown_without_a_bridge(capsys: pytest.CaptureFixture[str]) -> None:
    """``--list-plugins`` needs no bridge, and says so where nothing is installed."""
    assert edge_main(["--list-plugins", "--plugins", "no-such-plugin"]) == 1
    assert "no installed distribution has this plugin" in capsys.readouterr().out
