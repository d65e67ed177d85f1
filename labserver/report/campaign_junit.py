"""A campaign for build servers: JUnit's XML, one test case a case.

There is no standard; this keeps to what every reader knows: testsuites, testsuite, testcase, failure, error, skipped,
system-out. There is a failure or an error exactly where the exit code is not 0. Characters that XML 1.0 cannot have
(2.2), which a client may well send, become visible escapes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from labserver.report.campaign_text import case_lines
from labserver.report.case import proof, transcript_lines
from labserver.report.standing import Bar, Standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labserver.report.case import CaseReport

__all__ = ["campaign_junit"]

_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HERE = "cases"
"""Stands in the suite where its cases are to be."""
_FAILURE = (Standing.FAILED, Standing.UNEXPECTED)
_SKIPPED = (Standing.SKIPPED, Standing.EXPECTED)


def campaign_junit(
    client: Sequence[str],
    reports: Sequence[CaseReport],
    bar: Bar = Bar(),  # noqa: B008 -- frozen
) -> bytes:
    """Return the document; the suite has the client's command line as its name."""
    return b"".join(campaign_junit_pieces(client, reports, reports, bar))


def campaign_junit_pieces(
    client: Sequence[str], brief: Sequence[CaseReport], whole: Iterable[CaseReport], bar: Bar
) -> Iterator[bytes]:
    """Yield the document case by case; ``brief`` are the reports of ``whole``, which may lack their traces."""
    standings = [bar.standing(report) for report in brief]
    suites = Element("testsuites")
    suite = SubElement(
        suites,
        "testsuite",
        name=_fit("labserver check -- " + " ".join(client)),
        tests=str(len(brief)),
        failures=str(sum(standing in _FAILURE for standing in standings)),
        errors=str(standings.count(Standing.UNDECIDED)),
        skipped=str(sum(standing in _SKIPPED for standing in standings)),
        time=f"{sum(report.client.seconds for report in brief if report.client):.3f}",
    )
    suite.text = _HERE
    indent(suites)
    head, tail = tostring(suites, encoding="utf-8", xml_declaration=True).rsplit(_HERE.encode(), 1)
    yield head
    for report in whole:
        case = _case(report, bar)
        indent(case, level=2)
        yield b"\n    " + tostring(case, encoding="utf-8")
    yield b"\n  " + tail + b"\n"


def _case(report: CaseReport, bar: Bar) -> Element:
    seconds = f"{report.client.seconds if report.client else 0.0:.3f}"
    case = Element("testcase", classname=f"labserver.{report.service.name}", name=report.id, time=seconds)
    verdict, standing, note = report.verdict, bar.standing(report), bar.note(report)
    words = _fit(f"{verdict.outcome.value}: {note or verdict.reason}")
    if standing is Standing.FAILED:
        finding = verdict.findings[0]
        failure = SubElement(case, "failure", type=finding.rule, message=_fit(f"It {finding.what}."))
        failure.text = _fit("\n".join(case_lines(report, bar)))
    elif standing is Standing.UNEXPECTED:
        SubElement(case, "failure", type="unexpected", message=words)
    elif standing is Standing.UNDECIDED:
        SubElement(case, "error", type="inconclusive", message=_fit(verdict.reason))
    elif standing in _SKIPPED:
        SubElement(case, "skipped", message=words)
    remarks = [
        f"{one.outcome.value} {one.rule} ({one.clause}): {one.what} {proof(report.trace, one)}"
        for one in report.verdict.findings
    ]
    output = ["", *remarks, *transcript_lines(report)]
    if report.client:
        output += [f"client: {report.client.ended}", report.client.output]
    SubElement(case, "system-out").text = _fit("\n".join(output))
    return case


def _fit(text: str) -> str:
    return _UNFIT.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
