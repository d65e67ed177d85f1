"""``labserver check -- CMD``: run a client against every case, and tell what it got wrong."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.check.placeholders import PLACEHOLDERS, parse
from labserver.cli.catalogues import add_misbehave, add_scenario_files, catalogue_from, own_scenarios
from labserver.cli.command_words import command_words
from labserver.cli.examples import begin_with_examples
from labserver.cli.options import add_case_options, positive, seconds, settings_from
from labserver.cli.policies import add_policy, policies_of
from labserver.errors import ConfigurationError
from labserver.private_files import descriptor_of
from labserver.services import SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labserver.catalogue.catalogue import Catalogue
    from labserver.check.campaign import Campaign
    from labserver.check.naming import Naming
    from labserver.check.slots import Slots
    from labserver.cli.serving import Running
    from labserver.lab import Lab
    from labserver.report.case import CaseReport
    from labserver.scenario import Scenario
    from labserver.services import Service
    from labserver.settings import Settings
    from labserver.verdicts.policy import Policy

__all__ = ["add_options", "run"]

_EXAMPLES = {
    "labserver check -- curl -sS --ssl-reqd --cacert '{ca}' -u '{user}:{password}' '{url}/'": "the default scenarios",
    "labserver check --service imaps --scenario '*-san-*' -- ./client.sh '{host}' '{port}'": "some, on one service",
    "labserver check --json report.json --junit report.xml -- ./client.sh '{url}'": "reports for programs",
}
_INTERRUPTED = 130
_DEADLINE = 20.0
_TRANSCRIPT = 1 << 21
"""Octets kept of a session: what was not kept cannot be judged."""
_SESSIONS = 1 << 16
"""Sessions kept of a run, for the same reason."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver check``."""
    begin_with_examples(parser, _EXAMPLES)
    parser.epilog = "placeholders in CMD:\n" + "\n".join(
        f"  {'{' + name + '}':<12}{meaning}" for name, meaning in PLACEHOLDERS.items()
    )
    parser.epilog += (
        "\n  {{ and }}   the braces themselves\n\nexit codes: 0 all passed, 1 findings, 2 usage, 3 inconclusive"
    )
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
    add_scenario_files(group)
    add_misbehave(group)
    add_policy(group)
    group = parser.add_argument_group("how to run them")
    group.add_argument(
        "--repeat", type=positive, default=1, metavar="N", help="run each case N times; the worst counts"
    )
    group.add_argument(
        "--timeout",
        type=seconds,
        default=_DEADLINE,
        metavar="S",
        help="seconds for the client to end (default: %(default)g)",
    )
    group.add_argument(
        "--jobs",
        type=positive,
        default=2 * (os.cpu_count() or 1),
        metavar="N",
        help="how many clients run at the same time; those that only wait for the server do not count unless N is 1 "
        "(default: twice the processors, here %(default)s)",
    )
    group.add_argument("--isolated", action="store_true", help="give the client an empty home directory in each run")
    group = parser.add_argument_group("output")
    group.add_argument("--json", type=Path, metavar="FILE", help="write everything here as JSON")
    group.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit's XML here")
    add_case_options(parser)
    parser.add_argument("command_line", nargs=argparse.REMAINDER, metavar="-- CMD …", help="the client to run")


def run(options: argparse.Namespace) -> int:
    """Run the campaign; return 0 if all passed, 1 for findings, 3 if something is inconclusive."""
    from labserver.cli.serving import serve  # noqa: PLC0415 -- after the options were found good

    logging.basicConfig(level="WARNING", format="labserver: %(levelname)s: %(message)s")
    words = parse(command_words(options.command_line, "check"))
    catalogue = catalogue_from(options)
    scenarios = _scenarios(options, catalogue)
    services = [SERVICES[name] for name in dict.fromkeys(options.service or ())] or [
        service for service in SERVICES.values() if service.default
    ]
    if not any(scenario.on(service) for scenario in scenarios for service in services):
        raise ConfigurationError("none of these scenarios is available on these services")
    policies = policies_of(options.instructions or (), services)
    for path in filter(None, (options.json, options.junit)):
        _check_writable(path)
    _tell_unstated(scenarios)

    async def command(running: Running) -> int:
        from labserver.check.slots import Slots  # noqa: PLC0415 -- only once the lab runs

        naming = _naming(running.lab)
        slots = Slots(options.jobs, prefix=naming.words)
        try:
            campaign = _campaign(options, words, running.lab, naming, slots, scenarios, policies, services)
            return await _run(options, words, campaign, running)
        finally:
            await slots.close()

    return serve(_settings(options, catalogue), catalogue, command)


def _tell_unstated(scenarios: Sequence[Scenario]) -> None:
    """Say by what scenarios are judged whose author has not said what a correct client does."""
    from labserver.verdicts.rules import ALWAYS  # noqa: PLC0415 -- only when options were found good

    unstated = [scenario.id for scenario in scenarios if not scenario.stated]
    if unstated:
        rules = ", ".join(ALWAYS)
        print(
            f"labserver: {', '.join(unstated)}: no expectation is given, so the rules that always hold decide: {rules}",
            file=sys.stderr,
        )


def _check_writable(path: Path) -> None:
    """Raise ConfigurationError where a report could not be written after all the work."""
    if descriptor_of(path) is not None:
        return
    if not path.parent.is_dir():
        raise ConfigurationError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise ConfigurationError(f"cannot write {path}: it is a folder")
    written = path if path.exists() and not path.is_file() else path.parent
    if not os.access(written, os.W_OK):
        raise ConfigurationError(f"cannot write {path}: no permission to write {written}")


def _settings(options: argparse.Namespace, catalogue: Catalogue) -> Settings:
    """Return a lab whose only user is one that no client is told of; each run has an account of its own."""
    from labserver.check.accounts import canary  # noqa: PLC0415 -- only when a lab is wanted

    settings = settings_from(options, catalogue)
    limits = replace(
        settings.limits,
        handshake_time=max(settings.limits.handshake_time, 2 * options.timeout),  # the client is to give up, not we
        transcript_octets=max(settings.limits.transcript_octets, _TRANSCRIPT),
        transcript_raw_octets=max(settings.limits.transcript_raw_octets, _TRANSCRIPT),
        transcript_sessions=max(settings.limits.transcript_sessions, _SESSIONS),
    )
    return replace(settings, limits=limits, users=(canary(),))


def _scenarios(options: argparse.Namespace, catalogue: Catalogue) -> list[Scenario]:
    if options.patterns:
        chosen = {name for pattern in options.patterns for name in catalogue.matching(pattern)}
        return [catalogue[name] for name in catalogue if name in chosen]
    if own := own_scenarios(options, catalogue):
        return [catalogue[name] for name in own]
    return list(catalogue.default.values())  # a certificate of every kind would take a client most of an hour


def _naming(lab: Lab) -> Naming:
    """Return how clients get to know the scenarios' names, and tell the operator what there is to know about it."""
    from labserver.check.naming import choose_naming, hosts_file  # noqa: PLC0415 -- only once the lab runs
    from labserver.private_files import PUBLIC, write_file  # noqa: PLC0415 -- the same

    hosts = lab.run_directory / "hosts"
    write_file(hosts, hosts_file(lab.catalogue.values()).encode("utf-8", "surrogateescape"), mode=PUBLIC, durable=False)
    naming = choose_naming(hosts, "good.lab.test")
    for notice in filter(None, (*lab.notices, naming.note)):
        print(f"labserver: {notice}", file=sys.stderr)
    return naming


def _campaign(
    options: argparse.Namespace,
    words: tuple[str, ...],
    lab: Lab,
    naming: Naming,
    slots: Slots,
    scenarios: Sequence[Scenario],
    policies: Mapping[str, Policy],
    services: Sequence[Service],
) -> Campaign:
    from labserver.check.campaign import Campaign  # noqa: PLC0415 -- only once the lab runs
    from labserver.check.case_run import CaseRun  # noqa: PLC0415 -- the same

    case_run = CaseRun(
        lab=lab,
        words=words,
        naming=naming,
        slots=slots,
        seconds=options.timeout,
        isolated=options.isolated,
    )
    return Campaign(
        runner=case_run,
        catalogue=lab.catalogue,
        scenarios=scenarios,
        services=services,
        policies=policies,
        repeat=options.repeat,
        at_once=slots.at_once,
    )


async def _run(options: argparse.Namespace, words: Sequence[str], campaign: Campaign, running: Running) -> int:
    from labserver.report.case import exit_code  # noqa: PLC0415 -- loaded already

    reports: list[CaseReport] = []
    telling = asyncio.ensure_future(_tell(campaign, reports))
    stopped = asyncio.ensure_future(running.stop.wait())
    await asyncio.wait({telling, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    interrupted = not telling.done()
    if interrupted:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling
    else:
        telling.result()
    _write(options, words, reports)
    return _INTERRUPTED if interrupted else exit_code(reports)


async def _tell(campaign: Campaign, reports: list[CaseReport]) -> None:
    """Print each case when it has run, then the sum."""
    from labserver.report.campaign_text import case_lines, output_lines, summary_lines  # noqa: PLC0415 -- only here

    async for report in campaign.reports():
        reports.append(report)
        print("\n".join((*case_lines(report), *output_lines(report))), flush=True)
    print("\n" + "\n".join(summary_lines(reports)), flush=True)


def _write(options: argparse.Namespace, words: Sequence[str], reports: Sequence[CaseReport]) -> None:
    from labserver.private_files import PUBLIC, write_named  # noqa: PLC0415 -- only here
    from labserver.report.campaign_json import campaign_json  # noqa: PLC0415 -- only here
    from labserver.report.campaign_junit import campaign_junit  # noqa: PLC0415 -- only here

    if options.json is not None:
        write_named(options.json, campaign_json(words, reports).encode(), mode=PUBLIC)
    if options.junit is not None:
        write_named(options.junit, campaign_junit(words, reports), mode=PUBLIC)
