"""The lab: everything put together from its settings, started, and stopped. The composition root.

Order matters. Sockets are bound first, which costs nothing and fails first; then what else can fail is made; only then
do sockets listen, all of them before anything is announced.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from labserver.clock import SeededEntropy, SystemClock, SystemEntropy
from labserver.errors import ConfigurationError
from labserver.mailstore.delivery import Delivery
from labserver.mailstore.directory import Directory
from labserver.mailstore.store import MailStore
from labserver.pki.chain import certificates_pem, fingerprint
from labserver.pki.material import obtain
from labserver.servers.access import Access
from labserver.servers.backends import Backends
from labserver.servers.listeners import bind_all, exposure, listen
from labserver.servers.transcript import Transcript
from labserver.services import SERVICES
from labserver.tls.engine import TlsSettings, make_engines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from twisted.internet.interfaces import IListeningPort, IReactorSocket

    from labserver.clock import Clock, Entropy
    from labserver.mailstore.storage import Storage
    from labserver.pki.material import Material
    from labserver.servers.factory import OpenConnections
    from labserver.settings import Settings
    from labserver.tls.engine import TlsEngine

__all__ = ["Lab"]

SCHEMA = 1
"""The version of the ready record. Fields are added under it, never changed."""


class Lab:
    """One lab. Made, it has its sockets but does not listen; raises ConfigurationError for settings that cannot be.

    ``run_directory`` is where the CA's certificate is put for clients to read; it exists and is private.
    """

    def __init__(self, settings: Settings, *, run_directory: Path, clock: Clock | None = None) -> None:
        self.settings = settings
        self.run_directory = run_directory
        self.clock: Clock = clock or SystemClock()
        limits = settings.limits
        self.transcript = Transcript(
            clock=self.clock,
            octets=limits.transcript_octets,
            raw_octets=limits.transcript_raw_octets,
            sessions=limits.transcript_sessions,
        )
        self._bound = bind_all(settings.ports, settings.addresses)
        try:
            self._entropy = _entropy(settings)
            self.directory = Directory(
                settings.users,
                entropy=self._entropy,
                catch_all=settings.catch_all,
                accept_any=settings.accept_any,
            )
            self.material: Material = obtain(settings.certificates, clock=self.clock)
            self.store = MailStore(storage=_storage(settings), limits=limits, clock=self.clock)
        except BaseException:
            self._release()
            raise
        try:
            self._engines = self._make_engines()
            self._fill()
        except BaseException:
            self._release()
            self.store.close()
            raise
        self._ports: list[IListeningPort] = []
        self._connections: OpenConnections | None = None

    @property
    def notices(self) -> tuple[str, ...]:
        """What the operator should know before using the lab."""
        warning = exposure(self.settings.addresses)
        return (*([f"WARNING: {warning}"] if warning else []), *self.material.notices)

    def start(self, reactor: IReactorSocket) -> None:
        """Listen on every socket."""
        from labserver.servers.factory import ConnectionFactory, OpenConnections  # noqa: PLC0415 -- needs the reactor

        settings = self.settings
        self._connections = OpenConnections(limits=settings.limits)
        access = Access(
            credentials=self.directory,
            entropy=self._entropy,
            limits=settings.limits,
            cleartext=settings.cleartext_auth,
            accept_any=settings.accept_any,
            requested=settings.mechanisms,
        )
        backends = self._backends()
        for bound in self._bound:
            service = SERVICES[bound.service]
            factory = ConnectionFactory(
                service=service,
                dialogue=backends.dialogue(service),
                access=access,
                make_backend=backends.maker(service),
                make_engine=self._engines,
                transcript=self.transcript,
                connections=self._connections,
            )
            self._ports += listen(reactor, bound, factory)

    async def stop(self, *, grace: float = 5.0) -> None:
        """Stop listening, say goodbye to every client, wait up to ``grace`` seconds for them, close the store."""
        for port in self._ports:
            port.stopListening()
        self._ports.clear()
        if self._connections is not None:
            await self._connections.drain(grace)
        self.store.close()

    def record(self) -> dict[str, object]:
        """Return the ready record: what programs need to know, in a stable, versioned form."""
        ports = {bound.service: bound.port for bound in self._bound}
        return {
            "schema": SCHEMA,
            "pid": os.getpid(),
            "host": self.settings.addresses[0],
            "server_name": self.settings.certificates.host,
            "ports": ports,
            "ca": self._authority(),
            "accounts": [
                {"user": account, "password": user.password, "address": user.address, "token": user.token}
                for account, user in self.directory.users.items()
            ],
            "store": str(self.settings.store) if self.settings.store else None,
            "control": str(self.run_directory / "control.sock"),
            "urls": {},
            "scenarios": [],
        }

    def _authority(self) -> dict[str, str]:
        """Return where the CA is; empty when the operator's own chain does not tell what vouches for it."""
        anchors = self.material.chain.anchors
        if not anchors:
            return {}
        files = {kind: str(self.run_directory / f"ca.{kind}") for kind in ("pem", "der", "p12")}
        return files | {"sha256": fingerprint(anchors[0])}

    def _release(self) -> None:
        for bound in self._bound:
            for sock in bound.sockets:
                sock.close()

    def _fill(self) -> None:
        for account in self.directory.users:
            self.store.account(account)
        if self.settings.preload:
            from labserver.mailstore.preload import preload  # noqa: PLC0415 -- only when it is asked for

            for path in self.settings.preload:
                preload(path, store=self.store, directory=self.directory)

    def _backends(self) -> Backends:
        settings = self.settings
        extensions = None
        if settings.imap_without:
            from labserver.imap.extensions.table import EXTENSIONS  # noqa: PLC0415 -- only when it is asked for

            extensions = tuple(name for name in EXTENSIONS if name not in settings.imap_without)
        return Backends(
            store=self.store,
            directory=self.directory,
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
            imap_extensions=extensions,
            apop=settings.apop,
        )

    def _make_engines(self) -> Callable[[], TlsEngine]:
        settings = self.settings
        if settings.key_log is not None:
            _check_key_log(settings.key_log)
        chain = self.material.chain
        anchors = self.material.issuer.anchors if settings.client_certificates else ()
        engines = make_engines(
            settings.tls_engine,
            TlsSettings(
                certificate_chain=chain.chain_pem,
                private_key=chain.key_pem,
                client_anchors=certificates_pem(anchors),
                key_log=settings.key_log,
            ),
        )
        if settings.certificates.certificate is not None:
            engines()  # the lab's own chain is good; the operator's is tried before anybody connects
        return engines


def _check_key_log(path: Path) -> None:
    """Make the file, private because it opens every recorded session; raises ConfigurationError."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    except OSError as error:
        raise ConfigurationError(f"--key-log {path}: {error.strerror}") from error


def _entropy(settings: Settings) -> Entropy:
    seed = settings.certificates.seed
    return SystemEntropy() if seed is None else SeededEntropy(seed)


def _storage(settings: Settings) -> Storage | None:
    if settings.store is None:
        return None
    from labserver.mailstore.sqlite import SqliteStorage  # noqa: PLC0415 -- only when it is asked for

    return SqliteStorage(settings.store, synchronous="full" if settings.durable else "normal")
