"""Chains of scenarios: one for each scenario and its names, made once, by the lab's CA or the operator's own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography import x509

from labserver.catalogue.chains import ScenarioChains
from labserver.clock import FixedClock, SeededEntropy
from labserver.errors import ConfigurationError
from labserver.pki.chain import Chain
from labserver.pki.material import Wanted, obtain
from labserver.pki.profile import HOSTS
from tests.ours import CATALOGUE


def _chains(wanted: Wanted, entropy: str = "x") -> ScenarioChains:
    clock = FixedClock()
    material = obtain(wanted, clock=clock)
    return ScenarioChains(
        catalogue=CATALOGUE, wanted=wanted, material=material, entropy=SeededEntropy(entropy), clock=clock
    )


def _names(chain: Chain) -> list[str]:
    extensions = x509.load_der_x509_certificate(chain.leaf).extensions
    alternatives = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in alternatives]


def test_made_once() -> None:
    """A scenario keeps its chain; in another lab it has another key, with the same seed the same."""
    chains = _chains(Wanted(seed="x"))
    chain = chains.chain("expired")
    assert chains.chain("expired") is chain
    assert _chains(Wanted(seed="x")).chain("expired") == chain
    assert _chains(Wanted(seed="x"), "y").chain("expired").key != chain.key


def test_names() -> None:
    """A chain is for the scenario's names, those that the lab always has, and the scenario's address."""
    wanted = Wanted(seed="x", host="mail.lab.test", names=("extra.test",))
    names = _names(_chains(wanted).chain("expired"))
    assert set(names) == {
        *CATALOGUE["expired"].host_names,
        CATALOGUE.address("expired"),
        "mail.lab.test",
        "extra.test",
        *HOSTS,
    }
    assert names[:2] == [*CATALOGUE["expired"].host_names]


def test_other_hosts() -> None:
    """For other hosts there is another chain, with those names in place of the scenario's; both are kept."""
    chains = _chains(Wanted(seed="x"))
    usual = chains.chain("expired")
    chain = chains.chain("expired", ("imap.test", "smtp.test."))
    names = _names(chain)
    assert names[:2] == ["imap.test", "smtp.test"]
    assert not {*CATALOGUE["expired"].host_names, CATALOGUE.address("expired")} & {*names}
    assert chains.chain("expired", ("imap.test", "smtp.test.")) is chain
    assert chains.chain("expired") is usual
    assert chain.key != usual.key


def test_other_hosts_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the chains for other hosts only the newest are kept; the scenarios' own stay."""
    monkeypatch.setattr("labserver.catalogue.chains._ELSEWHERE", 3)
    chains = _chains(Wanted(seed="x"))
    usual = chains.chain("expired")
    made = [chains.chain("expired", (f"h{number}.test",)) for number in range(5)]
    assert chains.chain("expired") is usual
    assert [chains.chain("expired", (f"h{number}.test",)) is made[number] for number in (4, 3, 2)] == [True] * 3
    assert chains.chain("expired", ("h0.test",)) is not made[0]


def test_what_cannot_be() -> None:
    """Hosts that the CA may not vouch for are refused, and so are scenarios that are not there."""
    with pytest.raises(ConfigurationError, match=r"may not vouch for 'mail\.example\.net'"):
        _chains(Wanted(seed="x")).chain("expired", ("mail.example.net",))
    with pytest.raises(KeyError):
        _chains(Wanted(seed="x")).chain("nonesuch")


def test_the_operators_own() -> None:
    """Where the operator has a certificate, a good scenario presents that; bad ones are the lab's all the same."""
    chains = _chains(Wanted(seed="x"))
    own = Chain(leaf=b"leaf", key=b"key")
    theirs = replace(
        chains,
        wanted=replace(chains.wanted, certificate="own.pem"),  # type: ignore[arg-type]  # nobody opens it
        material=replace(chains.material, chain=own),
    )
    assert theirs.chain("good") is own
    assert theirs.chain("expired").anchors == chains.material.chain.anchors
