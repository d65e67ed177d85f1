"""Clients side by side: what is reported does not depend on how many there are; those that wait hold nobody up."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE, unhurried

_ROOT = Path(__file__).parents[2]
_CHECK = (sys.executable, "-m", "labserver", "check")
_WORDS = ("{host}", "{port}", "{ca}", "{user}", "{password}", "{address}")
_VARYING = (
    r"^ +\d+ +\d+\.\d+",  # the session's number and the time
    r"port \d+",
    r"canary-[0-9a-f]{10}",
    r"\d{4}-\d\d-\d\dT[\d:.+]+",
    r"UIDVALIDITY \d+",
    r"(?<=S: )(\+|334) \S+",  # a nonce
    r"(?<=challenge: ).*|v=[A-Za-z0-9+/]{20,}=*",  # the same, decoded
    r"(?<=closed by ).*",  # which of two ends was seen first, and signatures of different lengths
)
"""What differs between any two runs."""
_TIMES = ("seconds", "at", "started", "size", "attempts", "control")
"""Fields that do: times, sizes of signatures, and the evidence, of which the transcript tells all that is said."""
_STRICT = ("sh", "-c", 'exec "$0" -m tests.reference strict "$@" "$LABSERVER_SERVICE"', sys.executable, *_WORDS)


def _check(*arguments: str, code: int) -> str:
    done = subprocess.run(
        [*_CHECK, *arguments],
        cwd=_ROOT,
        env=os.environ | {"PATIENCE": str(PATIENCE)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_jobs_change_nothing(tmp_path: Path) -> None:
    """One client after the other, or eight at a time: the same cases in the same order, with the same transcripts."""
    chosen = ("good", "expired", "self-signed", "starttls-refused", "scram-bad-server-signature")
    told, documents = set(), list[list[str]]()
    for jobs in ("1", "8"):
        report = tmp_path / f"{jobs}.json"
        arguments = ("--service", "smtp", "--service", "imap", *(f"--scenario={one}" for one in chosen))
        told.add(_check("--jobs", jobs, *arguments, "--json", str(report), "--", *_STRICT, code=0))
        cases = _without_times(json.loads(report.read_text())["cases"])
        documents.append(json.dumps(cases, indent=1).splitlines())
    assert len(told) == 1
    assert documents[0] == documents[1]


def _without_times(told: object) -> object:
    """Return a part of a report without what differs between any two runs."""
    match told:
        case dict():
            return {name: _without_times(value) for name, value in told.items() if name not in _TIMES}
        case list():
            return [_without_times(one) for one in told]
        case str():
            for pattern in _VARYING:
                told = re.sub(pattern, "#", told)
    return told


_WAITING = """
import os, socket, sys, time
one = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
if os.environ["LABSERVER_SCENARIO"] == "good":
    import imaplib, ssl
    client = imaplib.IMAP4(sys.argv[2], int(sys.argv[1]))
    client.starttls(ssl.create_default_context(cafile=sys.argv[3]))
    sys.exit(client.login(os.environ["LABSERVER_USER"], os.environ["LABSERVER_PASSWORD"]) and 0)
with open(sys.argv[4], "a") as met:
    met.write(".")
while os.path.getsize(sys.argv[4]) < 4:
    time.sleep(0.02)
"""


def test_who_waits_holds_nobody_up(tmp_path: Path) -> None:
    """Four clients that wait for each other while connected are run at the same time by two jobs."""
    met = tmp_path / "met"
    met.touch()
    chosen = ("starttls-stripped", "starttls-refused", "self-signed", "expired")
    seconds = f"{unhurried(20):.0f}"
    arguments = ("--jobs", "2", "--timeout", seconds, "--service", "imap", *(f"--scenario={one}" for one in chosen))
    told = _check(*arguments, "--", sys.executable, "-c", _WAITING, "{port}", "{host}", "{ca}", str(met), code=3)
    assert "still r" not in told
    assert met.read_text() == "...."
