"""Answers computed from a password: whether this is the one to the challenge that was given.

Fed with the events of a session in order, because what an answer means depends on the words before it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field

from labserver import events
from labserver.saslprep import prepared

__all__ = ["Digests"]

_TIMESTAMP = re.compile(rb"<[^<>\s]+>")
_CHALLENGE = re.compile(rb"\A(?:334|\+) ?(\S*)\r\n\Z")
_AUTHENTICATE = re.compile(rb"(?:\S+ +)?AUTH(?:ENTICATE)? +(\S+)(?: +(\S+))?\s*\Z", re.IGNORECASE)
_APOP = re.compile(rb"APOP +.* ([0-9a-f]{32})\s*\Z", re.IGNORECASE | re.DOTALL)
_CRAM = re.compile(rb".* ([0-9a-f]{32})\Z", re.IGNORECASE | re.DOTALL)
_HASHES = {b"SHA-1": "sha1", b"SHA-256": "sha256", b"SHA-512": "sha512"}
_MOST_ITERATIONS = 1_000_000


@dataclass(slots=True, kw_only=True)
class Digests:
    """The authentications of one session, as far as they are known yet."""

    password: str = field(repr=False)
    _timestamp: bytes = b""
    _mechanism: bytes = b""
    _messages: list[bytes] = field(default_factory=list)
    """Challenges and responses of the exchange that runs, decoded."""

    def take(self, event: events.Event) -> str:
        """Take note of an event; return the digest's name as a phrase if the event holds one, else nothing."""
        match event:
            case events.ReplySent(kind="greeting"):
                found = _TIMESTAMP.search(event.data)
                self._timestamp = found.group() if found else b""
            case events.ReplySent(kind="continuation"):
                challenge = _CHALLENGE.match(event.data)
                if challenge is not None:
                    self._messages.append(_decoded(challenge.group(1)))
            case events.CommandReceived():
                return self._command(event.data)
            case events.LineReceived():
                return self._response(_decoded(event.data))
            case _:
                pass
        return ""

    def _command(self, data: bytes) -> str:
        self._mechanism, self._messages = b"", []
        apop = _APOP.match(data)
        if apop is not None and self._timestamp:
            expected = hashlib.md5(self._timestamp + self.password.encode()).hexdigest()  # noqa: S324 -- RFC 1939 7
            return "as an APOP digest" if apop.group(1).lower() == expected.encode() else ""
        found = _AUTHENTICATE.match(data)
        if found is not None:
            self._mechanism = found.group(1).upper()
            if found.group(2):
                return self._response(_decoded(found.group(2)))
        return ""

    def _response(self, response: bytes) -> str:
        self._messages.append(response)
        if self._mechanism == b"CRAM-MD5" and self._answers_cram(response):
            return "as a CRAM-MD5 digest"
        if self._mechanism.startswith(b"SCRAM-") and self._proves(response):
            return "as a SCRAM proof"
        return ""

    def _answers_cram(self, response: bytes) -> bool:
        found = _CRAM.match(response)
        if found is None or len(self._messages) < 2:  # noqa: PLR2004 -- the challenge and this answer
            return False
        challenge = self._messages[-2]
        expected = {hmac.digest(word, challenge, "md5").hex().encode() for word in self._words()}
        return found.group(1).lower() in expected

    def _proves(self, final: bytes) -> bool:
        """Compute ClientProof (RFC 5802 3) from the exchange so far and compare."""
        digest = _HASHES.get(self._mechanism.removeprefix(b"SCRAM-").removesuffix(b"-PLUS"))
        without, comma, proof = final.rpartition(b",p=")
        if digest is None or not comma or len(self._messages) < 3:  # noqa: PLR2004 -- first, challenge, final
            return False
        first, challenge = self._messages[-3], self._messages[-2]
        attributes = dict(part.partition(b"=")[::2] for part in challenge.split(b","))
        try:
            salt, iterations = base64.b64decode(attributes[b"s"], validate=True), int(attributes[b"i"])
        except (KeyError, ValueError):
            return False
        if not 0 < iterations <= _MOST_ITERATIONS:
            return False
        bare = first.split(b",", 2)[-1]
        message = b",".join((bare, challenge, without))
        return any(_client_proof(digest, word, salt, iterations, message) == _decoded(proof) for word in self._words())

    def _words(self) -> tuple[bytes, ...]:
        return tuple(dict.fromkeys((self.password.encode(), prepared(self.password).encode())))


def _client_proof(digest: str, password: bytes, salt: bytes, iterations: int, message: bytes) -> bytes:
    salted = hashlib.pbkdf2_hmac(digest, password, salt, iterations)
    key = hmac.digest(salted, b"Client Key", digest)
    signature = hmac.digest(hashlib.new(digest, key).digest(), message, digest)
    return bytes(one ^ other for one, other in zip(key, signature, strict=True))


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        return b""
