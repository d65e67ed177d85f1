"""The options of ``labserver check``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from labserver.check.command import VARIABLES
from labserver.check.placeholders import PLACEHOLDERS
from labserver.cli.catalogues import add_misbehave, add_scenario_files
from labserver.cli.examples import begin_with_examples
from labserver.cli.options import add_case_options, positive, seconds
from labserver.cli.policies import add_policy
from labserver.pki.environment import TRUST_VARIABLES
from labserver.scenario import Severity
from labserver.services import SERVICES
from labserver.verdicts.finding import BOUND

__all__ = ["PATIENCE", "add_options"]

_EXAMPLES = {
    "labserver check -- curl -sS --ssl-reqd --cacert '{ca}' -u '{user}:{password}' '{url}/'": "the default scenarios",
    "labserver check --service imaps --scenario '*-san-*' -- ./client.sh '{host}' '{port}'": "some, on one service",
    "labserver check --json report.json --junit report.xml -- ./client.sh '{url}'": "reports for programs",
}
_EXIT_CODES = {
    0: "no case counts as failed or undecided",
    1: "a case failed (--fail-on), or one that was expected to diverge did not (--expect)",
    2: "usage",
    3: "nothing failed, but a case was inconclusive",
    130: "interrupted",
}
PATIENCE = 20.0
"""Seconds for which a client is waited for where the user says nothing of time."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them all."""
    parser.usage = "%(prog)s [options] -- CMD [arguments]"  # each option is listed below, once
    begin_with_examples(parser, _EXAMPLES)
    parser.epilog = _epilog()
    _add_cases(parser)
    _add_running(parser)
    _add_verdicts(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--json", type=Path, metavar="FILE", help="write everything here as JSON")
    group.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit's XML here")
    add_case_options(parser)
    parser.add_argument("command_line", nargs=argparse.REMAINDER, metavar="-- CMD …", help="the client to run")


def _epilog() -> str:
    placeholders = {f"{{{name}}}": meaning for name, meaning in PLACEHOLDERS.items()} | {
        "{file:NAME}": "a copy of the file of --file NAME=PATH, filled in",
        "{{ and }}": "the braces themselves",
    }
    variables = {
        f"{VARIABLES}HOST …": f"each placeholder; besides, {VARIABLES}POLICY and {VARIABLES}TOKEN",
        **{one.name: f"{{ca}}, for {one.heeded_by}" for one in TRUST_VARIABLES},
        "JAVA_TOOL_OPTIONS": "{p12}, for Java",
    }
    codes = {str(code): meaning for code, meaning in _EXIT_CODES.items()}
    return "\n\n".join(
        f"{title}:\n" + "\n".join(f"  {name:<20}{meaning}" for name, meaning in table.items())
        for title, table in (
            ("placeholders in CMD and files", placeholders),
            ("variables that the client gets, unless --no-env is given", variables),
            ("exit codes", codes),
        )
    )


def _add_cases(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which cases")
    names = [service.name for service in SERVICES.values() if service.default]
    group.add_argument(
        "--service",
        action="append",
        choices=names,
        metavar="S",
        help=f"only on this service, of {', '.join(names)}; more than once for several (default: all)",
    )
    group.add_argument(
        "--scenario",
        dest="patterns",
        action="append",
        metavar="GLOB",
        help="scenarios whose id matches, more than once for several (default: those of --scenario-file and "
        "--misbehave, else the commonest)",
    )
    group.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="leave out scenarios whose id matches, or cases, as in 'expired@pop3*'; may be repeated",
    )
    add_scenario_files(group)
    add_misbehave(group)
    add_policy(group)
    group.add_argument(
        "--resume",
        type=Path,
        metavar="REPORT",
        help="go on from the report of an interrupted run of the same command (--json): its cases are not run again",
    )


def _add_running(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how to run them")
    group.add_argument(
        "--jobs",
        type=positive,
        default=2 * (os.cpu_count() or 1),
        metavar="N",
        help="how many clients run at the same time; those that only wait for the server do not count unless N is 1 "
        "(default: twice the processors, here %(default)s)",
    )
    group.add_argument(
        "--repeat",
        type=positive,
        default=1,
        metavar="N",
        help="run each case N times, and the known-good control, too; the worst counts",
    )
    group.add_argument(
        "--patience",
        type=seconds,
        metavar="S",
        help=f"seconds after which a client that still runs is ended (default: {PATIENCE:g}, or as --timeout says)",
    )
    group.add_argument(
        "--timeout",
        type=seconds,
        metavar="S",
        help="seconds in which a client has to end: one that runs as long fails, if --patience lets it "
        f"(default: {BOUND:g})",
    )
    group.add_argument(
        "--file",
        dest="files",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="for each run, fill in the placeholders in a copy of this file, whose path is {file:NAME}; x:NAME=PATH "
        "makes it executable; may be repeated",
    )
    group.add_argument("--isolated", action="store_true", help="give the client an empty home directory in each run")
    group.add_argument("--no-env", action="store_true", help="set no variables for the client")
    group.add_argument(
        "--pty", action="store_true", help="give the client a terminal, at which nobody types, instead of no input"
    )
    group.add_argument(
        "--system-ca",
        action="store_true",
        help="for a client without an option for a CA: it finds the lab's in /etc/ssl/certs, which it sees alone; "
        "Java, Node.js, NSS and certifi have their own",
    )


def _add_verdicts(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what counts")
    group.add_argument(
        "--fail-on",
        choices=tuple(one.value for one in Severity if one is not Severity.NONE),
        default=Severity.MEDIUM.value,
        metavar="SEVERITY",
        help="the least severity of a FAIL that fails the run: low, medium, high or critical (default: %(default)s)",
    )
    group.add_argument(
        "--expect",
        type=Path,
        metavar="FILE",
        help="a TOML file with cases that diverge, and why; they do not count, unless they no longer diverge",
    )
    group.add_argument(
        "--write-expect",
        type=Path,
        metavar="FILE",
        help="write such a file with what diverged in this run; the reasons are yours to fill in",
    )
