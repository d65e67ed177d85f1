"""What is said of the kinds is gathered from them, and is whole."""

from __future__ import annotations

import shlex
import tomllib

import pytest

from labserver.misbehaviours.manual import Kind, as_option, as_toml, conditions, kinds
from labserver.misbehaviours.notation import CONDITIONS, read_misbehaviours, read_options
from labserver.misbehaviours.table import KINDS
from labserver.services import SERVICES

EVERY = {kind.name: kind for kind in kinds()}


def test_all_of_them() -> None:
    """Every kind is there, in its place, and every condition."""
    assert list(EVERY) == list(KINDS)
    assert tuple(field.name for field in conditions()) == CONDITIONS
    assert all(field.meaning for field in conditions())


@pytest.mark.parametrize("name", EVERY)
def test_each_is_told_whole(name: str) -> None:
    """A kind has a sentence of its own, and each of its fields a meaning and a type."""
    kind = EVERY[name]
    assert kind.summary.endswith(".")
    assert kind.axis.endswith(".")
    assert {field.name for field in kind.fields} | {"when"} == set(KINDS[name].__struct_fields__)
    for field in kind.fields:
        assert field.meaning.endswith(".")
        assert field.type


@pytest.mark.parametrize("name", EVERY)
def test_examples_in_both_notations(name: str) -> None:
    """The example as a table and as an option are the same misbehaviour."""
    kind = EVERY[name]
    services = _services(kind)
    table = tomllib.loads(as_toml(name, kind.example))["mine"]["misbehaviours"]
    option = as_option(name, kind.example)
    assert read_misbehaviours(table, services) == read_options([option], services)
    assert shlex.split(shlex.quote(option)) == [option]


def _services(kind: Kind) -> tuple[str, ...]:
    return tuple(name for name, one in SERVICES.items() if one.protocol in kind.protocols)


NOTATIONS: dict[str, tuple[dict[str, object], str, str]] = {
    "quotes": ({"send": 'a "b" \\ c'}, 'send = "a \\"b\\" \\\\ c"', 'answer send="a \\"b\\" \\\\ c"'),
    "lists": ({"send": ["a", "b c"]}, 'send = ["a", "b c"]', 'answer send=a send="b c"'),
    "nothing": ({"send": ""}, 'send = ""', 'answer send=""'),
    "numbers": ({"octets": "x", "when": {"chance": 0.5}}, "when = { chance = 0.5 }", "answer chance=0.5 octets=x"),
}


@pytest.mark.parametrize(("fields", "toml", "option"), NOTATIONS.values(), ids=NOTATIONS)
def test_notations(fields: dict[str, object], toml: str, option: str) -> None:
    """Values are quoted where they have to be."""
    assert toml in as_toml("answer", fields)
    assert as_option("answer", fields) == option
    (link,) = read_options([option], ("smtp",))
    assert (link,) == read_misbehaviours(tomllib.loads(as_toml("answer", fields, "x"))["x"]["misbehaviours"], ("smtp",))


def test_types_in_words() -> None:
    """Ranges, choices, lists and tables are told as people say them."""
    told = {f"{kind.name}.{field.name}": field.type for kind in EVERY.values() for field in kind.fields}
    assert told["delay.seconds"] == "a number above 0, at most 3,600"
    assert told["repeat.times"] == "an integer at least 2, at most 100,000"
    assert told["end.how"] == "`half` or `no-close-notify` or `orderly` or `rst`"
    assert told["capabilities.hide"] == "a list: a text"
    assert told["capabilities.rename"] == "a table of texts"
    assert told["refuse.close"] == "true or false"
    assert {field.name: field.type for field in conditions()}["command"] == "a text, or a list"
