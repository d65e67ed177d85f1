"""``labserver explain CASE``: the exact bytes of the misbehaviour, the clause, and how to reproduce it; or a rule.

The bytes are not written down anywhere: they are what the scenario's own session says to a typical client, run here
without a network.
"""

from __future__ import annotations

import json
import shlex
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.cli.case_words import case_words
from labserver.cli.catalogues import add_scenario_files, catalogue_from
from labserver.errors import ConfigurationError
from labserver.events import Misbehaved, ReplySent, TlsStarted
from labserver.misbehaviours.kinds.tls import TlsSuites
from labserver.nearest import did_you_mean
from labserver.pki.profile import is_address
from labserver.report.ndjson import encoded
from labserver.report.text import lines
from labserver.scenario import USUAL_HOST
from labserver.services import SERVICES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from labserver.catalogue.catalogue import Catalogue
    from labserver.events import Event
    from labserver.lab import Lab
    from labserver.scenario import Scenario
    from labserver.services import Service

__all__ = ["add_options", "run"]

_SHOWN = 24
"""Octets of a flight that are shown: the record's head and the beginning of the ServerHello."""
_MARGIN = 15
"""Columns of a transcript's line that tell session and time, of which there are none here."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver explain``."""
    parser.add_argument(
        "case",
        metavar="CASE",
        help="a scenario, one on a service (expired@imaps), or a rule that labserver check judges by (bounded-time)",
    )
    add_scenario_files(parser)


def run(options: argparse.Namespace) -> int:
    """Explain a case, or a rule."""
    identifier, _, service_name = options.case.partition("@")
    catalogue = catalogue_from(options)
    scenario = catalogue.get(identifier)
    if scenario is None:
        from labserver.cli.rule_words import rule_words  # noqa: PLC0415 -- only where it is no scenario
        from labserver.verdicts.rules import RULES  # noqa: PLC0415 -- the same

        if words := list(rule_words(options.case, catalogue)):
            print("\n".join(words))
            return 0
        near = did_you_mean(options.case, RULES)
        if near and not did_you_mean(identifier, catalogue):
            raise ConfigurationError(f"unknown scenario or rule {options.case}{near}")
        raise ConfigurationError(catalogue.unknown(identifier))
    service_name = service_name or scenario.services[0]
    if service_name not in scenario.services:
        there = f"{', '.join(scenario.services)}{did_you_mean(service_name, scenario.services)}"
        raise ConfigurationError(f"{identifier} is not available on {service_name}, only on {there}")
    written = f" --scenario-file {shlex.quote(file)}" if (file := catalogue.file_of(identifier)) else ""
    for line in _explained(catalogue, scenario, SERVICES[service_name], written):
        print(line)
    return 0


def _explained(catalogue: Catalogue, scenario: Scenario, service: Service, written: str) -> Iterator[str]:
    yield f"{scenario.id}@{service.name}: {scenario.title}"
    yield ""
    special = {"Trust anchor": "its own CA"} if scenario.own_anchor else {}
    special |= {"Met only by": f"a client that sends the TLS extension {scenario.asked}"} if scenario.asked else {}
    yield from case_words(scenario, **special)
    yield ""
    from labserver.lab import Lab  # noqa: PLC0415 -- everything a lab needs is loaded for this command only
    from labserver.settings import Settings  # noqa: PLC0415 -- the same

    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        lab = Lab(Settings(ports={}, http_port=0), catalogue, run_directory=Path(directory))
        stack.callback(lab.release)
        happened = _happened(lab, scenario, service)
        yield from _bytes(lab, scenario, happened)
    yield f"By hand, while labserver up{written} runs:"
    reaches_tls = service.implicit_tls or not happened or any(isinstance(event, TlsStarted) for event in happened)
    commands = _by_hand(scenario, service, catalogue.address(scenario.id), written, reaches_tls=reaches_tls)
    yield from (f"  {line}" for line in commands)


def _happened(lab: Lab, scenario: Scenario, service: Service) -> list[Event]:
    """Return what happens in the scenario's dialogue; nothing if its fault comes before that."""
    if not scenario.usual_certificate or (scenario.by_name and not scenario.honest):
        return []
    from labserver.cli.rehearsal import dialogue  # noqa: PLC0415 -- the same

    return dialogue(lab, scenario, service)


def _by_hand(scenario: Scenario, service: Service, address: str, written: str, *, reaches_tls: bool) -> Iterator[str]:
    """Yield commands for a shell; the ports and the CA are the running lab's."""
    name = scenario.host_names[0]
    asked = name.rstrip(".")  # RFC 6066 3
    port = f"${service.variable}"
    s_client = "openssl s_client -crlf" + ("" if service.implicit_tls else f" -starttls {service.protocol}")
    trust = '-CAfile "$LABSERVER_CA_PEM"'
    s_client += " -status" if scenario.asked == "status_request" else ""
    if scenario.chain.presents:
        ciphers = [link.ciphers for link in scenario.chain.links if isinstance(link, TlsSuites) and link.ciphers]
        taken = f"'{ciphers[-1]}:@SECLEVEL=0'" if ciphers else "DEFAULT:@SECLEVEL=0"
        trust += f" -cipher {taken}"  # without it OpenSSL refuses, for a reason that only its authors know
    own_port = "# on ports of its own, on every system:", f"labserver up{written} --scenario {scenario.id}"
    yield f'eval "$(labserver env{f"{written} --scenario {scenario.id}" if scenario.own_anchor else ""})"'
    if scenario.by_name:
        yield "# by name, on every system:"
        yield f"{s_client} -connect localhost:{port} -servername {asked} -verify_hostname {name} {trust}"
    if address:
        yield "# at its own address, on Linux:"
    if address and not service.implicit_tls and not scenario.by_name:
        yield f"nc -C {address} {port}"
    if address and reaches_tls:
        shown = f"-verify_ip {address}"
        if scenario.host != USUAL_HOST and not is_address(name):
            shown = f"-servername {asked} -verify_hostname {name}"
        yield f"{s_client} -connect {address}:{port} {shown} {trust}"
    yield from own_port


def _bytes(lab: Lab, scenario: Scenario, happened: list[Event]) -> Iterator[str]:
    """Yield what the scenario's session says, or presents."""
    if not scenario.usual_certificate:
        from labserver.pki.describe import describe_chain  # noqa: PLC0415 -- cryptography, only when needed

        yield "It presents:"
        yield from _indented(describe_chain(lab.chains.chain(scenario.id), now=lab.clock.now()).splitlines())
    elif not happened:
        from labserver.cli.rehearsal import first_flight  # noqa: PLC0415 -- the same

        flight = first_flight(lab, scenario)
        begin = f"{flight[:_SHOWN].hex(' ')} … ({len(flight)} octets)" if flight else "nothing, as long as one waits"
        yield "To a ClientHello that takes TLS 1.0 to 1.3 it answers:"
        yield from _indented([begin])
    else:
        yield "The dialogue, with a client that believes everything (! is in clear, MISBEHAVED is the lie):"
        records = (
            json.loads(encoded(1, lab.clock.now(), event, secrets=isinstance(event, ReplySent)))  # to the octet
            for event in happened
        )
        yield from _indented(line[_MARGIN:] for record in records for line in lines(record))
        if scenario.chain and not any(isinstance(event, Misbehaved) for event in happened):
            yield "Nothing is wrong in it: this client does nothing on which the misbehaviour acts."
            yield ""


def _indented(texts: Iterable[str]) -> Iterator[str]:
    yield from (f"  {text}".rstrip() for text in texts)
    yield ""
