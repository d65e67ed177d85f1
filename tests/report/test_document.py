"""The report as a document: whole, without secrets, and judged again to the same octets."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types of its own

from labserver import __version__
from labserver.cli.parser import run
from labserver.errors import ConfigurationError
from labserver.events import CommandReceived
from labserver.report.campaign_json import campaign_json
from labserver.report.campaign_schema import campaign_schema
from labserver.report.document import Told, read_document
from labserver.report.judging import Case, Judging, unjudged
from labserver.report.standing import Bar, Expected
from labserver.scenario import Severity
from labserver.services import SERVICES
from labserver.verdicts.finding import STRICTEST, Outcome
from labserver.verdicts.policy import default_policy
from labserver.verdicts.subject import subject_of
from tests.catalogue.played import USER, Recorder
from tests.check.judged_again import checked_text
from tests.ours import CATALOGUE
from tests.reference.traits import GULLIBLE, RECKLESS, STRICT

if TYPE_CHECKING:
    from pathlib import Path

    from labserver.report.case import CaseReport
    from tests.reference.traits import Traits

_TOLD = Told(
    client=("mail", "--to", "{host}:{port}"),
    judging=Judging(terms=STRICTEST, patience=Recorder(traits=STRICT, catalogue=CATALOGUE).seconds),
    bar=Bar(expected=(Expected(case="expired@*", verdict=Outcome.FAIL, rules=("rejects-certificate",), reason="x"),)),
    versions=(("python", "3.11"),),
    started="2026-11-27T12:00:00+00:00",
    seconds=1.5,
)
_CASES = (
    "good@imaps",
    "expired@imaps",
    "starttls-stripped@imap",
    "response-injection@imap",
    "dsa-leaf@imaps",
    "scram-bad-server-signature@submissions",
    "auth-454-transient@submissions",
    "auth-rejected@pop3s",
)


def _met(traits: Traits, *cases: str) -> list[CaseReport]:
    recorder = Recorder(traits=traits, catalogue=CATALOGUE)
    named = (case.split("@") for case in cases)
    return [recorder.report(CATALOGUE[name], SERVICES[service]) for name, service in named]


@pytest.mark.parametrize("traits", [STRICT, GULLIBLE, RECKLESS], ids=lambda traits: traits.name)
def test_judged_again(traits: Traits) -> None:
    """What reference clients do is kept to the schema, gives the same verdicts again, and holds no password."""
    reports = _met(traits, *_CASES)
    text = checked_text(campaign_json(_TOLD, reports))
    assert USER.password not in text
    document = json.loads(text)
    assert [case["verdict"] for case in document["cases"]] == [str(report.verdict.outcome) for report in reports]
    assert {control["case"] for control in document["controls"]} >= {"good@imap", "good@imaps"}


def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(campaign_json(_TOLD, _met(GULLIBLE, "expired@imaps", "good@imaps")))
    return document


def test_fields() -> None:
    """It says what ran, by what it was judged, how it counts, and what each event held."""
    document = _document()
    assert (document["schema"], document["labserver"], document["judged_by"]) == (1, __version__, __version__)
    assert document["terms"]["revocation"] == "hard"
    assert document["sums"] == {"FAIL": 1, "PASS": 1}
    assert document["exit_code"] == 0, "it was declared"
    failed = document["cases"][0]
    assert (failed["verdict"], failed["severity"], failed["counts"]) == ("FAIL", "critical", "expected")
    (finding,) = failed["findings"]
    assert finding["clause"] == "RFC 8314 3.2 and 5.3, RFC 7817 3, RFC 5280 6"
    assert finding["evidence"]["line"] in failed["transcript"]
    (attempt,) = failed["attempts"]
    assert attempt["timed_out"] is False
    event = attempt["sessions"][0]["events"][finding["evidence"]["event"]]
    assert event["secret"]["exposure"] == "password"


def test_another_verdict_is_derived() -> None:
    """The verdict follows from the evidence, not from what the report says of it."""
    document = _document()
    document["cases"][0]["verdict"] = "PASS"
    document["cases"][0]["findings"] = []
    _, reports = read_document(document)
    assert reports[0].verdict.outcome is Outcome.FAIL
    document["cases"][0]["attempts"][0]["sessions"] = []
    _, reports = read_document(document)
    assert reports[0].verdict.outcome is Outcome.INCONCLUSIVE


def test_what_was_not_run() -> None:
    """A case that there is not stays one, with its reason."""
    service = SERVICES["imaps"]
    case = Case(subject=subject_of(CATALOGUE["expired"]), service=service, policy=default_policy(service))
    text = checked_text(campaign_json(_TOLD, [unjudged(case, "it is not there")]))
    _, (report,) = read_document(json.loads(text))
    assert (report.verdict.outcome, report.verdict.reason) == (Outcome.NOT_APPLICABLE, "it is not there")


def test_interrupted() -> None:
    """An interrupted campaign is a report, too; nothing at all may have been run."""
    document = json.loads(checked_text(campaign_json(replace(_TOLD, interrupted=True), [])))
    assert (document["interrupted"], document["exit_code"], document["cases"]) == (True, 130, [])


def _with_nothing(document: dict[str, Any]) -> None:
    document["cases"][0]["attempts"][0]["sessions"][0]["events"][0].update(event="Nothing")


_DAMAGES = {
    "another schema": lambda document: document.update(schema=2),
    "an older report": lambda document: document.pop("controls"),
    "no subject": lambda document: document["cases"][0].pop("subject"),
    "no such service": lambda document: document["cases"][0].update(service="telnet"),
    "no case": lambda document: document.update(cases=[7]),
    "no such event": _with_nothing,
}


@pytest.mark.parametrize("change", _DAMAGES.values(), ids=list(_DAMAGES))
def test_no_report(change: Any) -> None:  # noqa: ANN401 -- a change to a document
    """What is no report, or is damaged, is said to be that."""
    document = _document()
    change(document)
    with pytest.raises(ConfigurationError, match=r"it is not a report of labserver check|the report is damaged"):
        read_document(document)


def test_schema_is_open() -> None:
    """The schema that is published lets later versions add fields; the one of the tests does not."""
    document = _document() | {"more": 1}
    assert Draft202012Validator(campaign_schema()).is_valid(document)
    assert not Draft202012Validator(campaign_schema(closed=True)).is_valid(document)


def test_every_event_has_its_schema() -> None:
    """An event without a field of its kind is refused."""
    document = _document()
    events = document["cases"][0]["attempts"][0]["sessions"][0]["events"]
    del next(event for event in events if event["event"] == CommandReceived.__name__)["verb"]
    assert not Draft202012Validator(campaign_schema()).is_valid(document)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints verdicts as check does, writes the same octets again, and has the same exit code."""
    report, again, junit = tmp_path / "report.json", tmp_path / "again.json", tmp_path / "again.xml"
    told = replace(_TOLD, bar=Bar(fail_on=Severity.MEDIUM))
    report.write_text(campaign_json(told, _met(GULLIBLE, "expired@imaps")), encoding="utf-8")
    assert run(["judge", str(report), "--json", str(again), "--junit", str(junit)]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("FAIL           expired@imaps\n    critical rejects-certificate: it accepted")
    assert said.out.endswith("\n1 case: 1 FAIL\n")
    assert said.err == ""
    assert again.read_bytes() == report.read_bytes()
    assert b"rejects-certificate" in junit.read_bytes()


def test_command_tells_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another version, and another verdict, are told."""
    report = tmp_path / "report.json"
    document = _document() | {"judged_by": "0.0.9"}
    document["cases"][0]["verdict"] = "PASS"
    report.write_text(json.dumps(document), encoding="utf-8")
    run(["judge", str(report)])
    assert capsys.readouterr().err == (
        f"labserver: the report was judged by version 0.0.9, now by {__version__}\n"
        "labserver: expired@imaps was PASS, and is FAIL\n"
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file or directory"),
        ("{", "is not JSON"),
        ("[]", "is not a report: it is no JSON object"),
        ("{}", "it is not a report of labserver check with schema 1, as --json writes it"),
    ],
)
def test_command_refuses(content: str | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is no report is refused with its name and the reason."""
    path = tmp_path / "report.json"
    if content is not None:
        path.write_text(content)
    assert run(["judge", str(path)]) == 2
    said = capsys.readouterr().err
    assert str(path) in said
    assert says in said


def test_command_without_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a report there is nothing to do, unless it is the schema that is asked for."""
    assert run(["judge"]) == 2
    assert "no report given: labserver judge REPORT.json" in capsys.readouterr().err
    assert run(["judge", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == campaign_schema()
