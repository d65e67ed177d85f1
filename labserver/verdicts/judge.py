"""The judge: a trace and a policy in, a verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.scenario import Expectation
from labserver.verdicts.finding import Inquiry, Outcome
from labserver.verdicts.offered import absence
from labserver.verdicts.rules import ALWAYS, RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labserver.services import Service
    from labserver.verdicts.finding import Context, Finding
    from labserver.verdicts.offered import Absence
    from labserver.verdicts.policy import Policy
    from labserver.verdicts.subject import Subject
    from labserver.verdicts.trace import Trace

__all__ = ["Tally", "Verdict", "judge", "not_applicable", "rules_of", "worst"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of one run of a case."""

    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    """The worst first; at most one for each rule."""
    reason: str = ""
    """Why there is nothing to judge, or what the client does not offer, as a sentence without its full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How often the verdict of a case came up."""

    times: int
    of: int
    """Runs."""
    planned: int = 0
    """Runs that there would have been, had a race not been lost before; 0 if there were as many as planned."""


def judge(subject: Subject, service: Service, policy: Policy, trace: Trace, context: Context) -> Verdict:
    """Return the verdict on one run."""
    reason = not_applicable(subject, service, policy)
    if reason:
        return Verdict(outcome=Outcome.NOT_APPLICABLE, reason=reason)
    inquiry = Inquiry(subject=subject, service=service, policy=policy, trace=trace, context=context)
    absent = absence(inquiry)
    excused = bool(context.obstacle) or (absent is not None and not absent.refuses)
    rules = [rule for rule in rules_of(subject) if not (excused and RULES[rule].of_control)]
    findings = _one_for_each_rule(finding for rule in rules for finding in RULES[rule].findings(inquiry))
    if findings and findings[0].outcome is Outcome.FAIL and not _is_failed_control(subject, findings):
        return Verdict(outcome=Outcome.FAIL, findings=findings)
    reason = context.obstacle or _nothing_to_judge(subject, trace, findings, absent)
    if reason:
        return Verdict(outcome=Outcome.INCONCLUSIVE, findings=findings, reason=reason)
    least = Outcome.NOT_OFFERED if absent is not None and not absent.refuses else Outcome.PASS
    outcome = max((least, *(finding.outcome for finding in findings)), key=lambda one: one.rank)
    return Verdict(outcome=outcome, findings=findings, reason=absent.what if absent is not None else "")


def rules_of(subject: Subject) -> tuple[str, ...]:
    """Return the ids of the rules that decide a case: its own, and what holds always."""
    accepted = ("gets-through",) if subject.expectation is Expectation.ACCEPT else ()
    return tuple(dict.fromkeys((*subject.rules, *accepted, *ALWAYS)))


def not_applicable(subject: Subject, service: Service, policy: Policy) -> str:
    """Return why a case does not exist; nothing if it does."""
    if not subject.on(service):
        return f"{subject.id} is not available on {service.name}"
    if not policy.fits(service):
        return f"{service.name} cannot be used under the policy {policy.value}"
    return ""


def worst(verdicts: Sequence[Verdict]) -> tuple[Verdict, Tally]:
    """Return the worst verdict of a case's runs, and how often its outcome came up."""
    chosen = max(verdicts, key=lambda verdict: verdict.outcome.rank)
    times = sum(verdict.outcome is chosen.outcome for verdict in verdicts)
    return chosen, Tally(times=times, of=len(verdicts))


def _nothing_to_judge(subject: Subject, trace: Trace, findings: Sequence[Finding], absent: Absence | None) -> str:
    if not trace.sessions:
        return "the client never connected"
    if not subject.honest and absent is None and not any(trace.afflicted()):
        asked = f": it has to ask for it ({subject.asked})" if subject.asked else ""
        return f"the fault never reached the client{asked}"
    if _is_failed_control(subject, findings):
        return f"the client {findings[0].what} on a correct server"
    undecided = next((finding for finding in findings if finding.outcome is Outcome.INCONCLUSIVE), None)
    return f"the client {undecided.what}" if undecided else ""


def _is_failed_control(subject: Subject, findings: Sequence[Finding]) -> bool:
    """Whether the known-good server was not got through to, and nothing worse than that is known."""
    return subject.is_control and any(RULES[finding.rule].of_control for finding in findings[:1])


def _one_for_each_rule(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    kept: dict[str, Finding] = {}
    for finding in findings:
        known = kept.get(finding.rule)
        if known is None or _weight(finding) > _weight(known):
            kept[finding.rule] = finding
    return tuple(sorted(kept.values(), key=_weight, reverse=True))


def _weight(finding: Finding) -> tuple[int, int]:
    return finding.outcome.rank, finding.severity.rank
