"""A campaign on a lab that runs: clients are started, each case is told, reports are written."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

from labserver.check.campaign import Campaign
from labserver.check.case_run import CaseRun
from labserver.check.expectations import expected_toml
from labserver.check.naming import choose_naming, hosts_file
from labserver.check.slots import Slots
from labserver.check.system_ca import check_available
from labserver.cli.policies import terms_of
from labserver.cli.progress import Progress
from labserver.private_files import PUBLIC, write_file, write_named
from labserver.report.campaign_json import campaign_json
from labserver.report.campaign_junit import campaign_junit
from labserver.report.campaign_text import case_lines, output_lines, summary_lines
from labserver.report.document import Told, versions
from labserver.report.standing import exit_code

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labserver.check.naming import Naming
    from labserver.cli.check_wanted import Wanted
    from labserver.cli.serving import Running
    from labserver.lab import Lab
    from labserver.report.case import CaseReport
    from labserver.report.standing import Bar

__all__ = ["run_campaign"]

_INTERRUPTED = 130


async def run_campaign(wanted: Wanted, running: Running) -> int:
    """Run it; return the exit code of the command."""
    naming = _naming(running.lab)
    certificates = None
    if wanted.options.system_ca:
        check_available(naming)
        certificates = running.lab.run_directory / "system-ca"
    slots = Slots(wanted.options.jobs, naming=naming, certificates=certificates)
    try:
        return await _run(wanted, running, naming, slots)
    finally:
        await slots.close()


def _naming(lab: Lab) -> Naming:
    """Return how clients get to know the scenarios' names, and tell the operator what there is to know about it."""
    hosts = lab.run_directory / "hosts"
    write_file(hosts, hosts_file(lab.catalogue.values()).encode("utf-8", "surrogateescape"), mode=PUBLIC, durable=False)
    naming = choose_naming(hosts, "good.lab.test")
    for notice in filter(None, (*lab.notices, naming.note)):
        print(f"labserver: {notice}", file=sys.stderr)
    return naming


def _campaign(
    wanted: Wanted, lab: Lab, naming: Naming, slots: Slots, finished: Callable[[CaseReport], None]
) -> Campaign:

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
        earlier=wanted.earlier,
    )


async def _run(wanted: Wanted, running: Running, naming: Naming, slots: Slots) -> int:

    reports: list[CaseReport] = []
    progress = Progress(sys.stderr)
    done: dict[str, CaseReport] = {}

    def finished(report: CaseReport) -> None:
        done[report.id] = report
        progress.finished(report)

    campaign = _campaign(wanted, running.lab, naming, slots, finished)
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
        told = {report.id for report in reports}  # others have finished, too, but one before them had not
        reports += [done[case] for case in campaign.ids if case in done and case not in told]
    try:
        if not interrupted:
            telling.result()
    finally:
        progress.clear()
        campaign_told = Told(
            client=wanted.command.words,
            judging=campaign.judging,
            bar=wanted.bar,
            versions=versions(),
            started=started.isoformat(timespec="seconds"),
            seconds=clock() - began,
            interrupted=interrupted,
        )
        _write(wanted, campaign_told, reports)
    return _INTERRUPTED if interrupted else exit_code(map(wanted.bar.standing, reports))


async def _tell(campaign: Campaign, reports: list[CaseReport], bar: Bar, progress: Progress) -> None:
    """Print each case when it has run, then the sum."""
    async for report in campaign.reports():
        reports.append(report)
        progress.clear()
        print("\n".join((*case_lines(report, bar), *output_lines(report))), flush=True)
        progress.show()
    progress.clear()
    print("\n" + "\n".join(summary_lines(reports, bar)), flush=True)


def _write(wanted: Wanted, told: Told, reports: Sequence[CaseReport]) -> None:

    options, words = wanted.options, wanted.command.words
    if options.json is not None:
        write_named(options.json, campaign_json(told, reports).encode(), mode=PUBLIC)
    if options.junit is not None:
        write_named(options.junit, campaign_junit(words, reports, wanted.bar), mode=PUBLIC)
    if options.write_expect is not None:
        write_named(options.write_expect, expected_toml(reports, wanted.bar).encode(), mode=PUBLIC)
