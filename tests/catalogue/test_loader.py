"""Files of scenarios: what they can say, what is a mistake in them, and what reading one costs."""

from __future__ import annotations

import tomllib

import pytest

from labserver.catalogue.loader import Entry, scenarios_of
from labserver.errors import ConfigurationError
from labserver.misbehaviours.conditions import Nth, When
from labserver.scenario import ALL, USUAL_HOST, Expectation, Severity
from labserver.tables import Document
from labserver.verdicts.rules import RULES
from tests.work import calls

LEAST = """\
[x]
title = "A title"
does = "It does something."
"""

ANSWER = f"""\
{LEAST}[[x.misbehaviours]]
kind = "answer"
when = {{ command = "RCPT", nth = "1-2" }}
"""


def document(text: str, name: str = "mine.toml") -> Document:
    """Return a file of the user's."""
    return Document(name, text, tomllib.loads(text))


def test_least() -> None:
    """A title and what it does are enough; only the rules that always hold decide then, and that is said."""
    (scenario,) = scenarios_of(document(LEAST), rules=RULES).values()
    assert (scenario.id, scenario.title, scenario.does) == ("x", "A title", "It does something.")
    assert (scenario.group, scenario.services, scenario.host) == ("mine", ALL, USUAL_HOST)
    assert (scenario.expectation, scenario.severity, scenario.rules) == (Expectation.EITHER, Severity.NONE, ())
    assert not scenario.stated
    assert scenario.expects == "Nothing is said of it: only the rules that always hold decide."
    assert scenario.default
    assert scenario.repeats == 1
    assert scenario.honest


def test_everything() -> None:
    """A file can say all that an entry of the catalogue can."""
    text = f"""{LEAST}
group = "login"
expects = "It does something else."
expectation = "reject"
severity = "low"
references = ["RFC 5321 4", "CVE-2020-1234"]
services = ["smtp", "lmtp"]
rules = ["no-weaker-retry"]
default = false
repeats = 5

[x.server]
permissive = true
"""
    (scenario,) = scenarios_of(document(text), rules=RULES).values()
    assert (scenario.group, scenario.expects) == ("login", "It does something else.")
    assert (scenario.expectation, scenario.severity) == (Expectation.REJECT, Severity.LOW)
    assert scenario.references == ("RFC 5321 4", "CVE-2020-1234")
    assert (scenario.services, scenario.rules) == (("smtp", "lmtp"), ("no-weaker-retry",))
    assert scenario.repeats == 5
    assert scenario.stated
    assert not scenario.default
    assert scenario.honest
    assert not scenario.by_name


@pytest.mark.parametrize(
    ("expectation", "severity", "expects"),
    [
        ("accept", Severity.NONE, "It works with the server."),
        ("reject", Severity.MEDIUM, "It stops there, and loses no secret."),
        ("either", Severity.NONE, "It works with the server or stops there, and loses no secret: both are right."),
    ],
)
def test_an_expectation(expectation: str, severity: Severity, expects: str) -> None:
    """Who gives an expectation need not say it in words, nor how bad it is."""
    (scenario,) = scenarios_of(document(f'{LEAST}expectation = "{expectation}"'), rules=RULES).values()
    assert (scenario.expectation, scenario.severity, scenario.expects) == (expectation, severity, expects)
    assert scenario.stated


def test_misbehaviours() -> None:
    """What it does wrong stands in the order of the file."""
    text = f"{ANSWER}send = '450 no'\n[[x.misbehaviours]]\nkind = 'drop'\n"
    (scenario,) = scenarios_of(document(text), rules=RULES).values()
    assert [link.kind for link in scenario.chain.links] == ["answer", "drop"]
    assert scenario.chain.links[0].when == When(command="RCPT", nth=Nth("1-2"))
    assert not scenario.honest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[x]\ndoes = "It does."', "line 1: [x]: title is missing"),
        ('[x]\ntitle = "A title"', "line 1: [x]: does is missing"),
        ("x = 1", "line 1: [x]: a scenario is a table: [x]"),
        (LEAST.replace("[x]", "[X]"), "line 1: [X]: an id is small letters, digits and single hyphens"),
        (LEAST.replace("[x]", '["x.y"]'), "line 1: [x.y]: an id is small letters, digits and single hyphens"),
        (LEAST.replace("[x]", f"[{'x' * 64}]"), f"line 1: [{'x' * 64}]: an id is small letters"),
        (f'{LEAST}expectation = "rejects"', "line 4: [x] expectation: unknown rejects; did you mean reject?"),
        (
            f'{LEAST}severity = "hi"',
            "line 4: [x] severity: unknown hi; did you mean high? choose from none, low, medium, high, critical",
        ),
        (f'{LEAST}services = ["smtp", "impa"]', "line 4: [x] services[1]: unknown impa; did you mean imap"),
        (f"{LEAST}services = []", "line 4: [x] services: it is empty; choose from smtp, "),
        (f'{LEAST}rules = ["no-weaker"]', "line 4: [x] rules[0]: unknown no-weaker; did you mean no-weaker-retry?"),
        (f"{LEAST}titel = 1", "line 4: [x] titel: unknown key titel; did you mean title? choose from title, does, "),
        (
            f"{LEAST}[x.server]\npermisive = true",
            "line 5: [x] server.permisive: unknown key permisive; did you mean permi",
        ),
        (f'{LEAST}[x.server]\npermissive = "yes"', "line 5: [x] server.permissive: must be true or false"),
        (f'{LEAST}[x.server]\nmechanisms = ["SCRAM"]', "line 5: [x] server.mechanisms[0]: unknown SCRAM; did you mean"),
        (f'{LEAST}host = "a b"', "line 4: [x] host: "),
        (
            f'{LEAST}[x.certificate]\nrecipe = "expird"',
            "line 5: [x] certificate.recipe: unknown expird; did you mean expired",
        ),
        (f'{LEAST}[y]\ntitle = "A title"', "line 4: [y]: does is missing"),
        (f"{LEAST}[x.misbehaviours]", "line 4: [x] misbehaviours: must be a list"),
        (
            f"{ANSWER}send = '450 no'\n[[x.misbehaviours]]",
            "line 8: [x] misbehaviours[1]: kind is missing; choose from ",
        ),
        (
            ANSWER.replace("answer", "anser"),
            "line 5: [x] misbehaviours[0].kind: unknown kind anser; did you mean answer?",
        ),
        (f"{ANSWER}sned = '450 no'", "line 7: [x] misbehaviours[0].sned: unknown key sned; did you mean send?"),
        (
            f"{ANSWER.replace('nth', 'nht')}send = '450 no'",
            "line 6: [x] misbehaviours[0].when.nht: unknown key nht; did you mean nth? choose from on, command, ",
        ),
        (
            f"{ANSWER.replace('1-2', '2-1')}send = '450 no'",
            "line 6: [x] misbehaviours[0].when.nth: '2-1' is empty: 1 comes",
        ),
        (f"{ANSWER}send = '450 <tga>'", "line 7: [x] misbehaviours[0].send: "),
    ],
)
def test_mistakes(text: str, said: str) -> None:
    """A mistake is told with file, line, table, key and what there could be."""
    with pytest.raises(ConfigurationError) as caught:
        scenarios_of(document(text), rules=RULES)
    assert str(caught.value).startswith(f"mine.toml, {said}")


def test_costs() -> None:
    """Reading costs the same for each entry, however many there are."""

    def cost(count: int) -> int:
        entry = f"{ANSWER}send = '450 4.2.0 Greylisted, try again later'\n"
        many = document("".join(entry.replace("[x", f"[x-{number}") for number in range(count)))
        return calls(lambda: scenarios_of(many, rules=RULES))

    cost(1)  # some of it is worked out once
    assert cost(200) - cost(100) == cost(300) - cost(200)
    assert cost(300) - cost(200) < 100 * 150, "calls of functions"


def test_documented() -> None:
    """Every key of an entry says what it means."""
    assert set(Entry.__struct_fields__) >= {"title", "does", "services", "server"}
