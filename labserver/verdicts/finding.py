"""Words of a verdict: outcomes, findings, and what a rule is told and answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labserver.scenario import Severity
    from labserver.services import Service
    from labserver.verdicts.policy import Policy
    from labserver.verdicts.subject import Subject
    from labserver.verdicts.trace import Evidence, Trace

__all__ = ["BOUND", "STRICTEST", "USUAL", "Breach", "Context", "Finding", "Inquiry", "Outcome", "Revocation", "Terms"]


class Outcome(StrEnum):
    """How a case ended, from the least to the most alarming."""

    NOT_APPLICABLE = "NOT-APPLICABLE"
    """The scenario or the policy is not available on the service."""
    PASS = "PASS"  # noqa: S105 -- no password: a verdict
    INFO = "INFO"
    """Something worth knowing that this policy allows."""
    NOT_OFFERED = "NOT-OFFERED"
    """The client does not offer what the case is about, as its own octets prove; nobody can tell how it would fare."""
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


BOUND = 300.0
"""Seconds in which a client has to end, whatever the server does, unless the user says otherwise (RFC 5321 4.5.3.2)."""


class Revocation(StrEnum):
    """What the client was told to do about revoked certificates."""

    OFF = "off"
    """Nothing: what it does is worth knowing."""
    SOFT = "soft"
    """Refuse a certificate that is known to be revoked, and go on where nothing can be learned."""
    HARD = "hard"
    """Refuse it where nothing can be learned, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """By what all cases of a campaign are judged, besides the policy."""

    bound: float = BOUND
    """Seconds beyond which a client that still waits fails."""
    revocation: Revocation = Revocation.OFF
    disputed_fails: bool = False
    """Whether what correct clients differ about is a failure all the same."""


USUAL = Terms()
"""What holds where nothing else was said."""
STRICTEST = Terms(bound=0.0, revocation=Revocation.HARD, disputed_fails=True)
"""For the lab's own tests, which have to see every client fail that can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is known of a run besides its trace."""

    timed_out: bool = False
    """The client still ran at the deadline; the trace is what had happened until then."""
    seconds: float = 0.0
    """The deadline."""
    control: Trace | None = None
    """The same client with the same server but without the fault, where the scenario has such a control."""
    good: Trace | None = None
    """The same client with the known-good server."""
    obstacle: str = ""
    """Why this client passes nothing: it fails the known-good control. What it does wrong it fails all the same."""
    terms: Terms = USUAL
    endless: bool = False
    """The client does not end by itself on the known-good server either, so that its time says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """What a rule looks at."""

    subject: Subject
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
    clause: str = ""
    """What the rule comes from: clauses of RFCs, CVEs."""
