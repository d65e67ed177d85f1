"""``labserver explain CASE``: the lie in bytes, the clause, and how to meet it by hand.

The bytes are not written down anywhere: they are what the scenario's own session says to a typical client, run here
without a network.
"""

from __future__ import annotations

import json
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.catalogue.addresses import addresses, host_names
from labserver.catalogue.entries import CATALOGUE
from labserver.errors import ConfigurationError
from labserver.facets.certificate import LabCertificate
from labserver.report.ndjson import encoded
from labserver.report.text import lines
from labserver.services import SERVICES, ProtocolName, Service

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from labserver.events import Event
    from labserver.lab import Lab
    from labserver.scenario import Scenario

__all__ = ["add_options", "run"]

_WIDTH = 110

_TYPICAL: dict[ProtocolName, tuple[bytes, ...]] = {
    ProtocolName.SMTP: (b"EHLO client.example\r\n", b"STARTTLS\r\n"),
    ProtocolName.LMTP: (b"LHLO client.example\r\n", b"STARTTLS\r\n"),
    ProtocolName.IMAP: (b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n"),
    ProtocolName.POP3: (b"CAPA\r\n", b"STLS\r\n"),
}
"""What a client says first on a service that begins in clear."""

_LOGIN: dict[ProtocolName, tuple[bytes, ...]] = {
    ProtocolName.SMTP: (b"EHLO client.example\r\n", b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"),
    ProtocolName.LMTP: (b"LHLO client.example\r\n",),
    ProtocolName.IMAP: (b"a3 LOGIN alice secret\r\n",),
    ProtocolName.POP3: (b"USER alice\r\n", b"PASS secret\r\n"),
}
"""How it goes on where credentials are at home."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver explain``."""
    parser.add_argument("case", metavar="CASE", help="a scenario, or one on a service: expired@imaps")


def run(options: argparse.Namespace) -> int:
    """Explain a case."""
    identifier, _, service_name = options.case.partition("@")
    scenario = CATALOGUE.get(identifier)
    if scenario is None:
        raise ConfigurationError(f"there is no scenario {identifier}; labserver scenarios lists them")
    service_name = service_name or scenario.services[0]
    if service_name not in scenario.services:
        raise ConfigurationError(f"{identifier} makes no sense on {service_name}: {', '.join(scenario.services)}")
    for line in _explained(scenario, SERVICES[service_name]):
        print(line)
    return 0


def _explained(scenario: Scenario, service: Service) -> Iterator[str]:
    yield f"{scenario.id}@{service.name}: {scenario.title}"
    yield ""
    for label, text in (
        ("The server", scenario.does),
        ("A correct client", scenario.expects),
        ("To get it wrong is", scenario.severity.value),
        ("See", "; ".join(scenario.references)),
    ):
        yield from textwrap.wrap(f"{label}: {text}", _WIDTH, subsequent_indent="    ")
    yield ""
    yield from _bytes(scenario, service)
    yield "By hand, with labserver up:"
    yield from (f"  {line}" for line in _by_hand(scenario, service))


def _by_hand(scenario: Scenario, service: Service) -> Iterator[str]:
    address, name = addresses()[scenario.id], host_names(scenario.id)[0]
    starttls = "" if service.implicit_tls else f" -starttls {service.protocol}"
    ca = '-CAfile "$LABSERVER_CA_PEM"'
    check = f"-verify_return_error -verify_hostname {name}"
    if scenario.by_name:
        yield 'eval "$(labserver env)"'
        yield (f"openssl s_client -crlf{starttls} -connect 127.0.0.1:{service.port} -servername {name} {ca} {check}")
    yield f"openssl s_client -crlf{starttls} -connect {address}:{service.port}   # Linux: its own address"
    if not service.implicit_tls:
        yield f"nc -C {address} {service.port}"
    yield f"labserver up --scenario {scenario.id}   # on ports of its own, on every system"


def _bytes(scenario: Scenario, service: Service) -> Iterator[str]:
    """Yield what the scenario's session says, or presents, in a lab that exists for this only."""
    from labserver.lab import Lab  # noqa: PLC0415 -- everything a lab needs is loaded for this command only
    from labserver.settings import Settings  # noqa: PLC0415 -- the same

    with tempfile.TemporaryDirectory() as directory:
        lab = Lab(Settings(ports={}), run_directory=Path(directory))
        if not isinstance(scenario.facets.certificate, LabCertificate):
            from labserver.pki.describe import describe_chain  # noqa: PLC0415 -- the same

            yield "It presents:"
            yield from (f"  {line}" for line in describe_chain(lab.chain(scenario.id)).splitlines())
            yield ""
        if scenario.by_name and scenario.id != "good":
            return
        yield "The dialogue:"
        for event in _dialogue(lab, scenario, service):
            record = json.loads(encoded(1, lab.clock.now(), event))
            yield from (f"  {line[15:]}" for line in lines(record))
        yield ""


def _dialogue(lab: Lab, scenario: Scenario, service: Service) -> list[Event]:
    """Run the scenario's session against what a typical client says, and return what happened."""
    from labserver.servers.membrane import Membrane  # noqa: PLC0415 -- as above
    from labserver.wire.actions import StartTls  # noqa: PLC0415 -- the same

    happened: list[Event] = []
    role = lab.casting.role(scenario.id)
    membrane = Membrane(
        service=service.name,
        peer="192.0.2.1",
        dialogue=role.backends.dialogue(service),
        access=role.access,
        make_backend=role.maker(service),
        observe=happened.append,
        elapsed=lambda: 0.0,
        upgradable=not service.implicit_tls,
        persona=role.persona,
    )
    membrane.secure = service.implicit_tls
    membrane.open(lambda: None)
    said = list(_LOGIN[service.protocol] if service.implicit_tls else _TYPICAL[service.protocol])
    if scenario.facets.permissive and not service.implicit_tls:
        said += _LOGIN[service.protocol]
    while True:
        while (action := membrane.next_action()) is not None:
            if isinstance(action, StartTls):
                return happened
        if not said:
            membrane.disconnected()
            return happened
        membrane.receive(said.pop(0))
