"""The line on a terminal: what is left, and the worst finding so far; elsewhere nothing."""

from __future__ import annotations

import io

from labserver.cli.progress import Progress
from labserver.scenario import Severity
from labserver.verdicts.finding import Outcome
from tests.report.test_standing import found


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_line() -> None:
    """It counts, estimates by what was done so far, and names the worst finding; remarks are none."""
    clock = _Clock()
    progress = Progress(_Terminal(), clock)
    progress.total = 4
    assert progress.line() == "0 of 4 cases; worst so far: nothing"
    clock.now += 30
    progress.finished(found(Outcome.INFO))
    assert progress.line() == "1 of 4 cases, about 1 min 30 s left; worst so far: nothing"
    progress.finished(found(Outcome.WARN, Severity.CRITICAL, case="expired@imaps"))
    progress.finished(found(Outcome.FAIL, Severity.LOW, case="self-signed@smtp"))
    assert progress.line().endswith(" 10 s left; worst so far: FAIL low rejects-certificate in self-signed@smtp")
    progress.finished(found(Outcome.FAIL, Severity.LOW, case="good@pop3"))
    assert progress.line() == "4 of 4 cases; worst so far: FAIL low rejects-certificate in self-signed@smtp"


def test_terminal() -> None:
    """A terminal gets a line now and then, over the one before, and has it taken away for other output."""
    clock, terminal = _Clock(), _Terminal()
    progress = Progress(terminal, clock)
    progress.total = 2
    progress.finished(found(Outcome.PASS))
    progress.finished(found(Outcome.PASS))
    assert terminal.getvalue() == "\r\x1b[K1 of 2 cases, about 0 s left; worst so far: nothing"
    progress.clear()
    progress.show()
    assert terminal.getvalue().endswith("nothing\r\x1b[K\r\x1b[K2 of 2 cases; worst so far: nothing")


def test_no_terminal() -> None:
    """A file gets nothing."""
    file = io.StringIO()
    progress = Progress(file)
    progress.finished(found(Outcome.PASS))
    progress.clear()
    assert file.getvalue() == ""
