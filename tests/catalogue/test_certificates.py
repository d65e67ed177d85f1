"""Certificates written in a scenario's own table: what they may say, what is a mistake, and that each can be served."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labserver.catalogue.loader import scenarios_of
from labserver.errors import ConfigurationError
from labserver.pki.recipe_files import all_recipes
from labserver.pki.recipe_tables import CERTIFICATE
from labserver.pki.specification import Verdict
from labserver.tables import Document
from labserver.verdicts.rules import RULES
from tests.catalogue.met import meet, objections
from tests.ours import CATALOGUE, catalogue_with

if TYPE_CHECKING:
    from labserver.scenario import Scenario

HEAD = 'title = "A title"\ndoes = "It does something."\n'
CERTIFICATE_OF_MINE = f'[x]\n{HEAD}expectation = "reject"\n[x.certificate]\n'
BESIDES = '\n[[x.misbehaviours]]\nkind = "silence"\n'


def read(text: str) -> Scenario:
    """Return the scenario of a user's file."""
    (scenario,) = scenarios_of(Document("mine.toml", text, tomllib.loads(text)), rules=RULES).values()
    return scenario


def test_written() -> None:
    """A certificate is written as in a recipe: only what differs from a good one, or from a recipe that there is."""
    scenario = read(f'{CERTIFICATE_OF_MINE}leaf.not_after = "-1d"\nleaf.key = "p384"')
    recipe = scenario.recipe
    assert recipe is not None
    assert (scenario.certificate, recipe.id, recipe.topic) == ("x", "x", "mine")
    assert recipe.leaf == all_recipes()["expired"].leaf.__class__(not_after=recipe.leaf.not_after, key="p384"), (
        "all else is as usual"
    )
    assert (recipe.verdict, recipe.engine) == (Verdict.REJECT, "stdlib")
    assert not scenario.own_anchor
    based = read(f'{CERTIFICATE_OF_MINE}base = "expired-intermediate"\nleaf.key = "p384"')
    assert based.recipe is not None
    assert based.recipe.authorities == all_recipes()["expired-intermediate"].authorities
    assert based.recipe.leaf.key == "p384"
    assert based.own_anchor


def test_named() -> None:
    """A named recipe brings what is known of it: its trust anchor, what has to be asked for, and the host name."""
    for name, recipe in all_recipes().items():
        scenario = read(f'[x]\n{HEAD}[x.certificate]\nrecipe = "{name}"')
        assert scenario.recipe is recipe
        known = (scenario.certificate, scenario.own_anchor, scenario.asked, scenario.host)
        assert known == (name, recipe.own_anchor, CATALOGUE[name].asked, recipe.host)
    assert (
        read(
            f'[x]\n{HEAD}host = "{{id}}.test"\ncertificate.recipe = "absolute-name-root"'.replace(
                "absolute-name-root", "expired"
            )
        ).host
        == "{id}.test"
    )
    issued = read(f'[x]\n{HEAD}[x.certificate]\nrecipe = "good-trustme"')
    assert (issued.certificate, issued.recipe, issued.own_anchor) == ("good-trustme", None, True)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (f'{CERTIFICATE_OF_MINE}leaf.not_after = "-1d"', ("rejects-certificate",)),
        (f'{CERTIFICATE_OF_MINE}recipe = "expired"', ("rejects-certificate",)),
        (f'{CERTIFICATE_OF_MINE}leaf.key = "p384"\nverdict = "accept"{BESIDES}', ()),
        (f'{CERTIFICATE_OF_MINE}leaf.not_after = "-1d"\nverdict = "reject"{BESIDES}', ("rejects-certificate",)),
        (f'[x]\n{HEAD}[x.certificate]\nleaf.not_after = "-1d"', ()),
    ],
)
def test_rules(text: str, rules: tuple[str, ...]) -> None:
    """A certificate that is to be rejected is judged by the rule about that, without being told."""
    assert read(text).rules == rules


@pytest.mark.parametrize(
    "certificate",
    [
        'leaf.not_after = "-1d"',
        'base = "own"\nauthorities.intermediate.not_after = "-1d"',
        'leaf.corrupt = ["signature-bit-flipped"]',
        'leaf.names = ["dns:elsewhere.test"]\nleaf.subject = [["CN", "elsewhere.test"]]',
    ],
)
def test_met(certificate: str) -> None:
    """As an entry of the catalogue it is met like one from our recipes: who is right passes it, and somebody fails."""
    scenario = replace(read(f"{CERTIFICATE_OF_MINE}{certificate}"), id="x", services=("imaps",))
    met = meet(scenario, catalogue_with(scenario))
    assert objections(met) == []


def test_engines() -> None:
    """The simplest TLS engine that serves the chain is found, if the file names none."""
    found = {}
    twice = 'version = 2\nleaf.again = { names = ["{names}"] }'  # the cryptography package reads no version 2
    for said in ('key = "p384"', 'corrupt = ["garbage"]', twice):
        recipe = read(f"{CERTIFICATE_OF_MINE}leaf.{said}").recipe
        assert recipe is not None
        found[said] = recipe.engine
    assert found == {'key = "p384"': "stdlib", 'corrupt = ["garbage"]': "tlslite", twice: "tlslite"}
    based = read(f'{CERTIFICATE_OF_MINE}base = "delegated-credential"\ndelegation = "-1d"').recipe
    assert based is not None
    assert based.engine == "tlslite", "what it is based on names one"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 5: [x] certificate: it is empty; name a recipe"),
        ('leaf.not_befor = "-1d"', "line 6: [x] certificate.leaf.not_befor: unknown key not_befor; did you mean not_b"),
        ('leaf.not_before = "soon"', "line 6: [x] certificate.leaf.not_before: must be a time such as -1d"),
        ("laef.ca = true", "line 6: [x] certificate.laef: unknown key laef; did you mean leaf?"),
        ('leaf.key = "rsa500"', "line 6: [x] certificate.leaf.key: unknown rsa500; did you mean rsa512?"),
        ('leaf.issuer = "root"', "line 6: [x] certificate.leaf.issuer: unknown label root; choose from lab, leaf"),
        ('base = "expird"', "line 6: [x] certificate.base: unknown base expird; did you mean expired?"),
        ('title = "A title"', "line 6: [x] certificate.title: the scenario says it in its own table"),
        ("repair.leaf.ca = true", "line 6: [x] certificate.repair: the scenario says it in its own table, or a test"),
        ('verdict = "rejects"', "line 6: [x] certificate.verdict: unknown rejects; did you mean reject?"),
        ('recipe = "expird"', "line 6: [x] certificate.recipe: unknown expird; did you mean expired"),
        ("recipe = 3", "line 6: [x] certificate.recipe: must be a text"),
        ('recipe = "expired"\nleaf.ca = true', "line 7: [x] certificate.leaf: recipe stands alone; write base = "),
        ('leaf.signature = "rsa-sha256"', "line 5: [x] certificate: its chain cannot be made: RSA wants an RSA key"),
        ('leaf.names = ["ip:1.2.3"]', "line 5: [x] certificate: its chain cannot be made: '1.2.3' does not appear"),
        ('leaf.names = ["srv:é"]', "line 5: [x] certificate: its chain cannot be made: 'é' is no text of its kind"),
        (
            'leaf.corrupt = ["nothing", "signature-zero"]',
            "line 5: [x] certificate: its chain cannot be made: there is ",
        ),
        ('engine = "stdlib"\nleaf.corrupt = ["garbage"]', "line 6: [x] certificate.engine: This host cannot present"),
        ('present = "raw-key"', 'line 6: [x] certificate.present: it needs engine = "tlslite"'),
        (f'leaf.key = "p384"{BESIDES}', "line 5: [x] certificate: verdict is missing: other things are wrong, too"),
    ],
)
def test_mistakes(text: str, said: str) -> None:
    """A mistake is told with file, line, table, key and what there could be, before anything listens."""
    with pytest.raises(ConfigurationError) as caught:
        read(CERTIFICATE_OF_MINE + text)
    assert str(caught.value).startswith(f"mine.toml, {said}")


_NAMES = st.sampled_from(
    [
        "dns:a.test",
        "ip:1",
        "ip:10.0.0.0/8",
        "ip:{host}",
        "ip:#0",
        "uri:€",
        "srv:é",
        "rid:9.9",
        "other:1.2=00",
        "{names}",
    ]
)
_TEXTS: dict[str, st.SearchStrategy[Any]] = {
    "issuer": st.sampled_from(["lab", "a", "leaf"]),
    "key_of": st.sampled_from(["lab", "a", "leaf"]),
    "subject": st.lists(
        st.tuples(st.sampled_from(["CN", "C", "O:bmp", "+O:der", "9.9.9"]), st.sampled_from(["é", "00"]))
    ),
    "extra": st.just([{"oid": "2.5.29.17", "value": "00", "zeros": 3}]),
    "again": st.just({"names": ["{names}"]}),
    "serial": st.sampled_from(["", "00", "ff" * 30]),
    "not_after": st.sampled_from(["-1d", "+9999999d", "+99999999999d", "utc:x", "generalized:+1d"]),
    "names": st.lists(_NAMES, max_size=2),
    "permitted": st.lists(_NAMES, max_size=2),
    "responders": st.lists(st.sampled_from(["{http}/ocsp/{id}", "€"]), max_size=2),
    "purposes": st.lists(st.sampled_from(["any", "9.9.9"]), max_size=2),
}


def _values(key: str) -> st.SearchStrategy[Any]:
    """Return values that a key's parser takes, those included of which no certificate can be made."""
    if key in _TEXTS:
        return _TEXTS[key]
    schema = CERTIFICATE[key].schema
    words = schema.get("enum") or schema.get("items", {}).get("enum")
    if words:
        small = st.sampled_from([word for word in words if word not in {"rsa8192", "rsa16384"}])
        return small if "enum" in schema else st.lists(small, max_size=2)
    return st.booleans() if schema["type"] == "boolean" else st.sampled_from([1, 2, 3])


def _has_values(key: str) -> bool:
    schema = CERTIFICATE[key].schema
    return key in _TEXTS or "enum" in str(schema) or schema.get("type") in {"boolean", "integer"}


_KEYS = st.sampled_from([key for key in sorted(CERTIFICATE) if _has_values(key)])
_CERTIFICATES = st.lists(_KEYS, max_size=3, unique=True).flatmap(
    lambda keys: st.fixed_dictionaries({key: _values(key) for key in keys})
)


@settings(max_examples=60, deadline=None)
@given(leaf=_CERTIFICATES, authority=_CERTIFICATES)
def test_no_table_breaks_anything(leaf: dict[str, Any], authority: dict[str, Any]) -> None:
    """Whatever a table says, either its chain is made and served, or the mistake is told in a sentence."""
    table = {"verdict": "either", "leaf": leaf, "authorities": {"a": {"issuer": "a"} | authority}}
    entry = {"title": "A title", "does": "It does something.", "certificate": table}
    try:
        (scenario,) = scenarios_of(Document("mine.toml", "", {"x": entry}), rules=RULES).values()
    except ConfigurationError as error:
        said = str(error)
    else:
        said = f"[x] certificate: {scenario.recipe}"
    assert "[x] certificate" in said
    assert not said.endswith("None")
