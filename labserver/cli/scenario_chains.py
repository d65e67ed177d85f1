"""``labserver certs show SCENARIO`` and ``certs export DIR --scenario GLOB``: what scenarios present, told or kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.cli.case_words import case_words
from labserver.cli.loopback import has_addresses
from labserver.cli.scenarios import described
from labserver.errors import ConfigurationError, UnavailableError
from labserver.pki.collection import Entry, export_collection
from labserver.pki.describe import describe_chain
from labserver.pki.profile import is_address
from labserver.scenario import DOMAINS, USUAL_HOST
from labserver.services import SERVICES
from labserver.settings import TLS_ENGINES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from labserver.catalogue.catalogue import Catalogue
    from labserver.cli.chain_sources import Source
    from labserver.pki.chain import Chain
    from labserver.pki.specification import ChainSpec
    from labserver.scenario import Scenario

__all__ = ["Selection", "export_scenarios", "shown"]

_WEAK = "Servers that use OpenSSL want @SECLEVEL=0 in their list of ciphers for it."
_OLD = "Servers must be kept to TLS 1.2 for it: newer versions have no signature that fits its key."
_ENGINES = {
    "openssl": "Not every server can present it: it needs stapling, or a newer OpenSSL than many have.",
    "tlslite": "Servers that use OpenSSL will not load it, or present it otherwise than it is.",
}
"""What there is to say of chains that the simplest engine cannot serve."""
_MESSAGE = "It is about the handshake's messages, of which no file tells: a lab sends them."
_PUBLISHED = "Where its certificates say that CRLs, CAs or OCSP answers are, only the lab that made them has any."
_OWN_NAME = "Its recipe is about the names that it has in a lab, which --host does not replace."
_GOOD = "good"
"""The scenario that presents the lab's own certificate and nothing else worth exporting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which chains are to be exported."""

    globs: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    """The names by which the servers are reached; by default each scenario's own."""
    public: bool = False
    """Whether the keys come from a seed."""


def shown(identifier: str, catalogue: Catalogue, source: Source, ports: Mapping[str, int]) -> str:
    """Return a scenario's chain in words; ``ports`` are a running lab's.

    Raises ConfigurationError if there is no such scenario, UnavailableError if the lab cannot make its chain.
    """
    scenario = catalogue.get(identifier)
    if scenario is None:
        raise ConfigurationError(catalogue.unknown(identifier))
    address = catalogue.address(identifier) if has_addresses() else ""
    chain = source.scenario(identifier)
    service = SERVICES["imaps" if "imaps" in scenario.services else scenario.services[0]]
    port = str(ports.get(service.name, f"${service.variable}"))
    clear = "" if service.implicit_tls else f" -starttls {service.protocol}"
    asking = " -status" if scenario.asked == "status_request" else ""
    lines = [
        f"{identifier}: {scenario.title}",
        "",
        *case_words(
            scenario,
            Served_by=f"the TLS engine {_engine(scenario)}",
            Trust_anchor="its own CA, below" if scenario.own_anchor else "the lab's CA",
            Host_names=", ".join((*scenario.host_names, *filter(None, (address,)))),
        ),
        f"To see it: openssl s_client {_place(scenario, address, port)}{clear}{asking} -showcerts",
        "",
        describe_chain(chain, now=source.now()).rstrip("\n"),
    ]
    return "\n".join(lines)


def export_scenarios(
    wanted: Selection, catalogue: Catalogue, source: Source, directory: Path, *, force: bool
) -> tuple[Path, ...]:
    """Write the chains that are wanted; return the paths of their index.

    Raises ConfigurationError for globs that match nothing, hosts that cannot be, and files that are not ours.
    """
    for host in wanted.hosts:
        if is_address(host) or "." not in host.strip("."):
            raise ConfigurationError(
                f"--host {host}: a name below a domain, such as mail.lab.test, since some faults change it"
            )
    chosen = list(_chosen(wanted.globs, catalogue))
    entries = [_entry(scenario, catalogue.address(scenario.id), wanted, source) for scenario in chosen]
    return export_collection(entries, directory, force=force)


def _chosen(globs: tuple[str, ...], catalogue: Catalogue) -> Iterator[Scenario]:
    """Yield the scenarios whose ids match and that present a certificate of their own."""
    matching = {identifier for glob in globs for identifier in catalogue.matching(glob)}
    for identifier, scenario in catalogue.items():
        if identifier in matching:
            lab = scenario.usual_certificate
            if not lab or identifier == _GOOD or identifier in globs:
                yield scenario


def _entry(scenario: Scenario, address: str, wanted: Selection, source: Source) -> Entry:
    spec = scenario.recipe
    movable = _movable(scenario)
    hosts = wanted.hosts if movable else ()
    chain, notes = _chain(scenario, hosts, source)
    reason = notes[0] if notes and notes != (_MESSAGE,) else None
    facts = described(scenario, address=address, unavailable=reason)
    facts |= {"engine": _engine(scenario), "public_keys": wanted.public}
    if hosts:
        facts |= {"host_names": list(hosts), "address": None}
    if wanted.hosts and not movable:
        notes += (_OWN_NAME,)
    if spec is not None and chain is not None:
        notes += tuple(_notes(spec))
    return Entry(facts=facts, chain=chain, notes=notes)


def _chain(scenario: Scenario, hosts: tuple[str, ...], source: Source) -> tuple[Chain | None, tuple[str, ...]]:
    """Return the chain to export, or why there is none."""
    spec = scenario.recipe
    if spec is not None and (spec.present != "rightly" or spec.proof != "leaf" or spec.client_certificate):
        return None, (_MESSAGE,)
    try:
        return source.scenario(scenario.id, hosts), ()
    except UnavailableError as error:
        return None, (str(error),)


def _notes(spec: ChainSpec) -> Iterator[str]:
    """Yield what a server needs to know to present it as a lab does."""
    if spec.weak:
        yield _WEAK
    if spec.newest == "TLSv1.2":
        yield _OLD
    if spec.engine in _ENGINES:
        yield _ENGINES[spec.engine]
    if spec.versions:
        yield f"A lab presents it in {' and '.join(spec.versions)} only."
    if spec.anew:
        yield f"A lab makes another for each {spec.anew}; this is one of them."
    if spec.published:
        yield _PUBLISHED
    if spec.other is not None:
        yield "A lab has another chain beside it, which is not here."


def _movable(scenario: Scenario) -> bool:
    """Tell whether its recipe names no names, so that they can be any."""
    spec = scenario.recipe
    fixed = spec is not None and any(domain in repr((spec.leaf, spec.authorities)) for domain in DOMAINS)
    return scenario.host == USUAL_HOST and not fixed


def _engine(scenario: Scenario) -> str:
    """Return the simplest TLS engine that can present it."""
    spec = scenario.recipe
    return TLS_ENGINES[0] if spec is None else spec.engine


def _place(scenario: Scenario, address: str, port: str) -> str:
    """Return how ``openssl s_client`` gets there: by name in TLS, or to an address or a port of its own."""
    if scenario.by_name:
        return f"-connect localhost:{port} -servername {scenario.host_names[0]}"
    if address:
        return f"-connect {address}:{port}"
    return f"-connect localhost:PORT (labserver up --scenario {scenario.id} tells it)"
