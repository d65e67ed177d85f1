"""Which server answers a connection: what a scenario's sessions are made from, put together at the first use and kept.

Nothing of a scenario exists before somebody meets it: five hundred of them cost nothing where nobody asks for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from labserver.misbehaviours.chain import Chain, Tell
from labserver.misbehaviours.moment import Memories, Moment
from labserver.misbehaviours.presentation import AS_USUAL
from labserver.scenario import USUAL_CERTIFICATE
from labserver.session.engine_choice import Visit
from labserver.tls.peeking import PeekingEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.catalogue.catalogue import Catalogue
    from labserver.dialogues.exchange import Backend, Dialogue, Link
    from labserver.pki.specification import ChainSpec
    from labserver.scenario import Server
    from labserver.services import Service
    from labserver.session.access import Access
    from labserver.session.backends import Backends
    from labserver.session.engine_choice import Answer
    from labserver.tls.client_hello import ClientHello
    from labserver.tls.engine import TlsEngine

__all__ = ["Role", "Roles"]


_GOOD = "good"
"""The id of the honest server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What a scenario's sessions are made from."""

    scenario: str
    """The scenario's id, for the transcript."""
    account: str
    """Whose mail a client sees that needs no login."""
    access: Access
    backends: Backends
    answer: Callable[[Visit], Answer]
    """Makes the TLS engine of a connection."""
    certificate: str = USUAL_CERTIFICATE
    """The recipe of the chain that is presented."""
    chain: Chain = field(default_factory=Chain)
    """What goes wrong in the dialogue."""
    memories: Memories = field(default_factory=Memories)
    """What the scenario's sessions at this place share."""
    _makers: dict[str, Callable[[Link], Backend]] = field(default_factory=dict)
    _dialogues: dict[str, Dialogue] = field(default_factory=dict)

    def dialogue(self, service: Service) -> Dialogue:
        """Return the service's spelling, one for all sessions."""
        dialogue = self._dialogues.get(service.name)
        if dialogue is None:
            dialogue = self._dialogues[service.name] = self.backends.dialogue(service)
        return dialogue

    def maker(self, service: Service) -> Callable[[Link], Backend]:
        """Return what makes the honest session behind the membrane."""
        maker = self._makers.get(service.name)
        if maker is None:
            maker = self._makers[service.name] = self.backends.maker(service)
        return maker

    def leased(self, *, cleartext: bool = False, account: str = "") -> Role:
        """Return the same for another place, where nothing has happened yet; with ``cleartext`` logins need no TLS.

        With ``account`` the place shares no memory with any other, and that account is seen without a login.
        """
        return replace(
            self,
            account=account or self.account,
            access=replace(self.access, cleartext=True) if cleartext else self.access,
            memories=self.memories.alone() if account else self.memories.leased(),
            _makers=self._makers,
        )

    @property
    def in_handshake(self) -> bool:
        """Whether anything is wrong with the handshake or the certificate."""
        return self.chain.presents or self.certificate != USUAL_CERTIFICATE

    def engine(self) -> TlsEngine:
        """Return an engine for whoever comes."""
        return self.answer(Visit()).engine

    def moment(self, service: Service) -> Moment:
        """Return where a session stands that has not said anything yet."""
        return Moment(service=service.name, dialogue=self.dialogue(service), memories=self.memories)

    def watched_engine(
        self,
        service: Service,
        misbehaved: Callable[[str, str], None],
        moment: Callable[[Role], Moment | None] = lambda _: None,
    ) -> TlsEngine:
        """Return an engine that tells ``misbehaved`` (scenario, kind) when the fault reaches the client.

        That is as soon as its ClientHello is there to be answered, or not before a certificate is sent. What is no
        ClientHello gets what the engine says to that, and has met nothing of the scenario. ``moment`` gives the
        session's own, if it has one; if not, this is where it begins.
        """
        watch = _Watch(service, misbehaved, moment)
        return PeekingEngine(partial(watch.chosen, self), watch.answered) if self.in_handshake else self.engine()


class _Watch:
    """Finds out whether a connection meets the fault that lies in a handshake, and tells it once."""

    def __init__(
        self,
        service: Service,
        misbehaved: Callable[[str, str], None],
        moment: Callable[[Role], Moment | None],
    ) -> None:
        self._service = service
        self._misbehaved = misbehaved
        self._moment = moment
        self._shown: Role | None = None

    def chosen(self, role: Role, hello: ClientHello | None) -> TlsEngine:
        """Return the engine of ``role`` for a client; one that failed before it began does nothing to it."""
        presentation, tells = AS_USUAL, tuple[Tell, ...]()
        if role.chain.presents:
            moment = self._moment(role) or role.moment(self._service)
            presentation, tells = role.chain.handshake(AS_USUAL, hello, moment)
        answer = role.answer(Visit(hello=hello, service=self._service.name, presentation=presentation))
        if hello is not None and answer.engine.failure is None:
            for tell in tells:
                self._misbehaved(role.scenario, tell.kind)
            beside_the_point = answer.good and bool(role.chain)
            if answer.meant and role.certificate != USUAL_CERTIFICATE and not beside_the_point:
                self._shown = role
        return answer.engine

    def answered(self) -> None:
        """Take note that the client gets the certificate, if that is what is wrong."""
        if self._shown is not None:
            self._misbehaved(self._shown.scenario, "certificate")


class Roles:
    """Finds the role for an address, a name in TLS or a scenario."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        access: Access,
        backends: Backends,
        make_answers: Callable[[str | None, ChainSpec | None], Callable[[Visit], Answer]],
        account: str,
        seed: str,
        usual: str = "",
    ) -> None:
        """``usual`` is the scenario at the lab's usual places, empty for the honest server."""
        self._catalogue = catalogue
        self._access = access
        self._backends = backends
        self._make_answers = make_answers
        self._account = account
        self._seed = seed
        self._roles: dict[tuple[str, bool], Role] = {}
        answers = make_answers(None, None)
        self.good = (
            replace(self.role(usual), answer=answers)
            if usual
            else Role(scenario=_GOOD, account=account, access=access, backends=backends, answer=answers)
        )
        """The server at the lab's usual places, honest unless the lab was told otherwise; the honest one has a place of
        its own besides, and a certificate for that."""

    def role(self, identifier: str, *, control: bool = False) -> Role:
        """Return the role of a scenario, or of the control that goes with it. KeyError if there is no such one."""
        role = self._roles.get((identifier, control))
        if role is None:
            role = self._roles[identifier, control] = self._made(identifier, control=control)
        return role

    def at(self, address: str) -> Role:
        """Return who is met at a local address."""
        identifier = self._catalogue.at(address)
        return self.good if identifier is None else self.role(identifier)

    def named(self, host: str, service: Service) -> Role | None:
        """Return who is met by asking for a name in TLS; only what comes after the ClientHello can be chosen by it."""
        identifier = self._catalogue.named(host)
        if identifier is None or not self._catalogue[identifier].named_on(service):
            return None
        return self.role(identifier)

    def good_engine(
        self,
        service: Service,
        misbehaved: Callable[[str, str], None],
        become: Callable[[Role], None],
        moment: Callable[[Role], Moment | None] = lambda _: None,
    ) -> TlsEngine:
        """Return the honest server's engine, which becomes another's when the client asks for that one's name.

        ``become`` is told who that is before any of the dialogue that TLS protects; ``moment`` as for a role's own.
        """
        watch = _Watch(service, misbehaved, moment)

        def choose(hello: ClientHello | None) -> TlsEngine:
            role = self.named(hello.server_name, service) if hello is not None else None
            if role is None:
                role = self.good
            else:
                become(role)
            return watch.chosen(role, hello) if role.in_handshake else role.engine()

        return PeekingEngine(choose, watch.answered)

    def _made(self, identifier: str, *, control: bool) -> Role:
        scenario = self._catalogue[identifier]
        return Role(
            scenario=identifier,
            account=self._account,
            access=self._access_of(scenario.server),
            backends=self._backends,
            answer=self._make_answers(identifier, None if control else scenario.recipe),
            certificate=USUAL_CERTIFICATE if control else scenario.certificate,
            chain=scenario.control_chain if control else scenario.chain,
            memories=Memories(seed=self._seed, scenario=identifier),
        )

    def _access_of(self, server: Server) -> Access:
        """Return who may authenticate, and how, where a scenario has settings of its own for the honest server."""
        access = self._access
        if server.permissive:
            access = replace(access, cleartext=True, bait=True)
        if server.mechanisms:
            access = replace(access, requested=frozenset(server.mechanisms), passwords=False)
        return access
