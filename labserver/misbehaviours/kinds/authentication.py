"""How credentials are received, and what the server proves of itself."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec

from labserver.dialogues.exchange import Await, LoginFailure, Preauthenticate, Reply, ReplyKind
from labserver.dialogues.purposes import Purpose
from labserver.misbehaviours.base import Misbehaviour
from labserver.misbehaviours.moment import Occasion
from labserver.misbehaviours.spelling import completion, is_smtp
from labserver.misbehaviours.words import Lines
from labserver.wire.framing import Framed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labserver.misbehaviours.base import Said, Step, Steps
    from labserver.misbehaviours.moment import Moment

__all__ = ["Challenge", "EndlessChallenges", "LoginAccepted", "LoginRefused", "LoginUnasked", "Proof", "Scram"]

_ONLY = frozenset({Occasion.COMMAND})
_EMPTY = Lines("")
_NOTHING_SAID = Framed(parts=(b"",), raw=b"\r\n")
_SERVER_NONCE = 24
"""Characters of the nonce that are the lab's own."""
_SERVER_FIRST = re.compile(rb"r=([^,]*),s=([^,]*),i=([0-9]+)\Z")


class LoginRefused(Misbehaviour, frozen=True, kw_only=True, tag="login-refused"):
    """Right credentials are refused like wrong ones, by every mechanism in its own words.

    535 5.7.8, NO [AUTHENTICATIONFAILED], -ERR [AUTH]; OAUTHBEARER and XOAUTH2 send their error challenge first
    (RFC 7628 3.2.2). A client does not try something weaker. With ``nth = "1-2"``, it is right only the third time.
    """

    possible: ClassVar[frozenset[Occasion]] = _ONLY
    example: ClassVar[dict[str, Any]] = {"when": {"nth": "1-2"}}

    def believes(self, name: str, honest: bool, moment: Moment) -> bool:  # noqa: ARG002, FBT001 -- the hook's
        """Return False."""
        return False


class LoginAccepted(Misbehaviour, frozen=True, kw_only=True, tag="login-accepted"):
    """Wrong passwords are accepted for accounts that exist, where the client sends the password itself.

    Mechanisms that prove it in another way (SCRAM, CRAM-MD5) need the right one to work at all.
    """

    possible: ClassVar[frozenset[Occasion]] = _ONLY
    example: ClassVar[dict[str, Any]] = {}

    def believes(self, name: str, honest: bool, moment: Moment) -> bool:  # noqa: ARG002, FBT001 -- the hook's
        """Return True."""
        return True


class LoginUnasked(Misbehaviour, frozen=True, kw_only=True, tag="login-unasked"):
    """The first command with credentials succeeds at once, whatever they are, without any exchange.

    With SCRAM the client must not go on, because the server has not proved anything (RFC 5802 5).
    """

    possible: ClassVar[frozenset[Occasion]] = _ONLY
    example: ClassVar[dict[str, Any]] = {}

    def exchange(self, honest: Steps, moment: Moment) -> Steps:
        """Log the client in and say so; of any other command, yield what is honest."""
        if moment.purpose is not Purpose.CREDENTIALS or moment.account is not None:
            yield from honest
            return
        yield Preauthenticate()
        yield completion(
            moment, smtp="235 2.7.0 Authentication successful", imap="OK Authenticated", pop3="+OK Authenticated"
        )


class Challenge(Misbehaviour, frozen=True, kw_only=True, tag="challenge"):
    """A SASL challenge is other text than it should be, such as no base64; the client's answer is judged as usual.

    A client that cannot decode a challenge cancels with ``*`` (RFC 4954 4, RFC 9051 6.2.2), and does not fall back to
    a weaker mechanism. A mechanism such as PLAIN has one challenge if the client sends no initial response.
    """

    possible: ClassVar[frozenset[Occasion]] = _ONLY
    example: ClassVar[dict[str, Any]] = {"text": "!!! this is no base64"}

    text: Lines
    """What stands in the place of the base64; empty for none."""
    number: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    """Which challenge of the exchange, from 1."""

    def exchange(self, honest: Steps, moment: Moment) -> Steps:
        """Yield the honest steps but that challenge."""
        seen = 0
        said: Said = None
        while True:
            try:
                step = honest.send(said)
            except StopIteration:
                return
            if isinstance(step, Reply) and step.challenge is not None:
                seen += 1
                if seen == self.number:
                    step = _spelled(self.text, moment)
            said = yield step


class EndlessChallenges(Misbehaviour, frozen=True, kw_only=True, tag="endless-challenges"):
    """Whatever the client answers, there is one more challenge, until it cancels.

    A client has a limit, and does not send its secret again and again.
    """

    possible: ClassVar[frozenset[Occasion]] = _ONLY
    example: ClassVar[dict[str, Any]] = {"text": "<b64:Password:>", "most": 100}

    text: Lines | None = None
    """What the challenges say, as it stands; ``<b64:…>`` is base64. By default nothing."""
    most: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    """After how many of them the login fails."""

    def exchange(self, honest: Steps, moment: Moment) -> Steps:
        """Yield challenges; of any other command, what is honest."""
        command = moment.command
        if command is None or command.verb != moment.dialogue.authenticate_verb or not command.argument:
            yield from honest
            return
        failure = LoginFailure.REJECTED
        for _ in range(self.most):
            yield _spelled(self.text or _EMPTY, moment)
            said = yield Await.line(b"*")
            if isinstance(said, Framed) and said.parts[0] == b"*":
                failure = LoginFailure.CANCELLED
                break
        yield moment.dialogue.login_failed(command, failure)


class Proof(Misbehaviour, frozen=True, kw_only=True, tag="proof"):
    """SCRAM's server signature is wrong, missing or an error, and success is claimed all the same.

    A client whose check fails must treat the login as failed (RFC 5802 5). Whoever meets it uses SCRAM.
    """

    possible: ClassVar[frozenset[Occasion]] = _ONLY
    example: ClassVar[dict[str, Any]] = {"how": "missing"}

    how: Literal["wrong", "missing", "empty", "error"] = "wrong"
    """``wrong`` (one character differs), ``missing`` (the last challenge is left out), ``empty``, or ``error``
    (``e=other-error`` in its place)."""

    def exchange(self, honest: Steps, moment: Moment) -> Steps:
        """Yield the honest steps but the signature."""
        said: Said = None
        while True:
            try:
                step = honest.send(said)
            except StopIteration:
                return
            said = None
            if not (isinstance(step, Reply) and (step.challenge or b"").startswith(b"v=")):
                said = yield step
            elif self.how == "missing":
                said = _answered(honest)
            else:
                yield moment.dialogue.challenge(self._spoiled(step.challenge or b""))

    def _spoiled(self, proof: bytes) -> bytes:
        match self.how:
            case "wrong":  # still valid base64
                return b"v=" + (b"B" if proof[2:3] == b"A" else b"A") + proof[3:]
            case "error":
                return b"e=other-error"
            case _:
                return b""


class Scram(Misbehaviour, frozen=True, kw_only=True, tag="scram"):
    """SCRAM's first challenge is wrong: its nonce, its salt, its iteration count, or an extension that nobody knows.

    A client checks that the nonce begins with its own (RFC 5802 5.1), wants at least 4096 iterations (RFC 7677 4) and
    not as many as would keep it busy for hours (CVE-2026-42256), and fails at an extension named ``m``.
    """

    possible: ClassVar[frozenset[Occasion]] = _ONLY
    example: ClassVar[dict[str, Any]] = {"iterations": 1}

    iterations: Annotated[int, msgspec.Meta(ge=-1, le=10**12)] | None = None
    """The number of iterations."""
    nonce: Literal["unextended", "replaced", "empty"] | None = None
    """``unextended`` (the client's own, without what the server adds), ``replaced`` (another one) or ``empty``."""
    salt: Literal["empty", "malformed"] | None = None
    """``empty``, or ``malformed`` (no base64)."""
    extension: bool = False
    """Whether a mandatory extension that does not exist stands at the beginning."""

    def __post_init__(self) -> None:
        """Refuse what changes nothing."""
        if self.iterations is None and self.nonce is None and self.salt is None and not self.extension:
            raise ValueError("it needs iterations, nonce, salt or extension")

    def reply(self, honest: Reply, moment: Moment) -> Iterable[Step]:
        """Return the challenge with what is wrong."""
        match = _SERVER_FIRST.fullmatch(honest.challenge or b"")
        if match is None:
            return (honest,)
        nonce, salt, iterations = match[1], match[2], match[3]
        if self.nonce is not None:
            nonce = {"unextended": _own_half(nonce), "replaced": b"x" * len(nonce), "empty": b""}[self.nonce]
        if self.salt is not None:
            salt = {"empty": b"", "malformed": b"!!!"}[self.salt]
        if self.iterations is not None:
            iterations = b"%d" % self.iterations
        extension = b"m=lab," if self.extension else b""
        changed = moment.dialogue.challenge(b"%br=%b,s=%b,i=%b" % (extension, nonce, salt, iterations))
        shown = moment.dialogue.challenge(b"%br=****,s=%b,i=%b" % (extension, salt, iterations))
        return (replace(changed, masked=shown.raw),)


def _spelled(text: Lines, moment: Moment) -> Reply:
    """Return a challenge that says ``text`` as it stands."""
    code = "334" if is_smtp(moment.protocol) else "+"
    reply = text.reply(moment, ReplyKind.CONTINUATION)
    masked = reply.masked and b"%b %b" % (code.encode(), reply.masked)
    return replace(reply, raw=b"%b %b" % (code.encode(), reply.raw), code=code, masked=masked)


def _own_half(nonce: bytes) -> bytes:
    """Return the client's part of a nonce, without what the server put behind it."""
    return nonce[:-_SERVER_NONCE]


def _answered(honest: Steps) -> Said:
    """Take the honest wait out of the way, and return what a client would have answered to a challenge it never got."""
    honest.send(None)
    return _NOTHING_SAID
