"""``labserver check -- CMD``: run a client against every case, and tell what it got wrong."""

from __future__ import annotations

import fnmatch
import logging
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from labserver.check.command import Command
from labserver.cli.catalogues import catalogue_from, own_scenarios
from labserver.cli.check_options import add_options
from labserver.cli.check_wanted import Wanted
from labserver.cli.command_words import command_words
from labserver.cli.options import settings_from
from labserver.cli.policies import policies_of, terms_of
from labserver.errors import ConfigurationError
from labserver.nearest import did_you_mean
from labserver.private_files import descriptor_of
from labserver.report.standing import Bar, is_included
from labserver.scenario import Severity
from labserver.services import SERVICES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from labserver.catalogue.catalogue import Catalogue
    from labserver.cli.serving import Running
    from labserver.report.case import CaseReport
    from labserver.report.standing import Expected
    from labserver.scenario import Scenario
    from labserver.settings import Settings

__all__ = ["add_options", "run"]


def run(options: argparse.Namespace) -> int:
    """Run the campaign; return 0 if all passed, 1 for findings, 3 if something is inconclusive."""
    from labserver.cli.serving import serve  # noqa: PLC0415 -- loads all of a lab

    logging.basicConfig(level="WARNING", format="labserver: %(levelname)s: %(message)s")
    catalogue = catalogue_from(options)
    wanted = _wanted(options, catalogue)
    _tell_unstated(wanted.scenarios)

    async def command(running: Running) -> int:
        from labserver.cli.check_running import run_campaign  # noqa: PLC0415 -- only once the lab runs

        return await run_campaign(wanted, running)

    return serve(_settings(wanted, catalogue), catalogue, command)


def _wanted(options: argparse.Namespace, catalogue: Catalogue) -> Wanted:
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
    _check_kept(options)
    wanted = Wanted(
        options=options,
        command=command,
        scenarios=scenarios,
        services=services,
        policies=policies_of(options.instructions or (), services),
        bar=_bar(options, catalogue),
        earlier=(),
    )
    return replace(wanted, earlier=_earlier(wanted))


def _earlier(wanted: Wanted) -> Sequence[CaseReport]:
    if wanted.options.resume is None:
        return ()
    from labserver.cli.report_file import read_earlier  # noqa: PLC0415 -- only when it is asked for
    from labserver.report.judging import Judging  # noqa: PLC0415 -- the same

    judging = Judging(terms=terms_of(wanted.options, wanted.bound), patience=wanted.deadline)
    return read_earlier(wanted.options.resume, wanted.command.words, judging)


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


def _check_kept(options: argparse.Namespace) -> None:
    """Raise ConfigurationError where reasons that somebody wrote would be lost."""
    path: Path | None = options.write_expect
    if path is not None and path.is_file() and path.stat().st_size and options.expect != path:
        raise ConfigurationError(
            f"--write-expect {path}: it is there already; add --expect {path} to keep its reasons, or remove it"
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


def _settings(wanted: Wanted, catalogue: Catalogue) -> Settings:
    """Return a lab whose only user is one that no client is told of; each run has an account of its own."""
    from labserver.check.accounts import canary  # noqa: PLC0415 -- only when a lab is wanted

    settings = settings_from(wanted.options, catalogue)
    limits = replace(
        settings.limits,
        handshake_time=max(settings.limits.handshake_time, 2 * wanted.deadline),  # the client is to give up, not we
    )
    return replace(settings, limits=limits, users=(canary(),))


def _scenarios(options: argparse.Namespace, catalogue: Catalogue) -> list[Scenario]:
    if options.patterns:
        chosen = {name for pattern in options.patterns for name in catalogue.matching(pattern)}
        return [catalogue[name] for name in catalogue if name in chosen]
    if own := own_scenarios(options, catalogue):
        return [catalogue[name] for name in own]
    return list(catalogue.default.values())  # a certificate of every kind would take a client most of an hour
