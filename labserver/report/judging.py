"""From what clients did to the reports of their cases: the same way while they run and from a report that was kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.report.case import CaseReport
from labserver.verdicts.finding import USUAL, Context, Outcome, Terms
from labserver.verdicts.judge import Tally, Verdict, judge, worst
from labserver.verdicts.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labserver.report.case import Run
    from labserver.services import Service
    from labserver.verdicts.policy import Policy
    from labserver.verdicts.subject import Subject

__all__ = ["Case", "Judging", "obstacle_of", "unjudged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is judged."""

    subject: Subject
    service: Service
    policy: Policy
    control: Trace | None = None
    """The client with the same server but without the fault, where the scenario has such a control."""
    good: CaseReport | None = None
    """What the client made of the known-good server; None for the known-good server itself."""
    planned: int = 1
    """Runs that there are unless a race is lost before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """By what all cases of a campaign are judged."""

    terms: Terms = USUAL
    patience: float = 0.0
    """Seconds after which a client that still ran was ended."""

    def verdict(self, case: Case, run: Run, *, endless: bool | None = None) -> Verdict:
        """Return the verdict on one run; by default the known-good server tells whether the client ever ends."""
        good = case.good
        if endless is None:
            endless = good is not None and any(one.timed_out for one in good.runs)
        context = Context(
            timed_out=run.timed_out,
            seconds=self.patience,
            terms=self.terms,
            control=case.control,
            good=good.trace if good is not None else None,
            obstacle=obstacle_of(good) if good is not None else "",
            endless=endless,
        )
        return judge(case.subject, case.service, case.policy, run.trace, context)

    def report(self, case: Case, runs: Sequence[Run]) -> CaseReport:
        """Return the report of a case that was run, with what happened in the first of its worst runs."""
        endless = any(run.timed_out for run in runs) if case.good is None else None
        verdicts = [self.verdict(case, run, endless=endless) for run in runs]
        verdict, tally = worst(verdicts)
        chosen = runs[next(index for index, one in enumerate(verdicts) if one is verdict)]
        if len(runs) < case.planned:
            tally = Tally(times=tally.times, of=tally.of, planned=case.planned)
        return CaseReport(
            subject=case.subject,
            service=case.service,
            policy=case.policy,
            verdict=verdict,
            tally=tally,
            trace=chosen.trace,
            client=chosen.client,
            runs=tuple(runs),
            verdicts=tuple(verdicts),
            control=case.control,
            good=case.good,
            planned=case.planned,
        )


def obstacle_of(good: CaseReport) -> str:
    """Return why a client passes nothing, a clause: it fails the known-good control; empty if it does not."""
    verdict = good.verdict
    if verdict.outcome not in (Outcome.FAIL, Outcome.INCONCLUSIVE):
        return ""
    why = verdict.reason.replace("the client", "it", 1) or f"it {verdict.findings[0].what}"
    return f"the client fails the known-good control: {why}"


def unjudged(case: Case, reason: str) -> CaseReport:
    """Return the report of a case that there is not, a clause says why."""
    return CaseReport(
        subject=case.subject,
        service=case.service,
        policy=case.policy,
        verdict=Verdict(outcome=Outcome.NOT_APPLICABLE, reason=reason),
        tally=Tally(times=1, of=1),
        trace=Trace(sessions=()),
        client=None,
        good=case.good,
    )
