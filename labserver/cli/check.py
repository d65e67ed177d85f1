"""``labserver check -- CMD``: run a client against every case, and tell what it got wrong."""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import logging
import os
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labserver.check.command import Command
from labserver.cli.catalogues import catalogue_from, own_scenarios
from labserver.cli.check_options import PATIENCE, add_options
from labserver.cli.command_words import command_words
from labserver.cli.options import settings_from
from labserver.cli.policies import policies_of, terms_of
from labserver.errors import ConfigurationError
from labserver.nearest import did_you_mean
from labserver.private_files import descriptor_of
from labserver.report.standing import Bar, is_included
from labserver.scenario import Severity
from labserver.services import SERVICES
from labserver.verdicts.finding import BOUND

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from labserver.catalogue.catalogue import Catalogue
    from labserver.check.campaign import Campaign
    from labserver.check.naming import Naming
    from labserver.check.slots import Slots
    from labserver.cli.progress import Progress
    from labserver.cli.serving import Running
    from labserver.lab import Lab
    from labserver.report.case import CaseReport
    from labserver.report.document import Told
    from labserver.report.standing import Expected
    from labserver.scenario import Scenario
    from labserver.services import Service
    from labserver.settings import Settings
    from labserver.verdicts.policy import Policy

__all__ = ["add_options", "run"]

_INTERRUPTED = 130
_TRANSCRIPT = 1 << 21
"""Octets kept of a session: what was not kept cannot be judged."""
_SESSIONS = 1 << 16
"""Sessions kept of a run, for the same reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What the command line asks for, found good."""

    options: argparse.Namespace
    command: Command
    scenarios: Sequence[Scenario]
    services: Sequence[Service]
    policies: Mapping[str, Policy]
    bar: Bar

    @property
    def deadline(self) -> float:
        """Seconds for which a client is waited for."""
        patience = self.options.patience or self.options.timeout or PATIENCE
        return float(min(patience, self.bound))

    @property
    def bound(self) -> float:
        """Seconds in which a client has to end."""
        return float(self.options.timeout or BOUND)


def run(options: argparse.Namespace) -> int:
    """Run the campaign; return 0 if all passed, 1 for findings, 3 if something is inconclusive."""
    from labserver.cli.serving import serve  # noqa: PLC0415 -- after the options were found good

    logging.basicConfig(level="WARNING", format="labserver: %(levelname)s: %(message)s")
    catalogue = catalogue_from(options)
    wanted = _wanted(options, catalogue)
    _tell_unstated(wanted.scenarios)

    async def command(running: Running) -> int:
        from labserver.check.slots import Slots  # noqa: PLC0415 -- only once the lab runs
        from labserver.check.system_ca import check_available  # noqa: PLC0415 -- the same

        naming = _naming(running.lab)
        certificates = None
        if options.system_ca:
            check_available(naming)
            certificates = running.lab.run_directory / "system-ca"
        slots = Slots(options.jobs, naming=naming, certificates=certificates)
        try:
            return await _run(wanted, running, naming, slots)
        finally:
            await slots.close()

    return serve(_settings(wanted, catalogue), catalogue, command)


def _wanted(options: argparse.Namespace, catalogue: Catalogue) -> _Wanted:
    """Return what the options ask for; raises ConfigurationError for what cannot be."""
    command = Command.of(
        command_words(options.command_line, "check"),
        options.files,
        terminal=options.pty,
        told=not options.no_env,
        isolated=options.isolated,
    )
    scenarios = _scenarios(options, catalogue)
    services = [SERVICES[name] for name in dict.fromkeys(options.service or ())] or [
        service for service in SERVICES.values() if service.default
    ]
    for pattern in options.exclude:
        _check_pattern("--exclude", pattern, catalogue)
    cases = [f"{scenario.id}@{service.name}" for scenario in scenarios for service in services if scenario.on(service)]
    if not cases:
        raise ConfigurationError("none of these scenarios is available on these services")
    if not any(is_included(case, options.exclude) for case in cases):
        raise ConfigurationError("--exclude leaves out every case; there is nothing to run")
    for path in filter(None, (options.json, options.junit, options.write_expect)):
        _check_writable(path)
    return _Wanted(
        options=options,
        command=command,
        scenarios=scenarios,
        services=services,
        policies=policies_of(options.instructions or (), services),
        bar=_bar(options, catalogue),
    )


def _bar(options: argparse.Namespace, catalogue: Catalogue) -> Bar:
    expected: tuple[Expected, ...] = ()
    if options.expect is not None:
        from labserver.check.expectations import read_expected  # noqa: PLC0415 -- only when it is asked for

        expected = read_expected(
            options.expect, [f"{one.id}@{name}" for one in catalogue.values() for name in one.services]
        )
    return Bar(fail_on=Severity(options.fail_on), expected=expected)


def _check_pattern(option: str, pattern: str, catalogue: Catalogue) -> None:
    """Raise ConfigurationError where a pattern for scenarios or cases matches none that exists."""
    scenario, at, service = pattern.partition("@")
    try:
        catalogue.matching(scenario)
    except ConfigurationError as error:
        why = str(error).removeprefix(f"--scenario {scenario}: ")
        raise ConfigurationError(f"{option} {pattern}: {why}") from error
    if at and not fnmatch.filter(SERVICES, service):
        raise ConfigurationError(f"{option} {pattern}: unknown service {service}{did_you_mean(service, SERVICES)}")


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


def _settings(wanted: _Wanted, catalogue: Catalogue) -> Settings:
    """Return a lab whose only user is one that no client is told of; each run has an account of its own."""
    from labserver.check.accounts import canary  # noqa: PLC0415 -- only when a lab is wanted

    settings = settings_from(wanted.options, catalogue)
    limits = replace(
        settings.limits,
        handshake_time=max(settings.limits.handshake_time, 2 * wanted.deadline),  # the client is to give up, not we
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
    wanted: _Wanted, lab: Lab, naming: Naming, slots: Slots, finished: Callable[[CaseReport], None]
) -> Campaign:
    from labserver.check.campaign import Campaign  # noqa: PLC0415 -- only once the lab runs
    from labserver.check.case_run import CaseRun  # noqa: PLC0415 -- the same

    options = wanted.options
    case_run = CaseRun(
        lab=lab,
        command=wanted.command,
        naming=naming,
        slots=slots,
        seconds=wanted.deadline,
    )
    return Campaign(
        runner=case_run,
        catalogue=lab.catalogue,
        scenarios=wanted.scenarios,
        services=wanted.services,
        exclude=options.exclude,
        policies=wanted.policies,
        terms=terms_of(options, wanted.bound),
        repeat=options.repeat,
        at_once=slots.at_once,
        finished=finished,
    )


async def _run(wanted: _Wanted, running: Running, naming: Naming, slots: Slots) -> int:
    from labserver.cli.progress import Progress  # noqa: PLC0415 -- only once the lab runs
    from labserver.report.document import Told, versions  # noqa: PLC0415 -- the same
    from labserver.report.standing import exit_code  # noqa: PLC0415 -- the same

    reports: list[CaseReport] = []
    progress = Progress(sys.stderr)
    campaign = _campaign(wanted, running.lab, naming, slots, progress.finished)
    progress.total = campaign.total
    started, clock = running.lab.clock.now(), running.lab.clock.monotonic
    began = clock()
    telling = asyncio.ensure_future(_tell(campaign, reports, wanted.bar, progress))
    stopped = asyncio.ensure_future(running.stop.wait())
    await asyncio.wait({telling, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    interrupted = not telling.done()
    if interrupted:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling
    try:
        if not interrupted:
            telling.result()
    finally:
        progress.clear()
        told = Told(
            client=wanted.command.words,
            judging=campaign.judging,
            bar=wanted.bar,
            versions=versions(),
            started=started.isoformat(timespec="seconds"),
            seconds=clock() - began,
            interrupted=interrupted,
        )
        _write(wanted, told, reports)
    return _INTERRUPTED if interrupted else exit_code(map(wanted.bar.standing, reports))


async def _tell(campaign: Campaign, reports: list[CaseReport], bar: Bar, progress: Progress) -> None:
    """Print each case when it has run, then the sum."""
    from labserver.report.campaign_text import case_lines, output_lines, summary_lines  # noqa: PLC0415 -- only here

    async for report in campaign.reports():
        reports.append(report)
        progress.clear()
        print("\n".join((*case_lines(report, bar), *output_lines(report))), flush=True)
        progress.show()
    progress.clear()
    print("\n" + "\n".join(summary_lines(reports, bar)), flush=True)


def _write(wanted: _Wanted, told: Told, reports: Sequence[CaseReport]) -> None:
    from labserver.check.expectations import expected_toml  # noqa: PLC0415 -- only here
    from labserver.private_files import PUBLIC, write_named  # noqa: PLC0415 -- only here
    from labserver.report.campaign_json import campaign_json  # noqa: PLC0415 -- only here
    from labserver.report.campaign_junit import campaign_junit  # noqa: PLC0415 -- only here

    options, words = wanted.options, wanted.command.words
    if options.json is not None:
        write_named(options.json, campaign_json(told, reports).encode(), mode=PUBLIC)
    if options.junit is not None:
        write_named(options.junit, campaign_junit(words, reports, wanted.bar), mode=PUBLIC)
    if options.write_expect is not None:
        write_named(options.write_expect, expected_toml(reports, wanted.bar).encode(), mode=PUBLIC)
