"""The rules: one sentence each that a client must live up to, and the function that finds where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.scenario import Severity
from labserver.verdicts import attention, channel, conduct, secrecy
from labserver.verdicts.finding import Finding, Outcome
from labserver.verdicts.policy import ANY, STARTS_TLS, TLS_REQUIRED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labserver.verdicts.finding import Breach, Inquiry
    from labserver.verdicts.policy import Policy

__all__ = ["ALWAYS", "RULES", "Rule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a client must do, and how to see that it did not."""

    id: str
    sentence: str
    severity: Severity
    source: str
    binding: frozenset[Policy]
    """The policies under which breaking it is what the breach says; under the others it is worth knowing only."""
    breaches: Callable[[Inquiry], Iterator[Breach]]
    of_control: bool = False
    """The known-good server has to be dealt with in that way first, or it says nothing about a scenario."""
    always: bool = False
    """It holds whatever the scenario is; a scenario names its other rules."""

    def findings(self, inquiry: Inquiry) -> Iterator[Finding]:
        """Yield a finding for each breach."""
        bound = inquiry.policy in self.binding
        for breach in self.breaches(inquiry):
            yield Finding(
                rule=self.id,
                severity=breach.severity or self.severity,
                outcome=breach.outcome if bound else Outcome.INFO,
                what=breach.what,
                evidence=breach.evidence,
            )


_ALL = (
    Rule(
        id="no-secret-in-clear",
        sentence="It sends no password outside TLS, nor anything from which the password can be had.",
        severity=Severity.CRITICAL,
        source="RFC 8314 5.2, RFC 9051 6.2.3, RFC 4954 4",
        binding=TLS_REQUIRED,
        breaches=secrecy.secret_in_clear,
        always=True,
    ),
    Rule(
        id="only-discovery-before-tls",
        sentence="Before TLS it asks for capabilities and for TLS, and does nothing else.",
        severity=Severity.HIGH,
        source="RFC 8314 5.2",
        binding=TLS_REQUIRED,
        breaches=secrecy.beyond_discovery,
        always=True,
    ),
    Rule(
        id="bounded-time",
        sentence="It ends, whatever the server does.",
        severity=Severity.MEDIUM,
        source="RFC 5321 4.5.3.2",
        binding=ANY,
        breaches=conduct.hung,
        always=True,
    ),
    Rule(
        id="keeps-to-the-grammar",
        sentence="It writes commands as the protocol's grammar has them.",
        severity=Severity.LOW,
        source="RFC 5321 4.1.2, RFC 9051 9",
        binding=ANY,
        breaches=conduct.tolerated,
        always=True,
    ),
    Rule(
        id="gets-through",
        sentence="It works with a server that is as it should be.",
        severity=Severity.LOW,
        source="RFC 8314 3",
        binding=ANY,
        breaches=conduct.stopped_short,
        of_control=True,
    ),
    Rule(
        id="rejects-certificate",
        sentence="It sends nothing inside TLS to a server whose certificate it cannot accept.",
        severity=Severity.CRITICAL,
        source="RFC 8314 3.2 and 5.3, RFC 7817 3, RFC 5280 6",
        binding=TLS_REQUIRED,
        breaches=channel.certificate_accepted,
    ),
    Rule(
        id="rejects-handshake",
        sentence="It sends nothing inside TLS that is too weak.",
        severity=Severity.HIGH,
        source="RFC 8996, RFC 8314 4.1",
        binding=TLS_REQUIRED,
        breaches=channel.handshake_accepted,
    ),
    Rule(
        id="gives-up-in-time",
        sentence="It does not wait for a handshake without end.",
        severity=Severity.MEDIUM,
        source="RFC 5321 4.5.3.2, CVE-2011-1947",
        binding=ANY,
        breaches=conduct.stalled,
    ),
    Rule(
        id="discards-what-came-before-tls",
        sentence="It forgets whatever the server sent before TLS.",
        severity=Severity.CRITICAL,
        source="RFC 3207 4.2 and 6, RFC 9051 6.2.1, CVE-2021-22947",
        binding=ANY,
        breaches=channel.plaintext_believed,
    ),
    Rule(
        id="closes-on-preauth",
        sentence="It closes a connection that PREAUTH in clear has put beyond STARTTLS.",
        severity=Severity.CRITICAL,
        source="RFC 9051 7.1.4",
        binding=TLS_REQUIRED,
        breaches=secrecy.preauth_used,
    ),
    Rule(
        id="upgrades-first",
        sentence="It starts TLS where that is offered before it authenticates.",
        severity=Severity.CRITICAL,
        source="RFC 8314 5.2, RFC 2595 2.3, RFC 4954 4",
        binding=STARTS_TLS,
        breaches=secrecy.authentication_in_clear,
    ),
    Rule(
        id="no-weaker-retry",
        sentence="Rejected, it does not try again in a weaker way.",
        severity=Severity.CRITICAL,
        source="RFC 8314 5.1, RFC 4954 6, RFC 5802 9",
        binding=ANY,
        breaches=secrecy.weaker_retry,
    ),
    Rule(
        id="stops-there",
        sentence="Behind what is wrong it says nothing but goodbye.",
        severity=Severity.HIGH,
        source="RFC 5321 3.1, RFC 9051 7.1, RFC 4954 4",
        binding=ANY,
        breaches=conduct.went_on,
    ),
    Rule(
        id="no-proceeding-after-wrong-proof",
        sentence="It does not go on with a server that fails to prove that it knows the password.",
        severity=Severity.CRITICAL,
        source="RFC 5802 3 and 5",
        binding=ANY,
        breaches=conduct.wrong_proof_believed,
    ),
    Rule(
        id="only-offered-mechanisms",
        sentence="Inside TLS it authenticates by a mechanism that is offered there.",
        severity=Severity.HIGH,
        source="RFC 3207 4.2, RFC 9051 6.2.1",
        binding=ANY,
        breaches=attention.mechanism_not_offered,
    ),
    Rule(
        id="mail-only-when-asked",
        sentence="It sends a message only when the server has asked for it.",
        severity=Severity.HIGH,
        source="RFC 5321 3.3, RFC 9051 4.3",
        binding=ANY,
        breaches=attention.mail_sent_unasked,
    ),
    Rule(
        id="no-refused-mail-again",
        sentence="It does not send mail again that was refused for good.",
        severity=Severity.LOW,
        source="RFC 5321 4.2.1",
        binding=ANY,
        breaches=attention.refused_mail_repeated,
    ),
    Rule(
        id="no-stale-uids",
        sentence="It changes no message by a UID from before UIDVALIDITY changed.",
        severity=Severity.HIGH,
        source="RFC 9051 2.3.1.1",
        binding=ANY,
        breaches=attention.stale_uid_used,
    ),
)

RULES: dict[str, Rule] = {rule.id: rule for rule in _ALL}
"""Every rule by its id, which is permanent."""

ALWAYS = tuple(rule.id for rule in _ALL if rule.always)
"""What holds whatever the scenario is; a scenario names its own rules besides."""
