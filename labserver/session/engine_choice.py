"""Which TLS engine answers a connection, where that depends on its ClientHello, its service or its turn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError
from labserver.misbehaviours.presentation import AS_USUAL
from labserver.pki.chain import certificates_pem
from labserver.tls.engine import make_engines
from labserver.tls.failed import FailedEngine
from labserver.tls.recipe_settings import following
from labserver.tls.stalled import StalledEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.misbehaviours.presentation import Presentation
    from labserver.pki.chain import Chain
    from labserver.pki.specification import ChainSpec
    from labserver.tls.client_hello import ClientHello
    from labserver.tls.engine import EngineName, TlsEngine, TlsSettings

__all__ = ["Answer", "ChainEngines", "RecipeEngines", "Visit", "always"]

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
    presentation: Presentation = AS_USUAL
    """How the scenario's misbehaviours have TLS answer it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What it gets."""

    engine: TlsEngine
    meant: bool = True
    """It is what the scenario is about, and not what is there for others."""
    good: bool = False
    """Every correct client accepts its certificate."""


def always(make: Callable[[], TlsEngine]) -> Callable[[Visit], Answer]:
    """Return what answers everybody in the same way."""
    return lambda _: Answer(engine=make())


class ChainEngines:
    """Engines with one chain, each kind made when the first client gets it: one for each presentation."""

    def __init__(
        self, settings: TlsSettings, *, engine: EngineName, anchors: bytes, others: tuple[EngineName, ...]
    ) -> None:
        """``engine`` is what serves it where nothing is wrong with TLS itself, ``others`` are those that may as well.

        ``anchors`` (PEM) are for a client's certificate, where one is asked for.
        """
        self._settings = settings
        self._engine = engine
        self._anchors = anchors
        self._others = others
        self._made: dict[Presentation, Callable[[], TlsEngine]] = {}

    def __call__(self, visit: Visit) -> Answer:
        """Return what a connection gets."""
        return Answer(engine=self.maker(visit.presentation)())

    def maker(self, presentation: Presentation) -> Callable[[], TlsEngine]:
        """Return what makes the engines that present it so; they fail with the reason where this host cannot."""
        make = self._made.get(presentation)
        if make is None:
            make = self._made[presentation] = self._maker(presentation)
        return make

    def obstacle(self, presentation: Presentation) -> str | None:
        """Return why this host cannot present it so, a sentence; None if it can."""
        try:
            self._chosen(presentation)
        except ConfigurationError as error:
            return str(error)
        return None

    def _maker(self, presentation: Presentation) -> Callable[[], TlsEngine]:
        if presentation == AS_USUAL:
            return make_engines(self._engine, self._settings)
        if presentation.stalled:
            return StalledEngine
        try:
            return make_engines(*self._chosen(presentation))
        except ConfigurationError as error:
            return partial(FailedEngine, str(error))

    def _chosen(self, presentation: Presentation) -> tuple[EngineName, TlsSettings]:
        """Return the engine, and its settings; ConfigurationError if there is none."""
        from labserver.tls.probe import first_available  # noqa: PLC0415 -- only when there is something to probe

        settings = presentation.over(self._settings, anchors=self._anchors)
        names = presentation.engines((self._engine, *self._others))
        return first_available(names, replace(settings, key_log=None)), settings


_MEANT: dict[str, Callable[[ClientHello], bool]] = {
    "compressed": lambda hello: _ZLIB in hello.compressions and _TLS_1_3 in hello.versions,
    "md5-signature": lambda hello: _RSA_MD5 not in hello.signatures,
    "raw-key": lambda hello: _RAW_KEY in hello.certificate_types,
    "unrecognized-name": lambda hello: bool(hello.server_name),
}
"""Which clients meet a presentation at all; all of them, where nothing is said here."""


class RecipeEngines:
    """A recipe's scenario: its chains and engines, each made when the first client gets it."""

    def __init__(
        self,
        spec: ChainSpec,
        *,
        forge: Callable[[ChainSpec | None, str], Chain],
        settings: Callable[[Chain], TlsSettings],
        names: frozenset[str],
        anchors: bytes = b"",
    ) -> None:
        """``forge`` makes a chain in a form of the recipe for an occasion; ``names`` are the server's.

        ``anchors`` (PEM) are for a client's certificate, where a misbehaviour asks for one.
        """
        self._spec = spec
        self._forge = forge
        self._settings = settings
        self._names = names
        self._anchors = anchors
        self._made: dict[tuple[bool, str], ChainEngines] = {}
        self._connections = 0

    def __call__(self, visit: Visit) -> Answer:
        """Return what this connection gets."""
        others = self._spec.other is not None and self._is_for_others(visit.hello)
        occasion = self._occasion(visit)
        made = self._made.get((others, occasion)) or self._presented(others=others, occasion=occasion)
        if self._spec.anew != "connection":
            self._made[others, occasion] = made
        good = self._spec.acceptable
        return Answer(engine=made.maker(visit.presentation)(), meant=self._is_meant_for(visit.hello), good=good)

    def obstacle(self, presentation: Presentation) -> str | None:
        """Return why this host cannot present the chain so, a sentence; None if it can."""
        return self._presented(others=False, occasion="").obstacle(presentation)

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

    def _presented(self, *, others: bool, occasion: str) -> ChainEngines:
        spec = self._spec
        chain = self._forge(spec.other, "other") if others else self._forge(None, occasion)
        settings = following(self._settings(chain), spec)
        anchors = self._anchors
        if spec.client_certificate:
            anchors = certificates_pem(chain.client_anchors)
            required = spec.client_certificate == "required"
            settings = replace(settings, client_anchors=anchors, client_required=required)
        return ChainEngines(settings, engine=spec.engine, anchors=anchors, others=spec.engines)
