"""
Stand-ins for the commands of PBS and LSF, which keep their jobs in a folder and run them on this machine.

``standin.py FOLDER PROGRAM ARGUMENTS``. Told to misbehave by files in the folder: ``hold`` (jobs stay queued until it
is gone), ``fail.<program>`` (says its text and fails), ``late.<program>`` (the same after it did what was asked).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(sys.argv[1])
ME = sys.argv[2]
WITH_VALUE = {
    "-N",
    "-q",
    "-A",
    "-l",
    "-J",
    "-Jd",
    "-P",
    "-U",
    "-F",
    "-o",
    "-u",
    "-app",
    "-W",
    "-n",
    "-nnodes",
}


def words(argv: list[str]) -> tuple[dict[str, str], list[str]]:
    """Split options from the rest."""
    options, rest, index = {}, [], 0
    while index < len(argv):
        word = argv[index]
        if word in WITH_VALUE:
            options[word] = argv[index + 1]
            index += 1
        elif word.startswith("-"):
            options[word] = ""
        else:
            rest.append(word)
        index += 1
    return options, rest


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def submit(argv: list[str]) -> None:
    options, (script,) = words(argv)
    number = 1
    while True:
        try:
            (HERE / f"{number}").mkdir()
            break
        except FileExistsError:
            number += 1
    if (HERE / "hold").exists():
        (HERE / f"{number}" / "held").touch()
    name = options.get("-N") or options.get("-J", "")
    about = {
        "name": name,
        "description": options.get("-Jd", ""),
        "queue": options.get("-q", "normal"),
        "at": time.time(),
    }
    (HERE / f"{number}" / "job.json").write_text(json.dumps(about))
    subprocess.Popen(
        [sys.executable, __file__, str(HERE), "run", str(number), script],
        start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    say(f"Job <{number}> is submitted to queue <normal>." if ME == "bsub" else f"{number}.standin")


def run(number: str, script: str) -> None:
    folder = HERE / number
    (folder / "pid").write_text(str(os.getpid()))
    while (folder / "held").exists() and (HERE / "hold").exists():
        if (folder / "deleted").exists():
            (folder / "code").write_text("271")
            return
        time.sleep(0.05)
    (folder / "began").write_text(str(time.time()))
    (folder / "nodes").write_text("here\n")
    environ = {
        **os.environ, "PBS_JOBID": f"{number}.standin", "PBS_NODEFILE": str(folder / "nodes"), "LSB_JOBID": number,
        "LSB_JOBINDEX": "0",
    }  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: None)
    code = subprocess.call(["/bin/bash", script], env=environ)
    (folder / "code.part").write_text(str(271 if (folder / "deleted").exists() else code))
    (folder / "code.part").rename(folder / "code")


def jobs() -> list[dict]:
    found = []
    for folder in HERE.iterdir():
        if not folder.name.isdigit() or not (folder / "job.json").exists():
            continue
        job = json.loads((folder / "job.json").read_text())
        code = int((folder / "code").read_text()) if (folder / "code").exists() else None
        began = (folder / "began").exists()
        found.append(
            {
                **job,
                "number": folder.name,
                "code": code,
                "began": began,
                "deleted": (folder / "deleted").exists(),
            }
        )
    return found


def qstat(argv: list[str]) -> int:
    options, ids = words(argv)
    shown = {}
    for job in jobs():
        name = f"{job['number']}.standin"
        state = "F" if job["code"] is not None else "R" if job["began"] else "Q"
        if (state == "F" and "-x" not in options) or (ids and name not in ids):
            continue
        shown[name] = {
            "Job_Name": job["name"],
            "Job_Owner": "me@here",
            "job_state": state,
            "queue": job["queue"],
        }
        if state == "Q":
            shown[name]["comment"] = "Not Running: too few nodes"
        if state == "F":
            shown[name]["Exit_status"] = job["code"]
    say(json.dumps({"Jobs": shown}))
    missing = [name for name in ids if name not in shown]
    for name in missing:
        sys.stderr.write(f"qstat: Unknown Job Id {name}\n")
    return 153 if missing else 0


def bjobs(argv: list[str]) -> int:
    options, ids = words(argv)
    records = []
    for job in jobs():
        state = "PEND" if not job["began"] else "RUN"
        if job["code"] is not None:
            state = "EXIT" if job["code"] else "DONE"
        if (state in {"EXIT", "DONE"} and "-a" not in options) or (ids and job["number"] not in ids):
            continue
        reason = "TERM_OWNER: job killed by owner" if job["deleted"] and state == "EXIT" else ""
        records.append({
            "JOBID": job["number"], "JOBINDEX": "0", "JOB_NAME": job["name"], "USER": "me", "QUEUE": job["queue"],
            "STAT": state, "JOB_DESCRIPTION": job["description"], "EXIT_REASON": reason,
            "EXIT_CODE": str(job["code"] or ""),
            "PEND_REASON": "New job is waiting for scheduling" if state == "PEND" else "",
        })  # fmt: skip
    say(json.dumps({"COMMAND": "bjobs", "JOBS": len(records), "RECORDS": records}))
    return 0


def delete(argv: list[str]) -> int:
    _, ids = words(argv)
    for name in ids:
        folder = HERE / name.partition(".")[0]
        if not (folder / "pid").exists():
            known = "Unknown Job Id" if ME == "qdel" else "No matching job found:"
            sys.stderr.write(f"{ME}: {known} {name}\n")
            return 255
        (folder / "deleted").touch()
        if (folder / "began").exists() and not (folder / "code").exists():
            os.killpg(int((folder / "pid").read_text()), signal.SIGTERM)
    return 0


def main(argv: list[str]) -> int:
    with (HERE / f"calls.{ME}").open("a") as calls:
        calls.write(json.dumps(argv) + "\n")
    if (fail := HERE / f"fail.{ME}").exists():
        sys.stderr.write(fail.read_text())
        return 1
    late = HERE / f"late.{ME}"
    if ME == "run":
        run(*argv)
        return 0
    if ME in {"qsub", "bsub"}:
        if late.exists():
            sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for the rest of the process
        submit(argv)
        code = 0
    else:
        code = {"qstat": qstat, "bjobs": bjobs, "qdel": delete, "bkill": delete}[ME](argv)
    if late.exists():
        sys.stderr.write(late.read_text())
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[3:]))
