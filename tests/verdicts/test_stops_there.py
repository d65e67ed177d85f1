"""The rule that a client stops behind the fault: what counts as going on, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labserver.scenario import Expectation, Severity
from labserver.services import SERVICES
from labserver.verdicts.finding import Outcome
from labserver.verdicts.judge import Verdict, judge
from labserver.verdicts.policy import Policy
from labserver.verdicts.subject import subject_of
from tests.ours import CATALOGUE
from tests.verdicts.scenes import CONTEXT, Scene, trace

GREETED_WRONG = replace(
    CATALOGUE["starttls-refused"],
    id="greeted-wrong",
    expectation=Expectation.REJECT,
    severity=Severity.MEDIUM,
    rules=("stops-there",),
    services=("imap",),
)


def greeted() -> Scene:
    """Return a session that was greeted by something else."""
    return Scene("imap").misbehaves("foreign-greeting").hears(b"HTTP/1.1 400 Bad Request\r\n", "greeting")


def verdict(*scenes: Scene) -> Verdict:
    """Return the verdict on sessions."""
    return judge(subject_of(GREETED_WRONG), SERVICES["imap"], Policy.TLS_REQUIRED_STARTTLS, trace(*scenes), CONTEXT)


STOPPED = {
    "at once": greeted().ends(),
    "with a goodbye": greeted().sends(b"a LOGOUT\r\n").says(b"a LOGOUT\r\n").ends(),
    "by cancelling": greeted().sends(b"*\r\n").line(b"*\r\n").ends(),
    "with what was on its way": Scene("imap")
    .sends(b"a CAPABILITY\r\nb NOOP\r\n")
    .says(b"a CAPABILITY\r\n")
    .misbehaves("answer")
    .hears(b"a BAD\r\n")
    .says(b"b NOOP\r\n")
    .hears(b"b OK\r\n")
    .ends(),
}


@pytest.mark.parametrize("scene", STOPPED.values(), ids=list(STOPPED))
def test_stopped(scene: Scene) -> None:
    """Who ends it, says goodbye or cancels has not gone on; nor has who had said it before."""
    assert verdict(scene).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("scene", "what"),
    [
        (greeted().sends(b"a CAPABILITY\r\n").says(b"a CAPABILITY\r\n"), "went on with CAPABILITY"),
        (greeted().sends(b"secret\r\n").line(b"secret\r\n"), "went on"),
        (greeted().sends(b"mail").mail(b"mail"), "went on"),
    ],
)
def test_went_on(scene: Scene, what: str) -> None:
    """A command, a line and mail are going on; the verdict says with what, and shows it."""
    found = verdict(scene.ends())
    assert found.outcome is Outcome.FAIL
    finding = next(one for one in found.findings if one.rule == "stops-there")
    assert finding.what == what
    assert finding.severity is Severity.HIGH
    assert finding.evidence is not None
    assert finding.evidence.event is scene.events[-2]
