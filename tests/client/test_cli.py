"""The command line against a real bridge and a real edge."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from radical_edge_client.cli.main import main

SCRIPT = Path(sys.executable).with_name("radical-edge")


@frozen
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Result]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Cli:
    """Run a command in this process; returns exit code and output."""

    def run(*arguments: str) -> Result:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capfd.readouterr()
        code = left.value.code
        assert isinstance(code, int)
        assert "Traceback" not in err
        return Result(code, out, err)

    return run


@pytest.mark.usefixtures("at_hub")
class TestReading:
    """Commands that look."""

    def test_edges(self, cli: Cli) -> None:
        """A table for people, the bridge's document for programs."""
        shown = cli("edges")
        assert (shown.code, shown.err) == (0, "")
        assert any(line.split()[:2] == ["local", "connected"] for line in shown.out.splitlines())
        assert "local" in [edge["name"] for edge in cli("edges", "--json").json["edges"]]

    @pytest.mark.parametrize("edge", [(), ("local",)])
    def test_plugins(self, cli: Cli, edge: tuple[str, ...]) -> None:
        """With one edge connected none needs to be named; a broken plugin is there with its reason."""
        lines = {line.split()[0]: line for line in cli("plugins", *edge).out.splitlines()}
        assert "loaded" in lines["example"]
        assert "failed" in lines["broken"]
        assert "NoSuchPlugin" in lines["broken"]
        assert cli("plugins", *edge, "--json").json["example"]["status"] == "loaded"

    @pytest.mark.parametrize("words", [("example",), ("local", "example")])
    def test_describe(self, cli: Cli, words: tuple[str, ...]) -> None:
        """Operations and topics; what every plugin has is left out."""
        shown = cli("describe", *words)
        assert "echo" in shown.out
        assert "beat (ephemeral)" in shown.out
        assert "register_session" not in shown.out
        assert cli("describe", *words, "--json").json["plugin"]["name"] == "example"

    def test_show_config(self, cli: Cli, at_hub: Any) -> None:
        """Each setting has its origin, and no secret is shown."""
        shown = cli("--show-config").out
        assert f"url = {at_hub.url}  (file {at_hub.home}/bridge/bridge.url)" in shown
        assert "token = ***" in shown
        assert at_hub.token not in shown

    def test_watch(self, cli: Cli) -> None:
        """One JSON object a line, as notifications come, filtered; the process ends after so many."""
        arguments = [SCRIPT, "watch", "--plugin", "example", "--topic", "beat", "--count", "1", "--json"]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as watching:
            deadline = time.monotonic() + 20
            while watching.poll() is None:  # an ephemeral notification is for those who listen already
                assert time.monotonic() < deadline
                assert cli("call", "example", "tick", "--topic", "beat").code == 0
            assert watching.stdout
            assert json.loads(watching.stdout.readline()) == {
                "edge": "local", "plugin": "example", "topic": "beat", "data": {"number": 0},
            }  # fmt: skip
        assert watching.returncode == 0

    def test_doctor(self, cli: Cli) -> None:
        """Where all is well every line is ok and the code is 0."""
        findings = cli("doctor", "--json")
        assert findings.code == 0
        assert {finding["status"] for finding in findings.json} <= {"ok", "warn"}
        subjects = [finding["subject"] for finding in findings.json]
        assert {"versions", "address", "name", "connection", "bridge", "clock", "websocket", "events"} <= set(
            subjects
        )
        assert "ok    edge local: connected" in cli("doctor").out


@pytest.mark.usefixtures("at_hub")
class TestCall:
    """Operations by name, with options from their schemas."""

    @pytest.mark.parametrize("edge", [(), ("local",)])
    def test_with_and_without_the_edge(self, cli: Cli, edge: tuple[str, ...]) -> None:
        """The answer is printed for people, or as JSON."""
        assert cli("call", *edge, "example", "whoami").out == "subject  admin\n"
        assert cli("call", *edge, "example", "whoami", "--json").json == {"subject": "admin"}
        assert cli("call", "--json", *edge, "example", "whoami").json == {"subject": "admin"}

    def test_every_kind_of_field(self, cli: Cli) -> None:
        """Text, numbers, switches, lists, objects, choices, and a field whose name is taken."""
        answer = cli(
            *("call", "example", "echo", "--text", "-x 1", "--count", "-3", "--ratio", "0.5", "--flag"),
            *("--words", "a", "--words", "b c", "--numbers", "[1, 2]", "--point", '{"x": 1}'),
            *("--table", '{"k": "v"}', "--kind", "b", "--field-url", "u", "--json"),
        )
        assert answer.json == {
            "text": "-x 1", "count": -3, "ratio": 0.5, "flag": True, "words": ["a", "b c"], "numbers": [1, 2],
            "point": {"x": 1, "y": 0}, "table": {"k": "v"}, "kind": "b", "url": "u",
        }  # fmt: skip
        other = cli(
            "call", "example", "echo", "--text", "", "--ratio", "null", "--flag", "false", "--json"
        ).json
        assert (other["ratio"], other["flag"], other["words"]) == (None, False, [])

    def test_the_whole_input_at_once(self, cli: Cli, tmp_path: Path) -> None:
        """As JSON or from a file; options count before it."""
        path = tmp_path / "input.json"
        path.write_text('{"text": "file", "count": 5}')
        answer = cli("call", "example", "echo", "--input", f"@{path}", "--count", "6", "--json").json
        assert (answer["text"], answer["count"]) == ("file", 6)

    def test_help_of_an_operation(self, cli: Cli) -> None:
        """It lists the fields with their kinds, defaults and what is required; underscores work as well."""
        shown = cli("call", "example", "echo", "--help")
        assert shown.code == 0
        assert "Return every field as it arrived." in shown.out
        assert "--text TEXT" in shown.out
        assert "[required]" in shown.out
        assert "[a|b]" in shown.out
        assert "--input JSON" in shown.out
        assert cli("call", "--help").code == 0
        assert "echo" in cli("call", "example").out

    def test_tables(self, cli: Cli) -> None:
        """An answer of records is a table without colours or frames when it is not a terminal."""
        lines = [line.split() for line in cli("call", "example", "rows").out.splitlines()]
        assert lines == [["name", "size"], ["one", "1"], ["two", "-"]]

    def test_odd_values_in_paths(self, cli: Cli) -> None:
        """A path parameter may hold any character."""
        assert cli("call", "example", "item", "--name", "a/b ?#%ü", "--json").json == {"name": "a/b ?#%ü"}

    def test_bytes(self, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        """A stream is written byte for byte; broken connections are continued."""
        with pytest.raises(SystemExit) as left:
            main(["call", "example", "bytes", "--interruptions", "2"])
        assert left.value.code == 5  # the operation is called after its method
        with pytest.raises(SystemExit) as left:
            main(["call", "example", "data", "--interruptions", "2"])
        assert left.value.code == 0
        assert capfdbinary.readouterr().out == bytes(range(256)) * 400

    def test_commands_share_one_session(self, cli: Cli) -> None:
        """A hundred calls leave one session."""
        cli("call", "example", "echo", "--text", "x")
        before = cli("call", "example", "list_sessions", "--json").json
        cli("call", "example", "echo", "--text", "x")
        assert cli("call", "example", "list_sessions", "--json").json == before


@pytest.mark.usefixtures("at_hub")
class TestExitCodes:
    """Each failure has its code and one clear line."""

    @pytest.mark.parametrize(
        ("arguments", "code", "text"),
        [
            (("call", "example", "fail"), 1, "request"),
            (("call", "example", "nothing"), 5, "it has"),
            (("call", "nothing", "x"), 5, "'nothing' is no connected edge and no plugin"),
            (("call", "example", "item", "--name", "nothing"), 5, "there is no item 'nothing'"),
            (("call", "example", "item"), 2, "missing --name"),
            (("call", "example", "echo", "--bogus", "1"), 2, "--bogus"),
            (("call", "example", "echo", "--text", "x", "--count", "many"), 2, "'many' is no integer"),
            (("call", "example", "echo", "--text", "x", "--kind", "c"), 2, "none of a, b"),
            (("call", "example", "echo", "--text", "x", "--table", "{"), 2, "no JSON"),
            (("call", "example", "echo", "--input", "[]"), 2, "no JSON object"),
            (("call", "example", "echo", "--input", '{"text": "x", "bogus": 1}'), 2, "no field bogus"),
            (("call", "example", "echo", "--text", "x", "--ratio", "nan"), 2, "'nan' is no number"),
            (("call", "example", "echo", "--text", "x", "--table", '{"a": NaN}'), 2, "it has no NaN"),
            (("describe", "nowhere", "example"), 5, "nowhere"),
            (("--url", "http://127.0.0.1:1", "edges"), 3, "can't be reached"),
            (("edges", "--url", "http://127.0.0.1:1"), 3, "can't be reached"),
            (("--url", "nonsense", "edges"), 2, "no bridge URL"),
            (
                ("--cert", "missing.pem", "--url", "https://localhost:1", "edges"),
                2,
                "missing.pem can't be used",
            ),
            (("no-such-command",), 2, "No such command"),
            (("token", "create"), 2, "--scope"),
            (("jobs", "submit", "--plugin", "example", "--", "true"), 5, "runs no jobs"),
        ],
    )
    def test_codes(self, cli: Cli, arguments: tuple[str, ...], code: int, text: str) -> None:
        """The exit code and the reason, never a traceback, and nothing on standard output."""
        done = cli(*arguments)
        assert (done.code, done.out) == (code, "")
        assert text in done.err

    def test_a_wrong_token(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        """401 and 403 are 4."""
        made = cli("token", "create", "--scope", "read:*", "--expires", "1h", "--json").json
        monkeypatch.setenv("RADICAL_BRIDGE_TOKEN", "wrong")
        assert cli("edges").code == 4
        monkeypatch.setenv("RADICAL_BRIDGE_TOKEN", made["token"])
        assert cli("edges").code == 0
        assert cli("call", "example", "tick").code == 4

    def test_no_bridge_known(self, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without any bridge the line says how to get one."""
        monkeypatch.setenv("RADICAL_EDGE_HOME", str(tmp_path))
        done = cli("edges")
        assert (done.code, done.err.count("\n")) == (3, 1)
        assert "radical-edge up" in done.err

    def test_a_reader_that_leaves(self) -> None:
        """A closed pipe is no error and no traceback."""
        with subprocess.Popen(
            [SCRIPT, "call", "example", "data"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.read(10)
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0

    def test_interruption(self) -> None:
        """Ctrl-C ends a command with 130 and without a word."""
        process = subprocess.Popen([SCRIPT, "watch"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            deadline = time.monotonic() + 20
            while not has_socket(process.pid):  # it has come as far as to its event loop
                assert time.monotonic() < deadline
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=20)
        finally:
            process.kill()
            process.communicate()
        assert (process.returncode, told.strip()) == (130, b"")


def has_socket(pid: int) -> bool:
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if str(path.readlink()).startswith("socket:"):
                return True
    return False


@pytest.mark.usefixtures("at_hub")
class TestTokens:
    """Making, listing and ending tokens."""

    def test_a_token_is_made_listed_and_revoked(self, cli: Cli) -> None:
        """The secret alone is on standard output, once."""
        made = cli("token", "create", "--scope", "read:*/example", "--expires", "1h", "--label", "mine")
        assert made.out.count("\n") == 1
        assert "not shown again" in made.err
        listed = cli("token", "list", "--json")
        token = next(token for token in listed.json["tokens"] if token["label"] == "mine")
        assert made.out.strip() not in listed.out
        assert "mine" in cli("token", "list").out
        assert cli("token", "revoke", token["id"]).code == 0
        assert cli("token", "revoke", token["id"]).code == 5


@pytest.mark.usefixtures("at_hub")
class TestJobs:
    """Jobs, with a plugin that runs them."""

    @pytest.fixture(name="jobs")
    def jobs_command(self, cli: Cli) -> Cli:
        def run(command: str, *arguments: str) -> Result:
            return cli("jobs", command, "--plugin", "jobs", *arguments)

        return run

    def test_submit_prints_the_id_alone(self, jobs: Cli) -> None:
        """And the job is as described: command, placement, environment."""
        done = jobs(
            "submit", "--executor", "local", "--queue", "debug", "--account", "me", "--duration", "1h30m",
            "--nodes", "2", "--env", "A=b=c", "--attribute", "slurm.constraint=gpu", "--", "sh", "-c", "exit 3",
        )  # fmt: skip
        assert done.err == ""
        job_id = done.out.strip()
        assert done.out == f"{job_id}\n"
        told = jobs("status", job_id, "--json").json
        assert told["arguments"] == ["-c", "exit 3"]
        assert told["environment"] == {"A": "b=c"}
        assert told["attributes"] == {
            "queue_name": "debug",
            "account": "me",
            "duration": 5400,
            "node_count": 2,
        }
        assert told["custom_attributes"] == {"slurm.constraint": "gpu"}
        assert jobs("logs", "-f", job_id).code == 0
        shown = jobs("status", job_id).out
        assert re.search(r"^exit_code +3$", shown, re.MULTILINE)
        assert re.search(r"^submitted_at +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", shown, re.MULTILINE)
        assert job_id in jobs("list").out
        assert jobs("list", "--json").json["scope"] == "mine"

    def test_logs_are_the_jobs_bytes(self, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        """From either stream, followed to the end, from another process than submitted it."""
        code = "import os, sys; os.write(1, bytes(range(256)) * 100); os.write(2, b'err')"
        submitted = subprocess.run(
            [SCRIPT, "jobs", "submit", "--plugin", "jobs", "--", sys.executable, "-c", code],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        job_id = submitted.stdout.strip()
        for option, expected in (("--follow", bytes(range(256)) * 100), ("--stderr", b"err")):
            with pytest.raises(SystemExit):
                main(["jobs", "logs", "--plugin", "jobs", job_id, option])
            assert capfdbinary.readouterr().out == expected

    def test_cancel(self, jobs: Cli) -> None:
        """A cancelled job ends."""
        job_id = jobs("submit", "--", "sleep", "1000").out.strip()
        assert jobs("cancel", job_id, "--json").json["status"] == "canceled"
        assert jobs("logs", "-f", job_id).code == 0
        assert jobs("status", job_id, "--json").json["state"] == "CANCELED"
        assert jobs("cancel", "nothing").code == 5

    def test_a_wrong_environment(self, jobs: Cli) -> None:
        """What is no NAME=VALUE is told before anything is submitted."""
        assert jobs("submit", "--env", "NAME", "--", "true").code == 2


def test_help_comes_at_once() -> None:
    """No heavy import stands before the help."""
    code = (
        "import sys, radical_edge_client.cli.group; print(*{'aiohttp', 'rich', 'starlette'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
    shown = subprocess.run([SCRIPT, "--help"], capture_output=True, text=True, check=True).stdout
    assert "Exit codes" in shown


def test_every_command_is_there(cli: Cli) -> None:
    """What the help lists can be called, and says in its own help what the list says it does."""
    from radical_edge_client.cli.group import COMMANDS

    for name in COMMANDS:
        assert cli(name, "--help").code == 0


def test_completion() -> None:
    """The shell completes commands."""
    environ = {
        **os.environ,
        "_RADICAL_EDGE_COMPLETE": "bash_complete",
        "COMP_WORDS": "radical-edge e",
        "COMP_CWORD": "1",
    }
    done = subprocess.run([SCRIPT], env=environ, capture_output=True, text=True, check=False)
    assert "edges" in done.stdout
