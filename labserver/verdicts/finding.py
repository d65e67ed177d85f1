"""Words of a verdict: outcomes, findings, and what a rule is told and answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labserver.scenario import Scenario, Severity
    from labserver.services import Service
    from labserver.verdicts.policy import Policy
    from labserver.verdicts.trace import Evidence, Trace

__all__ = ["BOUND", "Breach", "Context", "Finding", "Inquiry", "Outcome"]


BOUND = 300.0
"""Seconds in which a client has to end, whatever the server does, unless the user says otherwise (RFC 5321 4.5.3.2)."""


class Outcome(StrEnum):
    """How a case ended, from the least to the most alarming."""

    NOT_APPLICABLE = "NOT-APPLICABLE"
    """The scenario or the policy is not available on the service."""
    PASS = "PASS"  # noqa: S105 -- no password: a verdict
    INFO = "INFO"
    """Something worth knowing that this policy allows."""
    WARN = "WARN"
    """Weak, but allowed."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """The fault never reached the client, or what it did proves nothing: never a PASS."""
    FAIL = "FAIL"

    @property
    def rank(self) -> int:
        """Where it stands in that order; a case reports the worst of its findings and runs."""
        return _RANKS[self]


_RANKS = {outcome: rank for rank, outcome in enumerate(Outcome)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is known of a run besides its trace."""

    timed_out: bool = False
    """The client still ran at the deadline; the trace is what had happened until then."""
    seconds: float = 0.0
    """The deadline."""
    bound: float = BOUND
    """Seconds in which a client has to end; one that still ran at an earlier deadline may yet have done."""
    control: Trace | None = None
    """The same client with the same server but without the fault, where the scenario has such a control."""
    obstacle: str = ""
    """Why this client passes nothing: it fails the known-good control. What it does wrong it fails all the same."""
    endless: bool = False
    """The client does not end by itself on the known-good server either, so that its time says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """What a rule looks at."""

    scenario: Scenario
    service: Service
    policy: Policy
    trace: Trace
    context: Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A rule's answer: it was broken here."""

    what: str
    """What the client did, as a sentence without its full stop."""
    evidence: Evidence | None = None
    """None where the proof is that something never happened."""
    severity: Severity | None = None
    """The rule's own when None."""
    outcome: Outcome = Outcome.FAIL
    """What it is under a policy that binds to the rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule broken, with what proves it."""

    rule: str
    severity: Severity
    outcome: Outcome
    what: str
    evidence: Evidence | None = None
