"""A verifier that is one program for all cases: it reads a line for each, fields between tabs, and answers by a line.

The fields are a case's id, address, port, name, anchors' file, CRLs' file if there is one, and 1 where there is a
staple; those of an answer are the id, the outcome and the program's words.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tests.verifiers.case import Answer, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.verifiers.case import Case
    from tests.verifiers.findings import Reasons

__all__ = ["PROGRAMS", "Stream"]

PROGRAMS = Path(__file__).parent / "programs"
"""Where the sources of such programs are."""
_SECONDS = 900
"""For all cases together; each program gives up on a single one after ten."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A verifier (:class:`tests.verifiers.case.Verifier`) that answers every case in one process."""

    name: str
    version_of: Callable[[], str | None]
    build: Callable[[Path], Sequence[str]]
    """Makes the program in a folder, if there is anything to make, and returns the command that runs it."""
    reasons: Reasons
    asks: frozenset[str] = frozenset(("status_request",))

    def version(self) -> str | None:
        """Return its name and version; None if it is not installed."""
        return self._version

    @cached_property
    def _version(self) -> str | None:
        return self.version_of()

    def judge(self, cases: Sequence[Case], folder: Path) -> Iterator[Answer]:
        """Yield an answer to each case; those that a program did not get to are unmet."""
        lines = "".join("\t".join(_fields(case)) + "\n" for case in cases)
        command = self.build(folder)
        try:
            done = subprocess.run(command, input=lines.encode(), capture_output=True, timeout=_SECONDS, check=False)
            output, why = done.stdout, done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        except subprocess.TimeoutExpired as expired:
            output, why = expired.stdout or b"", "timed out"
        answers = {answer.case: answer for answer in map(_answer, output.decode(errors="replace").split("\n")[:-1])}
        for case in cases:
            yield answers.get(case.id) or Answer(case=case.id, outcome=Outcome.UNMET, words=why or "no answer")


def _fields(case: Case) -> tuple[str, ...]:
    crls, stapled = str(case.crls or ""), "1" if case.chain.staple is not None else ""
    return (case.id, case.address, str(case.ports["imaps"]), case.name, str(case.anchors), crls, stapled)


def _answer(line: str) -> Answer:
    case, outcome, words = line.split("\t", 2)
    return Answer(case=case, outcome=Outcome(outcome), words=words)
