"""A campaign's reports: JSON that programs rely on, XML that every reader takes, text that shows the proof."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from labserver.report.campaign_junit import campaign_junit
from labserver.report.campaign_text import case_lines, output_lines, summary_lines
from labserver.report.case import CaseReport, ClientRun, transcript_lines
from labserver.services import SERVICES
from labserver.verdicts.finding import Outcome
from labserver.verdicts.judge import Tally, Verdict
from labserver.verdicts.policy import default_policy
from labserver.verdicts.subject import subject_of
from labserver.verdicts.trace import Trace
from tests.ours import CATALOGUE
from tests.verdicts.scenes import CANARY, Scene, judged, trace

CLIENT = ("mail", "--to", "{host}:{port}")
_RUN = ClientRun(ended="exit code 0", seconds=1.25, output="all is well\n")


def _report(
    scenario: str, service: str, verdict: Verdict, kept: Trace, *, client: ClientRun | None = _RUN, of: int = 1
) -> CaseReport:
    one = SERVICES[service]
    return CaseReport(
        subject=subject_of(CATALOGUE[scenario]),
        service=one,
        policy=default_policy(one),
        verdict=verdict,
        tally=Tally(times=1, of=of),
        trace=kept,
        client=client,
    )


def _failed(said: bytes = b"a SELECT INBOX\r\n", *, of: int = 1) -> CaseReport:
    scene = Scene().misbehaves("capabilities").sends(b"...").says(said, "SELECT").ends()
    return _report("starttls-stripped", "imap", judged("starttls-stripped", "imap", scene), trace(scene), of=of)


def _passed() -> CaseReport:
    scene = Scene("imaps").misbehaves("certificate").ends()
    return _report("expired", "imaps", judged("expired", "imaps", scene), trace(scene))


def _skipped(outcome: Outcome = Outcome.INCONCLUSIVE) -> CaseReport:
    verdict = Verdict(outcome=outcome, reason="the client never connected")
    return _report("self-signed", "pop3s", verdict, trace(), client=None)


def test_proof_that_nothing_shows() -> None:
    """Octets that became no command have no line of their own; the proof says what they are."""
    scene = Scene("imaps").misbehaves("certificate").sends(CANARY.password.encode()).ends()
    report = _report("expired", "imaps", judged("expired", "imaps", scene), trace(scene))
    assert list(case_lines(report))[2].endswith("-- octets that make no command")


def test_left_out() -> None:
    """A transcript says how much of a flood is not in it."""
    kept = trace(Scene().says(b"a NOOP\r\n"))
    flooded = Trace(sessions=tuple(replace(session, elided=7) for session in kept.sessions))
    report = _report("good", "imap", Verdict(outcome=Outcome.PASS), flooded)
    assert list(transcript_lines(report))[-1] == "   1           -- 7 more events, which told nothing new, are left out"


def test_junit() -> None:
    """A case is a test case: failure, error and skip with their reasons, the transcript beside."""
    reports = [_failed(), _passed(), _skipped(), _skipped(Outcome.NOT_APPLICABLE)]
    root = ET.fromstring(campaign_junit(CLIENT, reports))  # noqa: S314 -- our own
    suite = root[0]
    assert suite.attrib["name"] == "labserver check -- mail --to {host}:{port}"
    counts = {name: suite.attrib[name] for name in ("tests", "failures", "errors", "skipped", "time")}
    assert counts == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1", "time": "2.500"}
    failed, passed, undecided, skipped = suite
    assert (failed.attrib["classname"], failed.attrib["name"]) == ("labserver.imap", "starttls-stripped@imap")
    (failure,) = failed.findall("failure")
    assert failure.attrib == {"type": "only-discovery-before-tls", "message": "It sent SELECT in clear."}
    assert "!C: masked" in (failure.text or "")
    assert "closed by client" in (failed.findtext("system-out") or "")
    assert [child.tag for child in passed] == ["system-out"]
    (error,) = undecided.findall("error")
    assert error.attrib == {"type": "inconclusive", "message": "the client never connected"}
    assert skipped.find("skipped") is not None


@given(output=st.text(), said=st.binary())
def test_junit_is_xml(output: str, said: bytes) -> None:
    """Whatever a client prints and sends, the document can be read."""
    report = replace(_failed(said), client=replace(_RUN, output=output))
    assert ET.fromstring(campaign_junit([output], [report])) is not None  # noqa: S314 -- our own


def test_text() -> None:
    """A failure shows rule, sentence and proof; a pass is one line."""
    assert list(case_lines(_failed(of=3))) == [
        "FAIL           starttls-stripped@imap  (1 of 3 runs)",
        "    high only-discovery-before-tls: it sent SELECT in clear  (RFC 8314 5.2)",
        "         1    0.3000 !C: masked  (no line end)",
    ]
    lost = replace(_failed(), tally=Tally(times=1, of=2, planned=5))
    assert next(case_lines(lost)) == "FAIL           starttls-stripped@imap  (in run 2 of 5)"
    assert list(case_lines(_passed())) == ["PASS           expired@imaps"]
    assert list(case_lines(_skipped())) == ["INCONCLUSIVE   self-signed@pop3s  the client never connected"]


def test_output() -> None:
    """What the client printed is shown where it may explain something, its end only, and harmless to a terminal."""
    assert list(output_lines(_passed())) == []
    assert list(output_lines(_skipped())) == []
    assert list(output_lines(_failed())) == ["    client: exit code 0", "    | all is well"]
    wide = replace(_failed(), client=replace(_RUN, output="x" * 999))
    assert list(output_lines(wide))[1] == "    | " + "x" * 160 + " …"
    noisy = replace(_failed(), client=replace(_RUN, output="".join(f"{n}\x1b[2J\n\n" for n in range(15))))
    shown = list(output_lines(noisy))
    assert shown[1:3] == ["    | … 3 lines before", "    | 3·[2J"]
    assert len(shown) == 14


def test_summary() -> None:
    """The sum names what was found, the worst first."""
    assert list(summary_lines([_passed(), _failed(), _passed()])) == ["3 cases: 1 FAIL, 2 PASS"]
    assert list(summary_lines([])) == ["no case"]
