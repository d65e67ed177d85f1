"""The judge: a trace and a policy in, a verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.scenario import Expectation
from labserver.verdicts.finding import Inquiry, Outcome
from labserver.verdicts.rules import ALWAYS, RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labserver.scenario import Scenario
    from labserver.services import Service
    from labserver.verdicts.finding import Context, Finding
    from labserver.verdicts.policy import Policy
    from labserver.verdicts.trace import Trace

__all__ = ["CONTROL", "Tally", "Verdict", "judge", "not_applicable", "rules_of", "worst"]

CONTROL = "good"
"""The scenario that a client has to get through before it is judged by any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of one run of a case."""

    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    """The worst first; at most one for each rule."""
    reason: str = ""
    """Why there is nothing to judge, as a sentence without its full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How often the verdict of a case came up."""

    times: int
    of: int
    """Runs."""
    planned: int = 0
    """Runs that there would have been, had a race not been lost before; 0 if there were as many as planned."""


def judge(scenario: Scenario, service: Service, policy: Policy, trace: Trace, context: Context) -> Verdict:
    """Return the verdict on one run."""
    reason = not_applicable(scenario, service, policy)
    if reason:
        return Verdict(outcome=Outcome.NOT_APPLICABLE, reason=reason)
    inquiry = Inquiry(scenario=scenario, service=service, policy=policy, trace=trace, context=context)
    rules = [rule for rule in rules_of(scenario) if not (context.obstacle and RULES[rule].of_control)]
    findings = _one_for_each_rule(finding for rule in rules for finding in RULES[rule].findings(inquiry))
    if findings and findings[0].outcome is Outcome.FAIL and not _is_failed_control(scenario, findings):
        return Verdict(outcome=Outcome.FAIL, findings=findings)
    reason = context.obstacle or _nothing_to_judge(scenario, trace, findings)
    if reason:
        return Verdict(outcome=Outcome.INCONCLUSIVE, findings=findings, reason=reason)
    return Verdict(outcome=findings[0].outcome if findings else Outcome.PASS, findings=findings)


def rules_of(scenario: Scenario) -> tuple[str, ...]:
    """Return the ids of the rules that decide a scenario: its own, and what holds always."""
    accepted = ("gets-through",) if scenario.expectation is Expectation.ACCEPT else ()
    return tuple(dict.fromkeys((*scenario.rules, *accepted, *ALWAYS)))


def not_applicable(scenario: Scenario, service: Service, policy: Policy) -> str:
    """Return why a case does not exist; nothing if it does."""
    if not scenario.on(service):
        return f"{scenario.id} is not available on {service.name}"
    if not policy.fits(service):
        return f"{service.name} cannot be used under the policy {policy.value}"
    return ""


def worst(verdicts: Sequence[Verdict]) -> tuple[Verdict, Tally]:
    """Return the worst verdict of a case's runs, and how often its outcome came up."""
    chosen = max(verdicts, key=lambda verdict: verdict.outcome.rank)
    times = sum(verdict.outcome is chosen.outcome for verdict in verdicts)
    return chosen, Tally(times=times, of=len(verdicts))


def _nothing_to_judge(scenario: Scenario, trace: Trace, findings: Sequence[Finding]) -> str:
    if not trace.sessions:
        return "the client never connected"
    if not scenario.honest and not any(trace.afflicted()):
        asked = f": it has to ask for it ({scenario.asked})" if scenario.asked else ""
        return f"the fault never reached the client{asked}"
    if _is_failed_control(scenario, findings):
        return f"the client {findings[0].what} on a correct server"
    undecided = next((finding for finding in findings if finding.outcome is Outcome.INCONCLUSIVE), None)
    return f"the client {undecided.what}" if undecided else ""


def _is_failed_control(scenario: Scenario, findings: Sequence[Finding]) -> bool:
    """Whether the known-good server was not got through to, and nothing worse than that is known."""
    return scenario.id == CONTROL and any(RULES[finding.rule].of_control for finding in findings[:1])


def _one_for_each_rule(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    kept: dict[str, Finding] = {}
    for finding in findings:
        known = kept.get(finding.rule)
        if known is None or _weight(finding) > _weight(known):
            kept[finding.rule] = finding
    return tuple(sorted(kept.values(), key=_weight, reverse=True))


def _weight(finding: Finding) -> tuple[int, int]:
    return finding.outcome.rank, finding.severity.rank
