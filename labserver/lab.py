"""The lab: everything put together from its settings, started, and stopped. The composition root.

Order matters. Sockets are bound first, which costs nothing and fails first; then what else can fail is made; only then
do sockets listen, all of them before anything is announced.
"""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING

from labserver.budget import Budgets
from labserver.catalogue.chains import ScenarioChains
from labserver.clock import SystemClock
from labserver.errors import ConfigurationError, UnavailableError, reason
from labserver.holding import Intake
from labserver.imap.extensions.properties import PROPERTIES
from labserver.mailstore.delivery import Delivery
from labserver.mailstore.directory import Directory
from labserver.mailstore.storage import MemoryStorage
from labserver.mailstore.store import MailStore
from labserver.pki.chain import fingerprint
from labserver.pki.material import entropy_for, obtain
from labserver.private_files import PUBLIC, open_appending, write_file
from labserver.servers.anchors import AnchorFiles
from labserver.servers.leases import LOOPBACK, Lease, check_case
from labserver.servers.listeners import bind_all, exposure, listen
from labserver.servers.memory import Ebb, default_memory
from labserver.servers.spool import Spool
from labserver.services import SERVICES
from labserver.session.access import Access
from labserver.session.backends import Backends
from labserver.session.roles import Roles
from labserver.session.scenario_tls import ScenarioTls
from labserver.session.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from twisted.internet.interfaces import IListeningPort, IReactorSocket

    from labserver.catalogue.catalogue import Catalogue
    from labserver.clock import Clock
    from labserver.mailstore.storage import Storage
    from labserver.pki.chain import Publications
    from labserver.pki.material import Material
    from labserver.servers.factory import OpenConnections
    from labserver.servers.listeners import Bound
    from labserver.servers.publisher import Publisher
    from labserver.settings import Settings

__all__ = ["Lab"]

_CACHE = 64 << 20
"""Octets of mail in a store file that are in memory as well, at most."""
SCHEMA = 1
"""The version of the ready record. Fields are added under it, never changed."""


class Lab:
    """One lab. Made, it has its sockets but does not listen; raises ConfigurationError for settings that cannot be.

    ``run_directory`` is where the CA's certificate is put for clients to read; it exists and is private.
    """

    def __init__(
        self, settings: Settings, catalogue: Catalogue, *, run_directory: Path, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self.run_directory = run_directory
        self.clock: Clock = clock or SystemClock()
        self._preloaded: tuple[str, ...] = ()
        limits = settings.limits
        self.budgets = Budgets.of(
            memory=limits.memory or default_memory(), spool=limits.spool, connections=limits.connections
        )
        """What clients may make this lab hold, and what they do."""
        self._ebb = Ebb(self.budgets.memory)
        self._spool = Spool(
            settings.certificates.state or run_directory, budget=self.budgets.spool, share=self.budgets.share
        )
        self.transcript = self._new_transcript()
        for identifier in settings.scenarios:
            scenario = check_case(catalogue, identifier, ())
            if settings.ports.keys().isdisjoint(scenario.services):
                check_case(catalogue, identifier, tuple(settings.ports))  # it would be nowhere
        if settings.strict_smtp_syntax:
            _check_addresses(settings)
        self._bound = bind_all(settings.ports, settings.addresses)
        self._http: Bound | None = None
        try:
            if settings.http_port is not None:
                (self._http,) = bind_all({"http": settings.http_port}, LOOPBACK[:1])
            self._entropy = entropy_for(settings.certificates)
            self.directory = Directory(
                settings.users,
                entropy=self._entropy,
                catch_all=settings.catch_all,
                accept_any=settings.accept_any,
            )
            self.material: Material = obtain(settings.certificates, clock=self.clock)
            self.chains = ScenarioChains(
                catalogue=catalogue,
                wanted=settings.certificates,
                material=self.material,
                entropy=self._entropy,
                clock=self.clock,
                http=self._url,
            )
            self._scenario_tls = ScenarioTls(
                settings=settings, material=self.material, chains=self.chains, http=self._url
            )
            self.store = MailStore(
                storage=self._storage(), limits=settings.limits, clock=self.clock, folders=settings.folders
            )
        except BaseException:
            self.release()
            raise
        try:
            if settings.key_log is not None:
                _check_key_log(settings.key_log)
            self.roles = self._make_roles()
            """Who is met where."""
            if settings.certificates.certificate is not None:
                self.roles.good.engine()  # the operator's chain is tried before anybody connects
            self._fill()
        except BaseException:
            self.release()
            self.store.close()
            raise
        self.anchors = AnchorFiles(
            catalogue=catalogue,
            directory=run_directory,
            usual=self.material.chain.anchors,
            chain=self.chains.chain,
        )
        """What clients are told to trust."""
        self.leases: list[Lease] = []
        """Scenarios on ports of their own since the start."""
        self._ports: list[IListeningPort] = []
        self._connections: OpenConnections | None = None
        self._publisher: Publisher | None = None

    @property
    def notices(self) -> tuple[str, ...]:
        """What the operator should know before using the lab."""
        warning = exposure(self.settings.addresses)
        return (*([f"WARNING: {warning}"] if warning else []), *self.material.notices, *self._preloaded)

    def start(self, reactor: IReactorSocket) -> None:
        """Listen on every socket."""
        from labserver.servers.factory import ConnectionFactory  # noqa: PLC0415 -- needs the reactor

        self._reactor = reactor
        self._connections = self._open_connections()
        for bound in self._bound:
            factory = ConnectionFactory(
                service=SERVICES[bound.service],
                roles=self.roles,
                transcript=self.transcript,
                connections=self._connections,
            )
            self._ports += listen(reactor, bound, factory)
        if self._http is not None:
            from labserver.servers.publisher import Publisher  # noqa: PLC0415 -- only where there is a port for it

            self._publisher = Publisher(self.publications, self.settings.limits)
            self._ports += listen(reactor, self._http, self._publisher)
        for identifier in self.settings.scenarios:
            services = [name for name in self.settings.ports if name in self.catalogue[identifier].services]
            self.leases.append(self.lease(identifier, services, transcript=self.transcript))

    def _open_connections(self) -> OpenConnections:
        from labserver.servers.factory import OpenConnections  # noqa: PLC0415 -- needs the reactor

        return OpenConnections(limits=self.settings.limits, budget=self.budgets.unfinished, ebb=self._ebb)

    def lease(
        self,
        identifier: str,
        services: Sequence[str],
        *,
        control: bool = False,
        cleartext: bool = False,
        transcript: Transcript | None = None,
        account: str = "",
    ) -> Lease:
        """Open a scenario, or its control, on free ports of its own until the lease is closed.

        Its sessions are recorded apart, or in ``transcript``; with ``cleartext`` they accept credentials without TLS.
        With ``account`` it shares no counts with any other lease, and sessions without a login (PREAUTH) see that
        account's mail instead of the first one's. The lab must have been started. Raises ConfigurationError if there is
        no such scenario or it is not available on one of the services, UnavailableError if this lab cannot serve it.
        """
        from labserver.servers.factory import ConnectionFactory  # noqa: PLC0415 -- needs the reactor

        scenario = check_case(self.catalogue, identifier, services)
        if reason := self.unavailable(identifier):
            raise UnavailableError(f"{identifier} cannot be served here: {reason}")
        role = self.roles.role(identifier, control=control).leased(cleartext=cleartext, account=account)
        lease = Lease(
            scenario=scenario,
            transcript=transcript or self._new_transcript(),
            connections=self._open_connections(),
            ca=self.anchors.told(identifier),
            crl_pem=self._lists_file(identifier),
        )
        for bound in bind_all(dict.fromkeys(services, 0), LOOPBACK):
            factory = ConnectionFactory(
                service=SERVICES[bound.service],
                roles=self.roles,
                transcript=lease.transcript,
                connections=lease.connections,
                role=role,
            )
            lease.ports[bound.service] = bound.port
            lease.listening += listen(self._reactor, bound, factory)
        return lease

    def unavailable(self, identifier: str) -> str | None:
        """Return why this lab, on this host, cannot serve a scenario, a sentence; None if it can."""
        return self._scenario_tls.unavailable(identifier)

    def publications(self, identifier: str) -> Publications | None:
        """Return what is published about a scenario's chain; None if there is no such scenario, or nothing."""
        scenario = self.catalogue.get(identifier)
        recipe = None if scenario is None else scenario.recipe
        if recipe is None or not recipe.published or self.unavailable(identifier):
            return None
        return self.chains.chain(identifier).publications

    @property
    def _url(self) -> str:
        """The beginning of what is published; empty if nothing is."""
        return "" if self._http is None else f"http://{LOOPBACK[0]}:{self._http.port}"

    def _lists_file(self, identifier: str) -> Path | None:
        """Return the file with the CRLs of the scenario's own CAs, made if need be; None if they publish none."""
        found = self.publications(identifier)
        if found is None or not found.lists:
            return None
        path = self.run_directory / f"crl-{identifier}.pem"
        write_file(path, self.chains.chain(identifier).crls_pem, mode=PUBLIC, durable=False)
        return path

    async def stop(self, *, grace: float = 5.0) -> None:
        """Stop listening, say goodbye to every client, wait up to ``grace`` seconds for them, close the store."""
        for port in self._ports:
            port.stopListening()
        self._ports.clear()
        self.release()  # what never listened
        if self._publisher is not None:
            self._publisher.drop()
        for lease in self.leases:
            await lease.close(grace=grace)
        if self._connections is not None:
            await self._connections.drain(grace)
        self.store.close()
        self._spool.close()

    def record(self) -> dict[str, object]:
        """Return the ready record: what programs need to know, in a stable, versioned form."""
        ports = {bound.service: bound.port for bound in self._bound}
        return {
            "schema": SCHEMA,
            "pid": os.getpid(),
            "host": _reachable(self.settings.addresses[0]),
            "server_name": self.settings.certificates.host,
            "ports": ports,
            "ca": self._authority(),
            "accounts": [
                {"user": account, "password": user.password, "address": user.address, "token": user.token}
                for account, user in self.directory.users.items()
            ],
            "store": str(self.settings.store) if self.settings.store else None,
            "control": str(self.run_directory / "control.sock"),
            "urls": {"http": f"{self._url}/"} if self._http is not None else {},
            "scenarios": [
                {
                    "id": lease.scenario.id,
                    "ports": lease.ports,
                    "ca": lease.ca,
                    "crl": {} if lease.crl_pem is None else {"pem": str(lease.crl_pem)},
                }
                for lease in self.leases
            ],
        }

    def _authority(self) -> dict[str, str]:
        """Return where the CA is; empty when the operator's own chain does not tell what vouches for it."""
        anchors = self.material.chain.anchors
        if not anchors:
            return {}
        files = {kind: str(self.run_directory / f"ca.{kind}") for kind in ("pem", "der", "p12")}
        return files | {"sha256": fingerprint(anchors[0])}

    def _new_transcript(self) -> Transcript:
        limits = self.settings.limits
        return Transcript(
            clock=self.clock,
            octets=limits.transcript_octets,
            raw_octets=limits.transcript_raw_octets,
            sessions=limits.transcript_sessions,
        )

    def _make_roles(self) -> Roles:
        settings = self.settings
        if settings.usual and (reason := self.unavailable(settings.usual)):
            raise UnavailableError(f"{settings.usual} cannot be served here: {reason}")
        return Roles(
            catalogue=self.catalogue,
            access=Access(
                credentials=self.directory,
                entropy=self._entropy,
                limits=settings.limits,
                cleartext=settings.cleartext_auth,
                accept_any=settings.accept_any,
                requested=settings.mechanisms,
            ),
            backends=self._backends(),
            make_answers=self._scenario_tls.answers,
            account=next(iter(self.directory.users), ""),
            seed=self._entropy.token(16, "misbehaviours").hex(),
            usual=settings.usual,
        )

    def release(self) -> None:
        """Close the sockets that do not listen: all of a lab that was never started."""
        for bound in (*self._bound, *([self._http] if self._http is not None else [])):
            for sock in bound.sockets:
                sock.close()

    def _storage(self) -> Storage:
        settings, budget = self.settings, self.budgets.finished
        if settings.store is None:
            return MemoryStorage(budget, properties=PROPERTIES)
        from labserver.mailstore.sqlite import SqliteStorage  # noqa: PLC0415 -- only when it is asked for

        return SqliteStorage(
            settings.store,
            synchronous="full" if settings.durable else "normal",
            cache_size=min(_CACHE, budget.limit // 2),
            budget=budget,
            properties=PROPERTIES,
        )

    def _fill(self) -> None:
        for account in self.directory.users:
            self.store.account(account)
        if self.settings.preload:
            from labserver.mailstore.preload import preload  # noqa: PLC0415 -- only when it is asked for

            for path in self.settings.preload:
                report = preload(
                    path,
                    store=self.store,
                    directory=self.directory,
                    keep_line_ends=self.settings.keep_line_ends,
                )
                self._preloaded += (f"--preload {path}: {report}",)

    def _backends(self) -> Backends:
        settings = self.settings
        extensions = None
        if settings.imap_without:
            from labserver.imap.extensions.table import EXTENSIONS  # noqa: PLC0415 -- only when it is asked for

            extensions = tuple(name for name in EXTENSIONS if name not in settings.imap_without)
        return Backends(
            store=self.store,
            delivery=Delivery(
                store=self.store,
                directory=self.directory,
                clock=self.clock,
                trace_headers=settings.trace_headers,
                host=settings.certificates.host,
            ),
            limits=settings.limits,
            clock=self.clock,
            entropy=self._entropy,
            host_name=settings.certificates.host,
            intake=Intake(budget=self.budgets.unfinished, share=self.budgets.share, blocks=self._spool),
            imap_extensions=extensions,
            apop=settings.apop,
            pop3_lock=settings.pop3_lock,
            keep_line_ends=settings.keep_line_ends,
            strict_smtp_syntax=settings.strict_smtp_syntax,
        )


def _check_addresses(settings: Settings) -> None:
    """Every user can be mailed to, in the strict syntax too; raises ConfigurationError."""
    from labserver.smtp.grammar import RCPT, Addressed, parse  # noqa: PLC0415 -- only when it is asked for

    for user in settings.users:
        if user.domain and not isinstance(parse(RCPT, f"TO:<{user.address}>"), Addressed):
            raise ConfigurationError(f"--user {user.address}: --strict-smtp-syntax lets nobody mail to this address")


def _check_key_log(path: Path) -> None:
    """Make the file, private because it opens every recorded session; raises ConfigurationError."""
    try:
        os.close(open_appending(path))
    except OSError as error:
        raise ConfigurationError(f"--key-log {path}: {reason(error, path)}") from error


def _reachable(address: str) -> str:
    """Return where a client on this machine finds a server that listens on ``address``."""
    ip = ipaddress.ip_address(address)
    if not ip.is_unspecified:
        return address
    return "127.0.0.1" if ip.version == 4 else "::1"  # noqa: PLR2004 -- IPv4
