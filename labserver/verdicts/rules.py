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
    why: str
    """What somebody loses where it is broken."""
    example: str
    """How it is broken, in a sentence."""
    severity: Severity
    source: str
    """The clauses that ask for it."""
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
                clause=self.source,
            )


_ALL = (
    Rule(
        id="no-secret-in-clear",
        sentence="It sends no password outside TLS, nor anything from which the password can be had.",
        why=(
            "Whoever can read the network, in a café or at a provider, has the password from then on. "
            "Servers that take it in clear exist, and an attacker in the middle can make any server look "
            "like one."
        ),
        example=(
            "STARTTLS is missing from the list of capabilities, and the client sends `a1 LOGIN alice "
            "secret` without TLS."
        ),
        severity=Severity.CRITICAL,
        source="RFC 8314 5.2, RFC 9051 6.2.3, RFC 4954 4",
        binding=TLS_REQUIRED,
        breaches=secrecy.secret_in_clear,
        always=True,
    ),
    Rule(
        id="only-discovery-before-tls",
        sentence="Before TLS it asks for capabilities and for TLS, and does nothing else.",
        why=(
            "What is done before TLS is done with whoever answers: an attacker sees it and makes up the "
            "replies. Mail and mailbox names leak, and what the replies say may be believed later."
        ),
        example="The client sends `MAIL FROM:<alice@lab.test>` before `STARTTLS`.",
        severity=Severity.HIGH,
        source="RFC 8314 5.2",
        binding=TLS_REQUIRED,
        breaches=secrecy.beyond_discovery,
        always=True,
    ),
    Rule(
        id="bounded-time",
        sentence="It ends, whatever the server does.",
        why=(
            "A client that never gives up can be held by any server: a batch job hangs, a queue runner "
            "stops, a window freezes."
        ),
        example="The server never answers RCPT, and the client still waits after five minutes.",
        severity=Severity.MEDIUM,
        source="RFC 5321 4.5.3.2",
        binding=ANY,
        breaches=conduct.hung,
        always=True,
    ),
    Rule(
        id="keeps-to-the-grammar",
        sentence="It writes commands as the protocol's grammar has them.",
        why="The lab understands it, and other servers may not. Lenient servers are why such commands survive.",
        example="The client sends `MAIL FROM: <alice@lab.test>` with a space behind the colon.",
        severity=Severity.LOW,
        source="RFC 5321 4.1.2, RFC 9051 9",
        binding=ANY,
        breaches=conduct.tolerated,
        always=True,
    ),
    Rule(
        id="gets-through",
        sentence="It works with a server that is as it should be.",
        why="A client that refuses a correct server is one that users switch off the checks of.",
        example=(
            "The certificate is issued by another CA that the client was told to trust, and the client ends "
            "the handshake."
        ),
        severity=Severity.LOW,
        source="RFC 8314 3",
        binding=ANY,
        breaches=conduct.stopped_short,
        of_control=True,
    ),
    Rule(
        id="rejects-certificate",
        sentence="It sends nothing inside TLS to a server whose certificate it cannot accept.",
        why=(
            "Without the certificate nobody knows who the server is. Whoever sits in the middle gets the "
            "password and the mail, inside TLS."
        ),
        example="The certificate expired yesterday, and the client logs in all the same.",
        severity=Severity.CRITICAL,
        source="RFC 8314 3.2 and 5.3, RFC 7817 3, RFC 5280 6",
        binding=TLS_REQUIRED,
        breaches=channel.certificate_accepted,
    ),
    Rule(
        id="rejects-handshake",
        sentence="It sends nothing inside TLS that is too weak.",
        why=(
            "Old versions and weak suites can be broken by whoever records the connection, or changed by "
            "whoever sits in the middle."
        ),
        example="The server speaks TLS 1.0 only, and the client logs in.",
        severity=Severity.HIGH,
        source="RFC 8996, RFC 8314 4.1",
        binding=TLS_REQUIRED,
        breaches=channel.handshake_accepted,
    ),
    Rule(
        id="gives-up-in-time",
        sentence="It does not wait for a handshake without end.",
        why="The handshake is often outside a client's time limits, so that one silent server blocks it for ever.",
        example="The server never answers the ClientHello, and the client has no limit for that.",
        severity=Severity.MEDIUM,
        source="RFC 5321 4.5.3.2, CVE-2011-1947",
        binding=ANY,
        breaches=conduct.stalled,
    ),
    Rule(
        id="discards-what-came-before-tls",
        sentence="It forgets whatever the server sent before TLS.",
        why=(
            "Replies from before TLS may be an attacker's. A client that keeps them in its buffer takes "
            "them for the server's, inside TLS."
        ),
        example=(
            "Behind `a1 OK Begin TLS` stands, in the same segment, the answer to the next command; the "
            "client believes it."
        ),
        severity=Severity.CRITICAL,
        source="RFC 3207 4.2 and 6, RFC 9051 6.2.1, CVE-2021-22947",
        binding=ANY,
        breaches=channel.plaintext_believed,
    ),
    Rule(
        id="closes-on-preauth",
        sentence="It closes a connection that PREAUTH in clear has put beyond STARTTLS.",
        why=(
            "PREAUTH says that the client is logged in, after which STARTTLS is not allowed. An attacker "
            "sends it to keep the client from TLS."
        ),
        example=(
            "The greeting is `* PREAUTH`, and the client appends the mail that it has just sent to Sent, in clear."
        ),
        severity=Severity.CRITICAL,
        source="RFC 9051 7.1.4",
        binding=TLS_REQUIRED,
        breaches=secrecy.preauth_used,
    ),
    Rule(
        id="upgrades-first",
        sentence="It starts TLS where that is offered before it authenticates.",
        why="Where TLS is offered, nothing is gained by authenticating without it; the password is lost.",
        example="The server offers STARTTLS and AUTH PLAIN, and the client sends AUTH PLAIN.",
        severity=Severity.CRITICAL,
        source="RFC 8314 5.2, RFC 2595 2.3, RFC 4954 4",
        binding=STARTS_TLS,
        breaches=secrecy.authentication_in_clear,
    ),
    Rule(
        id="no-weaker-retry",
        sentence="Rejected, it does not try again in a weaker way.",
        why=(
            "A refusal costs an attacker nothing. If the next attempt is weaker, a refusal is how to get the password."
        ),
        example="SCRAM-SHA-256 is rejected, and the client sends the password with LOGIN.",
        severity=Severity.CRITICAL,
        source="RFC 8314 5.1, RFC 4954 6, RFC 5802 9",
        binding=ANY,
        breaches=secrecy.weaker_retry,
    ),
    Rule(
        id="no-mail-after-rejected-login",
        sentence="It hands over no mail after the login that it was told to use was rejected.",
        why=(
            "Whoever sits in the middle can have every login fail. A client that then hands over its mail without one "
            "gives it to that attacker, and the user learns nothing."
        ),
        example="AUTH is answered with 535, and the client goes on with MAIL FROM and DATA.",
        severity=Severity.HIGH,
        source="RFC 4954 9, RFC 6409 4.3",
        binding=ANY,
        breaches=secrecy.mail_after_rejection,
        always=True,
    ),
    Rule(
        id="stops-there",
        sentence="Behind what is wrong it says nothing but goodbye.",
        why="What is wrong there shows that the server is not what it should be, or that somebody else answers.",
        example="The greeting is an HTTP reply, and the client goes on with EHLO.",
        severity=Severity.HIGH,
        source="RFC 5321 3.1, RFC 9051 7.1, RFC 4954 4",
        binding=ANY,
        breaches=conduct.went_on,
    ),
    Rule(
        id="no-proceeding-after-wrong-proof",
        sentence="It does not go on with a server that fails to prove that it knows the password.",
        why=(
            "SCRAM has the server prove that it knows the password, too. A client that does not look gives "
            "mail to, and takes mail from, whoever answers."
        ),
        example="The server's last message has a wrong signature, and the client selects INBOX.",
        severity=Severity.CRITICAL,
        source="RFC 5802 3 and 5",
        binding=ANY,
        breaches=conduct.wrong_proof_believed,
    ),
    Rule(
        id="only-offered-mechanisms",
        sentence="Inside TLS it authenticates by a mechanism that is offered there.",
        why=(
            "What an attacker said before TLS may name a mechanism that suits the attacker. Only the list from inside "
            "TLS is the server's."
        ),
        example="In clear AUTH=LOGIN is offered, inside TLS only SCRAM, and the client uses LOGIN.",
        severity=Severity.HIGH,
        source="RFC 3207 4.2, RFC 9051 6.2.1",
        binding=ANY,
        breaches=attention.mechanism_not_offered,
    ),
    Rule(
        id="no-login-where-disabled",
        sentence="It does not send LOGIN to a server that lists LOGINDISABLED.",
        why="The server has said that it refuses LOGIN. The password is sent for nothing, as it stands.",
        example="Inside TLS the server lists LOGINDISABLED and AUTH=SCRAM-SHA-256, and the client sends LOGIN.",
        severity=Severity.MEDIUM,
        source="RFC 9051 6.2.3",
        binding=ANY,
        breaches=attention.login_where_disabled,
    ),
    Rule(
        id="mail-only-when-asked",
        sentence="It sends a message only when the server has asked for it.",
        why=(
            "The server reads the lines of the message as commands. Whoever wrote the message has the client say what "
            "they like."
        ),
        example="DATA is answered with 554, and the client sends the message all the same.",
        severity=Severity.HIGH,
        source="RFC 5321 3.3, RFC 9051 4.3",
        binding=ANY,
        breaches=attention.mail_sent_unasked,
    ),
    Rule(
        id="no-refused-mail-again",
        sentence="It does not send mail again that was refused for good.",
        why=(
            "A refusal for good will be repeated for ever. The sender learns nothing, and servers block clients that "
            "go on."
        ),
        example="The message is refused with 554 after its final dot, and the client sends it once more.",
        severity=Severity.LOW,
        source="RFC 5321 4.2.1",
        binding=ANY,
        breaches=attention.refused_mail_repeated,
    ),
    Rule(
        id="no-stale-uids",
        sentence="It changes no message by a UID from before UIDVALIDITY changed.",
        why="When UIDVALIDITY changes, a UID may be that of another message. The wrong mail is deleted.",
        example="SELECT tells another UIDVALIDITY, and the client deletes the message that had UID 7 before.",
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
