"""Which scenarios a lab can serve on this host, and with which chains and TLS engines.

Nothing is made, and nothing probed, before somebody asks for it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from labserver.errors import UnavailableError
from labserver.misbehaviours.moment import Memories, Moment
from labserver.misbehaviours.presentation import AS_USUAL
from labserver.pki.chain import certificates_pem
from labserver.pki.engine_names import ENGINES
from labserver.session.engine_choice import ChainEngines, RecipeEngines, always
from labserver.tls.client_hello import ClientHello
from labserver.tls.failed import FailedEngine
from labserver.tls.recipe_settings import following, presenting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labserver.catalogue.chains import ScenarioChains
    from labserver.misbehaviours.presentation import Presentation
    from labserver.pki.chain import Chain
    from labserver.pki.material import Material
    from labserver.pki.specification import ChainSpec
    from labserver.scenario import Scenario
    from labserver.session.engine_choice import Answer, Visit
    from labserver.settings import Settings
    from labserver.tls.engine import TlsSettings

__all__ = ["ScenarioTls"]

_ASKS = ClientHello(versions=(), ciphers=(), protocols=("imap",))
"""Of a client that meets whatever there is."""


class ScenarioTls:
    """Finds the TLS of a scenario; ``http`` is how the URLs begin that it publishes, empty if it publishes nothing."""

    def __init__(self, *, settings: Settings, material: Material, chains: ScenarioChains, http: str) -> None:
        self._settings = settings
        self._material = material
        self._chains = chains
        self._http = http
        self._unavailable: dict[str, str | None] = {}

    def unavailable(self, identifier: str) -> str | None:
        """Return why this lab, on this host, cannot serve a scenario, a sentence; None if it can."""
        if identifier not in self._unavailable:
            self._unavailable[identifier] = self._obstacle(self._chains.catalogue[identifier])
        return self._unavailable[identifier]

    def _obstacle(self, scenario: Scenario) -> str | None:
        if not scenario.usual_certificate:
            from labserver.pki import recipes  # noqa: PLC0415 -- cryptography, only when needed

            if reason := recipes.unavailable(scenario.recipe, self._material.issuer, http=self._http):
                return reason
            if reason := self._unpresentable(scenario):
                return reason
        if not scenario.chain.presents:
            return None
        try:
            presented = self._presented(scenario.id, scenario.recipe)
        except UnavailableError as error:
            return str(error)
        reasons = (presented.obstacle(presentation) for presentation in _presentations(scenario))
        return next(filter(None, reasons), None)

    def _unpresentable(self, scenario: Scenario) -> str | None:
        """Return why this host cannot present a scenario's chain; only those are tried of which that may be."""
        spec = scenario.recipe
        if spec is None or not spec.demanding:
            return None
        from labserver.tls.probe import unpresentable  # noqa: PLC0415 -- only when there is something to probe

        try:
            settings = self._tls(self._chains.chain(scenario.id))
        except UnavailableError as error:
            return str(error)
        return unpresentable(replace(following(settings, spec), key_log=None), spec.engine)

    def answers(self, identifier: str | None, recipe: ChainSpec | None) -> Callable[[Visit], Answer]:
        """Return what answers in a scenario's TLS, or in the lab's; nothing is made before the first answer.

        Without a ``recipe`` the chain is issued.
        """
        made: list[Callable[[Visit], Answer]] = []

        def answer(visit: Visit) -> Answer:
            if not made:
                made.append(self._made_answers(identifier, recipe))
            return made[0](visit)

        return answer

    def _made_answers(self, identifier: str | None, recipe: ChainSpec | None) -> Callable[[Visit], Answer]:
        reason = None if identifier is None else self.unavailable(identifier)
        if reason is not None:
            return always(partial(FailedEngine, reason))
        return self._presented(identifier, recipe)

    def _presented(self, identifier: str | None, recipe: ChainSpec | None) -> ChainEngines | RecipeEngines:
        anchors = certificates_pem(self._material.issuer.authorities)
        if identifier is None or recipe is None:
            chain = self._material.chain if identifier is None else self._chains.chain(identifier)
            return ChainEngines(self._tls(chain), engine=self._settings.tls_engine, anchors=anchors, others=ENGINES)
        return RecipeEngines(
            recipe,
            forge=partial(self._chains.form, identifier),
            settings=self._tls,
            names=frozenset(self._chains.names(identifier)),
            anchors=anchors,
        )

    def _tls(self, chain: Chain) -> TlsSettings:
        # openssl s_client -cert, among others, sends the leaf alone
        authorities = self._material.issuer.authorities if self._settings.client_certificates else ()
        return replace(presenting(chain), client_anchors=certificates_pem(authorities), key_log=self._settings.key_log)


def _presentations(scenario: Scenario) -> Iterator[Presentation]:
    """Yield how a scenario may have TLS answer: each misbehaviour by itself, then one over the other."""
    from labserver.dialogues.imap import ImapDialogue  # noqa: PLC0415 -- only for who misbehaves in TLS

    dialogue = ImapDialogue(line_limit=0, literal_limit=0)  # nothing is spelled in a handshake
    moment = Moment(service=scenario.services[0], dialogue=dialogue, memories=Memories())
    together = AS_USUAL
    for link in scenario.chain.links:
        yield link.handshake(AS_USUAL, _ASKS, moment)
        together = link.handshake(together, _ASKS, moment)
    yield together
