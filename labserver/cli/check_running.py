"""A campaign on a lab that runs: clients are started, each case is told, reports are written."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

from labserver.check.archive import Archive
from labserver.check.campaign import Campaign
from labserver.check.case_run import CaseRun
from labserver.check.expectations import expected_toml
from labserver.check.naming import choose_naming, hosts_file
from labserver.check.slots import Slots
from labserver.check.system_ca import check_available
from labserver.cli.policies import terms_of
from labserver.cli.progress import Progress
from labserver.private_files import PUBLIC, write_file, write_named
from labserver.report.campaign_json import campaign_json_pieces
from labserver.report.campaign_junit import campaign_junit_pieces
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
    cases: list[str] = []
    progress, archive = Progress(sys.stderr), Archive(running.lab.run_directory)

    def finished(report: CaseReport) -> None:
        archive.add(report)
        progress.finished(report)

    campaign = _campaign(wanted, running.lab, naming, slots, finished)
    progress.total = campaign.total
    started, clock = running.lab.clock.now(), running.lab.clock.monotonic
    began = clock()
    telling = asyncio.ensure_future(_tell(campaign, cases, archive, wanted.bar, progress))
    stopped = asyncio.ensure_future(running.stop.wait())
    await asyncio.wait({telling, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    interrupted = not telling.done()
    if interrupted:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling
        told = set(cases)  # others have finished, too, but one before them had not
        cases += [case for case in campaign.ids if case in archive and case not in told]
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
        _write(wanted, campaign_told, archive, cases)
        archive.close()
    return _INTERRUPTED if interrupted else exit_code(map(wanted.bar.standing, archive.brief(cases)))


async def _tell(campaign: Campaign, cases: list[str], archive: Archive, bar: Bar, progress: Progress) -> None:
    """Print each case when it has run, then the sum; add the cases to ``cases``."""
    async for report in campaign.reports():
        cases.append(report.id)
        progress.clear()
        print("\n".join((*case_lines(report, bar), *output_lines(report))), flush=True)
        progress.show()
    progress.clear()
    print("\n" + "\n".join(summary_lines(archive.brief(cases), bar)), flush=True)


def _write(wanted: Wanted, told: Told, archive: Archive, cases: Sequence[str]) -> None:
    options, words, brief = wanted.options, wanted.command.words, archive.brief(cases)
    if options.json is not None:
        pieces = campaign_json_pieces(told, brief, archive.reports(cases))
        write_named(options.json, map(str.encode, pieces), mode=PUBLIC)
    if options.junit is not None:
        junit = campaign_junit_pieces(words, brief, archive.reports(cases), wanted.bar)
        write_named(options.junit, junit, mode=PUBLIC)
    if options.write_expect is not None:
        write_named(options.write_expect, expected_toml(brief, wanted.bar).encode(), mode=PUBLIC)
