"""A screen nobody sees, with Thunderbird on it, and what the lab heard from it meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.clients.running_lab import RunningLab

__all__ = ["Desk", "desk", "events", "kept"]

_STARTED_WITHIN = 10.0
_WITHIN = 90.0
_STEP = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Thunderbird while it runs."""

    process: subprocess.Popen[bytes]

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Return once the condition holds; AssertionError when Thunderbird ends before that, or time does."""
        deadline = time.monotonic() + _WITHIN
        while not condition():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_STEP)
            assert self.process.returncode is None, f"Thunderbird ended before {what}"
            assert time.monotonic() < deadline, f"Thunderbird has not {what}"


@contextlib.contextmanager
def desk(home: Path, profile: Path) -> Iterator[Desk]:
    """Run Thunderbird until the block ends; its output and a picture of its last screen are left in ``home``."""
    with _screen() as display, (home / "thunderbird.log").open("wb") as log:
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "DISPLAY": display}
        command = ["thunderbird", "--profile", str(profile), "--no-remote"]
        with subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT) as process:
            try:
                yield Desk(process=process)
            finally:
                _photograph(home / "screen.png", environment)
                _end(process)


@contextlib.contextmanager
def _screen() -> Iterator[str]:
    """Run an X server on a display that is free."""
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1200x800x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL) as process:
        os.close(writer)
        try:
            with os.fdopen(reader) as told:
                number = told.readline().strip()
            assert number, "Xvfb did not start"
            yield f":{number}"
        finally:
            _end(process)


def _photograph(path: Path, environment: dict[str, str]) -> None:
    """Keep the screen for a person to look at, where ImageMagick is installed."""
    if shutil.which("import") is not None:
        command = ["import", "-window", "root", str(path)]
        subprocess.run(command, env=environment, check=False, capture_output=True, timeout=_STARTED_WITHIN)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STARTED_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()


def events(lab: RunningLab, service: str) -> list[dict[str, Any]]:
    """Return what has happened so far in the sessions of a service."""
    complete = lab.transcript.read_text(encoding="utf-8").rpartition("\n")[0]
    found: list[dict[str, Any]] = [json.loads(line) for line in complete.split("\n") if line]
    sessions = {one["session"] for one in found if one["event"] == "Connected" and one["service"] == service}
    return [one for one in found if one["session"] in sessions]


def kept(profile: Path) -> list[bytes]:
    """Return the messages that the profile keeps of the INBOX, with CRLF, as the mail server has them."""
    path = profile / "ImapMail" / "lab" / "INBOX"
    if not path.exists():
        return []
    messages = re.split(rb"^From - .*\n", path.read_bytes().replace(b"\r\n", b"\n"), flags=re.MULTILINE)[1:]
    without_marks = (re.sub(rb"^X-Mozilla-.*\n", b"", message, flags=re.MULTILINE) for message in messages)
    return [
        re.sub(rb"^>(>*From )", rb"\1", message, flags=re.MULTILINE).removesuffix(b"\n").replace(b"\n", b"\r\n")
        for message in without_marks
    ]
