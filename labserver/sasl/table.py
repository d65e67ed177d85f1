"""Every mechanism the lab has, best first, and which of them a connection is offered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from labserver.sasl.cram import cram_md5
from labserver.sasl.external import anonymous, external
from labserver.sasl.mechanism import Mechanism
from labserver.sasl.oauth import oauthbearer, xoauth2
from labserver.sasl.plain import login, plain
from labserver.sasl.scram import Scram, has_binding

if TYPE_CHECKING:
    from collections.abc import Collection

    from labserver.clock import Entropy
    from labserver.sasl.mechanism import Channel, Credentials, SaslExchange

__all__ = ["MECHANISMS", "offered", "start"]

_ALL = (
    Mechanism(
        name="SCRAM-SHA-256-PLUS",
        client_first=True,
        start=Scram(digest="sha256", plus=True),
        binding=True,
        knows_password=True,
    ),
    Mechanism(
        name="SCRAM-SHA-1-PLUS",
        client_first=True,
        start=Scram(digest="sha1", plus=True),
        binding=True,
        knows_password=True,
    ),
    Mechanism(name="SCRAM-SHA-256", client_first=True, start=Scram(digest="sha256", plus=False), knows_password=True),
    Mechanism(name="SCRAM-SHA-1", client_first=True, start=Scram(digest="sha1", plus=False), knows_password=True),
    Mechanism(name="EXTERNAL", client_first=True, start=external, certificate=True),
    Mechanism(name="OAUTHBEARER", client_first=True, start=oauthbearer),
    Mechanism(name="XOAUTH2", client_first=True, start=xoauth2),
    Mechanism(name="CRAM-MD5", client_first=False, start=cram_md5, knows_password=True),
    Mechanism(name="PLAIN", client_first=True, start=plain),
    Mechanism(name="LOGIN", client_first=True, start=login),
    Mechanism(name="ANONYMOUS", client_first=True, start=anonymous, needs_tls=False, by_request=True),
)

MECHANISMS: dict[str, Mechanism] = {mechanism.name: mechanism for mechanism in _ALL}
"""Every mechanism by its IANA name, in the order in which they are advertised."""


def offered(
    *, secure: bool, channel: Channel, accept_any: bool = False, requested: Collection[str] | None = None
) -> tuple[str, ...]:
    """Return the names to advertise, best first.

    ``secure``: TLS is up, or the operator lets credentials travel in clear. ``accept_any``: any password will do, so
    what has to know it is left out. ``requested``: only these; None means all but those that exist by request only.
    """
    return _offered(
        secure=secure,
        bindable=has_binding(channel),
        certified=channel.client_certificate is not None,
        accept_any=accept_any,
        requested=None if requested is None else frozenset(requested),
    )


@lru_cache(maxsize=256)
def _offered(
    *, secure: bool, bindable: bool, certified: bool, accept_any: bool, requested: frozenset[str] | None
) -> tuple[str, ...]:
    """Return the same by what matters of the channel; there are few answers, and every greeting needs one."""
    return tuple(
        name
        for name, mechanism in MECHANISMS.items()
        if (not mechanism.by_request if requested is None else name in requested)
        and (secure or not mechanism.needs_tls)
        and not (accept_any and mechanism.knows_password)
        and not (mechanism.binding and not bindable)
        and not (mechanism.certificate and not certified)
    )


def start(
    name: str, *, among: Collection[str], credentials: Credentials, channel: Channel, entropy: Entropy
) -> SaslExchange:
    """Start the exchange of the mechanism ``name``; ``among`` are the names that were offered.

    Where no -PLUS mechanism was offered, the channel counts as having no binding: SCRAM's ``y`` is then the truth and
    not the sign of a downgrade (RFC 5802 6). KeyError for a name that is no mechanism's.
    """
    bindable = any(MECHANISMS[other].binding for other in among)
    return MECHANISMS[name].start(credentials, channel if bindable else _Unbound(channel=channel), entropy)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unbound:
    """A channel without its bindings."""

    channel: Channel

    def binding(self, kind: str) -> None:
        """Return None: there is no binding."""

    @property
    def client_certificate(self) -> bytes | None:
        """The client's certificate."""
        return self.channel.client_certificate
