"""What a client is answered with in TLS, where that depends on the client: its ClientHello, its service, its turn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labserver.pki.chain import certificates_pem
from labserver.tls.engine import make_engines

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.pki.chain import Chain
    from labserver.pki.specification import ChainSpec
    from labserver.tls.client_hello import ClientHello
    from labserver.tls.engine import TlsEngine, TlsSettings

__all__ = ["Answer", "Presenter", "Visit", "always"]

_ECDSA = frozenset((0x0403, 0x0503, 0x0603))
"""ECDSA with SHA-256, 384 and 512 (RFC 8446 4.2.3)."""
_RSA_MD5 = 0x0101
_ZLIB = 1
_TLS_1_3 = 0x0304
_RAW_KEY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A connection about to be answered."""

    hello: ClientHello | None = None
    """None where it said nothing of the kind."""
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What it gets."""

    engine: TlsEngine
    meant: bool = True
    """It is what the scenario is about, and not what is there for others."""


def always(make: Callable[[], TlsEngine]) -> Callable[[Visit], Answer]:
    """Return what answers everybody in the same way."""
    return lambda _: Answer(engine=make())


_MEANT: dict[str, Callable[[ClientHello], bool]] = {
    "compressed": lambda hello: _ZLIB in hello.compressions and _TLS_1_3 in hello.versions,
    "md5-signature": lambda hello: _RSA_MD5 not in hello.signatures,
    "raw-key": lambda hello: _RAW_KEY in hello.certificate_types,
    "unrecognized-name": lambda hello: bool(hello.server_name),
}
"""Which clients meet a presentation at all; all of them, where nothing is said here."""


class Presenter:
    """A recipe's scenario: its chains and engines, each made when the first client gets it."""

    def __init__(
        self,
        spec: ChainSpec,
        *,
        forge: Callable[[ChainSpec | None, str], Chain],
        settings: Callable[[Chain], TlsSettings],
        names: frozenset[str],
    ) -> None:
        """``forge`` makes a chain in a form of the recipe for an occasion; ``names`` are the server's."""
        self._spec = spec
        self._forge = forge
        self._settings = settings
        self._names = names
        self._made: dict[tuple[bool, str], Callable[[], TlsEngine]] = {}
        self._connections = 0

    def __call__(self, visit: Visit) -> Answer:
        """Return what this connection gets."""
        others = self._spec.other is not None and self._is_for_others(visit.hello)
        occasion = self._occasion(visit)
        make = self._made.get((others, occasion)) or self._engines(others=others, occasion=occasion)
        if self._spec.anew != "connection":
            self._made[others, occasion] = make
        return Answer(engine=make(), meant=self._is_meant_for(visit.hello))

    def _is_for_others(self, hello: ClientHello | None) -> bool:
        """Return whether a client gets the recipe's other chain."""
        if hello is None:
            return False
        if self._spec.other_for == "unnamed":
            return hello.server_name.lower().rstrip(".") not in self._names
        return _ECDSA.isdisjoint(hello.signatures)

    def _is_meant_for(self, hello: ClientHello | None) -> bool:
        if hello is None:
            return True
        meets = _MEANT.get(self._spec.present)
        asked = self._spec.asked
        return (meets is None or meets(hello)) and (not asked or hello.asks(asked))

    def _occasion(self, visit: Visit) -> str:
        match self._spec.anew:
            case "connection":
                self._connections += 1
                return f"connection {self._connections}"
            case "service":
                return f"service {visit.service}"
            case _:
                return ""

    def _engines(self, *, others: bool, occasion: str) -> Callable[[], TlsEngine]:
        spec = self._spec
        chain = self._forge(spec.other, "other") if others else self._forge(None, occasion)
        settings = replace(self._settings(chain), weak=spec.weak, present=spec.present, maximum=spec.newest)
        if spec.versions:
            settings = replace(settings, minimum=spec.versions[0])
        if spec.client_certificate:
            required = spec.client_certificate == "required"
            anchors = certificates_pem(chain.client_anchors)
            settings = replace(settings, client_anchors=anchors, client_required=required)
        return make_engines(spec.engine, settings)
