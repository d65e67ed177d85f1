"""A verifier that is a program for one connection: it is run once for each case, two at a time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Timer
from typing import TYPE_CHECKING

from tests.patience import PATIENCE, unhurried
from tests.verifiers.case import Answer, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.verifiers.case import Case
    from tests.verifiers.findings import Reasons

__all__ = ["GREETING", "Command", "said", "version_of"]

GREETING = "* OK "
"""How an IMAP server begins."""
_SECONDS = 20
_AT_ONCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A verifier (:class:`tests.verifiers.case.Verifier`) that is a command."""

    name: str
    program: str
    version_of: Callable[[], str | None]
    arguments: Callable[[Case, Path], Sequence[str]]
    """What follows the program's name; the folder is for files that it needs."""
    words: Callable[[str], str]
    """What tells the reason in what it prints."""
    reasons: Reasons
    asks: frozenset[str] = frozenset(("status_request",))
    accepted: str = GREETING
    """What it prints if it goes on."""
    reaches: Callable[[Case], bool] = lambda _case: True
    """Whether it can be told to connect to the case's address, and to expect its name."""
    seconds: float = _SECONDS
    """How long it may take with one case on an idle machine."""

    def version(self) -> str | None:
        """Return its name and version; None if it is not installed."""
        return self.version_of() if shutil.which(self.program) else None

    def judge(self, cases: Sequence[Case], folder: Path) -> Iterator[Answer]:
        """Yield an answer to each case."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(partial(self._answer, folder=folder), cases)

    def _answer(self, case: Case, folder: Path) -> Answer:
        if not self.reaches(case):
            return Answer(case=case.id, outcome=Outcome.UNMET, words="it cannot be told where to go")
        output, patient = self._watched([self.program, *self.arguments(case, folder)], folder)
        if self.accepted in output:
            return Answer(case=case.id, outcome=Outcome.ACCEPTED)
        if not patient:
            return Answer(case=case.id, outcome=Outcome.UNMET, words="timed out")
        return Answer(case=case.id, outcome=Outcome.REJECTED, words=self.words(output))

    def _watched(self, command: Sequence[str], folder: Path) -> tuple[str, bool]:
        """Run a command until it goes on; return what it printed, and whether that, or its end, came in time."""
        output = bytearray()
        with subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.PIPE,  # which stays open: several end when there is nothing more to be sent
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        ) as process:
            assert process.stdout is not None
            timer = Timer(unhurried(self.seconds), process.kill)
            timer.start()
            while self.accepted.encode() not in output and (part := process.stdout.read(1 << 16)):
                output += part
            patient = timer.is_alive()
            timer.cancel()
            process.kill()
        return output.decode(errors="replace"), patient


def said(command: Sequence[str], folder: Path, stdin: bytes = b"") -> str:
    """Run a command in a folder, which is its home, too; return all that it prints."""
    environment = _environment(folder)
    done = subprocess.run(
        command, cwd=folder, env=environment, input=stdin, capture_output=True, timeout=PATIENCE, check=False
    )
    return (done.stdout + done.stderr).decode(errors="replace")


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}


def version_of(*command: str, pattern: str, prefix: str = "") -> str:
    """Return what the first group of a pattern matches in what a command prints, behind ``prefix``."""
    if shutil.which(command[0]) is None:
        return f"{prefix}of unknown version"
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    found = re.search(pattern, (done.stdout + done.stderr).decode(errors="replace"))
    return prefix + (found[1] if found else "of unknown version")
