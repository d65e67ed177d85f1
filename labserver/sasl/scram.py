"""SCRAM (RFC 5802, RFC 7677) and its -PLUS forms: both sides prove that they know the password, and on which channel.

Theory of operation: three messages matter. The client's first carries a GS2 header, a name and a nonce; the server's
first a longer nonce, a salt and an iteration count; the client's last repeats the header with the channel's binding and
proves the password by a signature over all three. The server's signature goes back as the proof of success.

A message that is not SCRAM's is *malformed*; one that is refused is answered with ``e=`` and the value RFC 5802 7 has
for it. A name that does not exist gets a salt like any other (derived from the name) and fails at the proof, like a
wrong password. The derived keys are cached, so that only an account's first login pays for the iterations.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from labserver.sasl.gs2 import BindingFlag, Gs2Header, saslname, split_header
from labserver.sasl.mechanism import MechanismError, Success
from labserver.sasl.names import acts_for_itself, decoded
from labserver.saslprep import prepared, saslprep

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.clock import Entropy
    from labserver.sasl.mechanism import Channel, Credentials, SaslExchange

__all__ = ["BINDINGS", "ITERATIONS", "Scram", "has_binding"]

BINDINGS = ("tls-exporter", "tls-server-end-point", "tls-unique")
"""Channel bindings that may be used, best first: RFC 9266, RFC 5929 4, RFC 5929 3."""

ITERATIONS = 4096
"""The least that RFC 7677 4 allows: passwords of a test lab are no secret, and clients pay for it too."""

_CLIENT_FIRST = re.compile(r"(?P<mandatory>m=[^,]*,)?n=(?P<name>[^,\0]*),r=(?P<nonce>[!-+\--~]+)(?:,[A-Za-z]=[^,\0]+)*")
_CLIENT_FINAL = re.compile(
    r"(?P<unsigned>c=(?P<binding>[A-Za-z0-9+/=]+),r=(?P<nonce>[!-+\--~]+)(?:,[A-Za-z]=[^,\0]+)*),p=(?P<proof>[A-Za-z0-9+/=]+)"
)


def has_binding(channel: Channel) -> bool:
    """Whether the channel can be bound to at all."""
    return any(channel.binding(kind) is not None for kind in BINDINGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scram:
    """One SCRAM mechanism; an instance is what the table of mechanisms calls to start an exchange."""

    digest: str
    """The hash function's name in :mod:`hashlib`."""
    plus: bool
    """The client has to bind to the channel."""
    iterations: int = ITERATIONS

    def __call__(self, credentials: Credentials, channel: Channel, entropy: Entropy) -> SaslExchange:
        """Start an exchange with a fresh nonce and the credentials' own salts."""

        def salt(name: str) -> bytes:
            return hmac.digest(credentials.salt_key, f"{self.digest}\0{name}".encode(), "sha256")[:16]

        nonce = b64encode(entropy.token(18, "scram nonce")).decode()
        return self.exchange(credentials, channel, nonce=nonce, salt=salt)

    def exchange(
        self, credentials: Credentials, channel: Channel, *, nonce: str, salt: Callable[[str], bytes]
    ) -> SaslExchange:
        """Run the exchange with the server's half of the nonce and a salt for every name."""
        header, first = split_header(decoded((yield b"")))
        binding = self._binding(header, channel)
        name, client_nonce = _client_first(first)
        known = credentials.password(name)
        account, password = known or ("", "")
        salted = salt(name)
        stored_key, server_key = _keys(self.digest, prepared(password), salted, self.iterations)
        both = client_nonce + nonce
        challenge = f"r={both},s={b64encode(salted).decode()},i={self.iterations}"
        final = _CLIENT_FINAL.fullmatch(decoded((yield challenge.encode())))
        if final is None:
            raise MechanismError("not SCRAM's final message", malformed=True)
        if final["nonce"] != both:
            raise _refusal("other-error", "the nonce is another one")
        if not hmac.compare_digest(_base64(final["binding"]), header.raw.encode() + binding):
            raise _refusal(
                "channel-bindings-dont-match",
                "the binding is another channel's, or the header was changed",
                unbound=self.plus,
            )
        message = f"{first},{challenge},{final['unsigned']}".encode()
        if not self._proves(_base64(final["proof"]), stored_key, message) or known is None:
            raise _refusal("invalid-proof", "the name or the password is wrong")
        if not acts_for_itself(credentials, account, header.authorization):
            raise _refusal("other-error", "nobody may act for another account")
        return Success(account=account, proof=b"v=" + b64encode(hmac.digest(server_key, message, self.digest)))

    def _binding(self, header: Gs2Header, channel: Channel) -> bytes:
        """Return the binding data the client has to repeat; refuse what contradicts the mechanism (RFC 5802 6)."""
        if header.flag is BindingFlag.USED:
            if not self.plus:
                raise _refusal("channel-binding-not-supported", "a binding needs the -PLUS mechanism")
            data = channel.binding(header.kind) if header.kind in BINDINGS else None
            if data is None:
                raise _refusal("unsupported-channel-binding-type", f"there is no {header.kind} here", unbound=True)
            return data
        if self.plus or (header.flag is BindingFlag.NOT_OFFERED and has_binding(channel)):
            raise _refusal(
                "server-does-support-channel-binding",
                "-PLUS is there: somebody may have hidden it",
                unbound=self.plus,
            )
        return b""

    def _proves(self, proof: bytes, stored_key: bytes, message: bytes) -> bool:
        """ClientKey is the proof XOR the signature, and its hash is StoredKey (RFC 5802 3)."""
        signature = hmac.digest(stored_key, message, self.digest)
        if len(proof) != len(signature):
            return False
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        return hmac.compare_digest(hashlib.new(self.digest, client_key).digest(), stored_key)


def _client_first(bare: str) -> tuple[str, str]:
    """Return the prepared name and the client's nonce from client-first-message-bare."""
    found = _CLIENT_FIRST.fullmatch(bare)
    if found is None:
        raise MechanismError("not SCRAM's first message", malformed=True)
    if found["mandatory"]:
        raise _refusal("extensions-not-supported", "a mandatory extension")
    try:
        name = saslprep(saslname(found["name"]), allow_unassigned=True)
    except ValueError as error:
        raise _refusal("invalid-username-encoding", str(error)) from None
    if not name:
        raise _refusal("invalid-username-encoding", "nothing is left of the name after SASLprep")
    return name, found["nonce"]


@lru_cache(maxsize=256)
def _keys(digest: str, password: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    """Return StoredKey and ServerKey (RFC 5802 3)."""
    salted = hashlib.pbkdf2_hmac(digest, password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", digest)
    return hashlib.new(digest, client_key).digest(), hmac.digest(salted, b"Server Key", digest)


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except Base64Error:
        raise MechanismError("not base64", malformed=True) from None


def _refusal(value: str, text: str, *, unbound: bool = False) -> MechanismError:
    return MechanismError(text, challenge=f"e={value}".encode(), unbound=unbound)
