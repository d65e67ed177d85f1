"""``labserver judge REPORT.json``: derive every verdict of a report again, from the evidence that is in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labserver import __version__
from labserver.cli.examples import begin_with_examples
from labserver.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from labserver.report.case import CaseReport
    from labserver.report.document import Told

__all__ = ["add_options", "run"]

_EXAMPLES = {
    "labserver judge report.json": "the verdicts again; what differs from the report is told",
    "labserver judge report.json --json again.json": "the same octets, from the same version",
    "labserver judge --schema": "the JSON Schema of reports",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver judge``."""
    begin_with_examples(parser, _EXAMPLES)
    parser.add_argument("report", nargs="?", type=Path, metavar="REPORT", help="what labserver check --json wrote")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report again")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit's XML here")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of reports, and do nothing else")


def run(options: argparse.Namespace) -> int:
    """Judge a report again; return what the exit code of ``labserver check`` would be."""
    if options.schema:
        from labserver.report.campaign_schema import campaign_schema  # noqa: PLC0415 -- only when it is asked for

        print(json.dumps(campaign_schema(), indent=2))
        return 0
    if options.report is None:
        raise ConfigurationError("no report given: labserver judge REPORT.json")
    from labserver.cli.report_file import read_json, read_report  # noqa: PLC0415 -- only when there is one
    from labserver.report.campaign_text import case_lines, summary_lines  # noqa: PLC0415 -- the same

    document = read_json(options.report)
    told, reports = read_report(options.report, document)
    for report in reports:
        print("\n".join(case_lines(report, told.bar)))
    print("\n" + "\n".join(summary_lines(reports, told.bar)))
    _compare(document, reports)
    return _write(options, told, reports)


def _compare(document: Mapping[str, Any], reports: Sequence[CaseReport]) -> None:
    """Say what differs from the verdicts in the report, and whether another version gave those."""
    if (before := document.get("judged_by")) != __version__:
        print(f"labserver: the report was judged by version {before}, now by {__version__}", file=sys.stderr)
    for record, report in zip(document["cases"], reports, strict=True):
        now = report.verdict.outcome.value
        if record["verdict"] != now:
            print(f"labserver: {report.id} was {record['verdict']}, and is {now}", file=sys.stderr)


def _write(options: argparse.Namespace, told: Told, reports: Sequence[CaseReport]) -> int:
    from labserver.private_files import PUBLIC, write_named  # noqa: PLC0415 -- only here
    from labserver.report.campaign_json import campaign_json  # noqa: PLC0415 -- only here
    from labserver.report.document import document_of  # noqa: PLC0415 -- only here

    if options.json is not None:
        write_named(options.json, campaign_json(told, reports).encode(), mode=PUBLIC)
    if options.junit is not None:
        from labserver.report.campaign_junit import campaign_junit  # noqa: PLC0415 -- only when it is asked for

        write_named(options.junit, campaign_junit(told.client, reports, told.bar), mode=PUBLIC)
    code = document_of(told, reports)["exit_code"]
    return code if isinstance(code, int) else 1
