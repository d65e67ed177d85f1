"""A campaign: every case of a selection, in order, each judged when it has run.

Before a service's cases the client meets the known-good server. One that does not get through there passes nothing:
whatever it then did not do, it may not have been able to do. All its cases run all the same, because what it did is
proof enough. A case with a control of its own (an oracle) runs that first, and the worst of its runs counts. Cases run
side by side; what is reported, and in which order, does not depend on how many at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from labserver.check.ordered import Once, in_order
from labserver.errors import UnavailableError
from labserver.report.judging import Case, Judging, obstacle_of, unjudged
from labserver.report.standing import is_included
from labserver.verdicts.finding import USUAL, Outcome, Terms
from labserver.verdicts.judge import not_applicable
from labserver.verdicts.policy import default_policy
from labserver.verdicts.subject import CONTROL, subject_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

    from labserver.catalogue.catalogue import Catalogue
    from labserver.report.case import CaseReport, Run
    from labserver.scenario import Scenario
    from labserver.services import Service
    from labserver.verdicts.policy import Policy

__all__ = ["Campaign", "Runner"]


class Runner(Protocol):
    """What brings a client and a server together: a process on leased ports, or a test's own client."""

    @property
    def seconds(self) -> float:
        """The deadline."""

    async def run(self, scenario: Scenario, service: Service, policy: Policy, *, control: bool = False) -> Run:
        """Run the client once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What is to be run, and how often."""

    runner: Runner
    catalogue: Catalogue
    """Where the control is that comes before the others."""
    scenarios: Sequence[Scenario]
    services: Sequence[Service]
    policies: Mapping[str, Policy] = field(default_factory=dict)
    """By the name of a service; without one it is what :func:`default_policy` returns."""
    exclude: Sequence[str] = ()
    """Patterns of scenarios, or of cases (``expired@pop3*``), that are left out."""
    terms: Terms = USUAL
    """By what all cases are judged."""
    repeat: int = 1
    """How often each case is run at least, and the known-good server met. An entry may want more."""
    finished: Callable[[CaseReport], None] = lambda _: None
    """Is told of each report as soon as it is there, in any order."""
    at_once: int = 1
    """Cases that may be under way at the same time; reports come in the same order all the same."""

    earlier: Sequence[CaseReport] = ()
    """Reports of a run that was interrupted: what was done then is not done again, if it would be the same."""

    @property
    def ids(self) -> list[str]:
        """The cases in the order of their reports."""
        return [f"{scenario.id}@{service.name}" for service in self.services for scenario in self._cases(service)]

    @property
    def total(self) -> int:
        """How many cases there are, without the known-good server where it is not one of them."""
        return sum(len(self._cases(service)) for service in self.services)

    def _cases(self, service: Service) -> list[Scenario]:
        return [
            scenario
            for scenario in self.scenarios
            if scenario.on(service) and is_included(f"{scenario.id}@{service.name}", self.exclude)
        ]

    async def reports(self) -> AsyncIterator[CaseReport]:
        """Yield a report for each case; one for the known-good server too where that explains the others.

        Raises what the runner raises, as soon as the reports before it have been yielded.
        """
        steps = (partial(self._done, step) for step in self._steps())
        async for found in in_order(steps, self.at_once):
            for report in found:
                yield report

    async def _done(self, step: Callable[[], Awaitable[Sequence[CaseReport]]]) -> Sequence[CaseReport]:
        reports = await step()
        for report in reports:
            self.finished(report)
        return reports

    def _steps(self) -> Iterator[Callable[[], Awaitable[Sequence[CaseReport]]]]:
        """Yield what is to be done, in the order of the reports."""
        for service in self.services:
            policy = self.policies.get(service.name) or default_policy(service)
            cases = self._cases(service)
            if not cases:
                continue
            if not policy.fits(service):
                yield partial(self._all_not_applicable, cases, service, policy)
                continue
            good = Once(partial(self._meet_good, service, policy))
            yield partial(self._control, good, asked=self.catalogue[CONTROL] in cases)
            for scenario in cases:
                if scenario.id != CONTROL:
                    yield partial(self._case, scenario, service, policy, good)

    async def _all_not_applicable(
        self, cases: Sequence[Scenario], service: Service, policy: Policy
    ) -> Sequence[CaseReport]:
        found = [Case(subject=subject_of(one), service=service, policy=policy) for one in cases]
        return [unjudged(case, not_applicable(case.subject, service, policy)) for case in found]

    async def _control(self, good: Once[CaseReport], *, asked: bool) -> Sequence[CaseReport]:
        report = await good.result()
        return [report] if asked or obstacle_of(report) else []

    @property
    def judging(self) -> Judging:
        """By what all cases are judged."""
        return Judging(terms=self.terms, patience=self.runner.seconds)

    async def _meet_good(self, service: Service, policy: Policy) -> CaseReport:
        scenario = self.catalogue[CONTROL]
        goods = (one if one.subject.id == CONTROL else one.good for one in self.earlier)
        for known in (one for one in goods if one is not None and one.service == service):
            if known.subject == subject_of(scenario) and known.policy is policy and known.planned == self.repeat:
                return known
        runs = [await self.runner.run(scenario, service, policy) for _ in range(self.repeat)]
        case = Case(subject=subject_of(scenario), service=service, policy=policy, planned=self.repeat)
        return self.judging.report(case, runs)

    async def _case(
        self, scenario: Scenario, service: Service, policy: Policy, good: Once[CaseReport]
    ) -> Sequence[CaseReport]:
        known = await good.result()
        for report in self.earlier:
            if self._is_done(report, scenario, service, known):
                return [report]
        case = Case(subject=subject_of(scenario), service=service, policy=policy, good=known)
        try:
            return [await self._judged(scenario, case)]
        except UnavailableError as error:  # this host or this issuer cannot serve it
            return [unjudged(case, str(error).rstrip("."))]

    def _is_done(self, earlier: CaseReport, scenario: Scenario, service: Service, good: CaseReport) -> bool:
        """Return whether an earlier report is what a run of a case would be, now that this is its control."""
        return (
            earlier.service == service
            and earlier.subject == subject_of(scenario)
            and earlier.good is good
            and earlier.planned == max(self.repeat, scenario.repeats)
            and bool(earlier.runs)
        )

    async def _judged(self, scenario: Scenario, case: Case) -> CaseReport:
        control = None
        if scenario.controlled:
            control = (await self.runner.run(scenario, case.service, case.policy, control=True)).trace
        case = replace(case, control=control, planned=max(self.repeat, scenario.repeats))
        runs: list[Run] = []
        failed = False
        while len(runs) < case.planned and not (failed and len(runs) >= self.repeat):  # a race is run until it is lost
            runs.append(await self.runner.run(scenario, case.service, case.policy))
            failed = failed or self.judging.verdict(case, runs[-1]).outcome is Outcome.FAIL
        return self.judging.report(case, runs)
