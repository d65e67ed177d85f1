"""Tables and options of people: what they become, and what is said of mistakes."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.dialogues.purposes import Purpose
from labserver.errors import ConfigurationError
from labserver.misbehaviours.conditions import Nth
from labserver.misbehaviours.moment import Occasion
from labserver.misbehaviours.notation import CONDITIONS, misbehaviour, read_misbehaviours, read_options
from labserver.misbehaviours.table import KINDS
from labserver.scenario import ALL
from labserver.services import SERVICES
from labserver.tables import TableError

EXPLICIT = ("smtp", "submission", "imap", "pop3")
GREYLISTED = """
[[misbehaviours]]
kind = "answer"
when = { command = "RCPT", nth = "1-2" }
send = "450 4.2.0 Greylisted, try again later"
"""


def _read(toml: str, services: tuple[str, ...] = ALL) -> tuple[Any, ...]:
    return read_misbehaviours(tomllib.loads(toml)["misbehaviours"], services)


def test_the_notation() -> None:
    """A table of a scenario and an option say the same."""
    (table,) = _read(GREYLISTED, ("smtp",))
    (option,) = read_options(['answer command=RCPT nth=1-2 send="450 4.2.0 Greylisted, try again later"'], ("smtp",))
    assert table == option
    assert table.kind == "answer"
    assert table.when.nth == Nth("1-2")


OPTIONS: dict[str, dict[str, Any]] = {
    "silence": {},
    "silence on=greeting": {"when": {"on": "greeting"}},
    "silence phase=clear phase=authenticated": {"when": {"phase": ["clear", "authenticated"]}},
    "silence command=NOOP command=RSET nth='every 2'": {"when": {"command": ["NOOP", "RSET"], "nth": "every 2"}},
    "silence chance=0.5 scope=lab": {"when": {"chance": 0.5, "scope": "lab"}},
    "silence on=quiet idle=3": {"when": {"on": "quiet", "idle": 3.0}},
    "refuse how=permanent close=true text='no way'": {"how": "permanent", "close": True, "text": "no way"},
    "answer send=250-a send='250 b'": {"send": ["250-a", "250 b"]},
    "delay seconds=1.5": {"seconds": 1.5},
    "repeat times=3": {"times": 3},
    "capabilities hide=STARTTLS": {"hide": ["STARTTLS"]},
    "capabilities hide=STARTTLS hide=AUTH*": {"hide": ["STARTTLS", "AUTH*"]},
    "capabilities only=": {"only": []},
    "capabilities rename.STARTTLS=XTLS rename.IDLE=X": {"rename": {"STARTTLS": "XTLS", "IDLE": "X"}},
    "uidvalidity value=0": {"value": 0},
    "literal-length add=-3": {"add": -3},
    'answer send="a \\"b\\" c"': {"send": 'a "b" c'},
    "reply code=550": {"code": "550"},
}


@pytest.mark.parametrize(("text", "table"), OPTIONS.items())
def test_options(text: str, table: dict[str, Any]) -> None:
    """Conditions and fields are in one namespace; what is given twice is a list."""
    (link,) = read_options([text], ALL)
    assert link == misbehaviour({"kind": link.kind, **table})


def test_several_options() -> None:
    """They are a chain, in their order."""
    links = read_options(["drop command=NOOP", "delay seconds=1"], ALL)
    assert [link.kind for link in links] == ["drop", "delay"]


@pytest.mark.parametrize("kind", KINDS)
def test_examples_are_tables(kind: str) -> None:
    """Every example is read on the services where its kind means something."""
    services = tuple(name for name, one in SERVICES.items() if one.protocol in KINDS[kind].protocols)
    (link,) = read_misbehaviours([{"kind": kind, **KINDS[kind].example}], services)
    assert link.kind == kind


TABLES: dict[str, tuple[str, str]] = {
    "no array": ("misbehaviours = 5", "must be an array of tables"),
    "no table": ("misbehaviours = [5]", r"\[0\]: must be a table"),
    "no kind": ("[[misbehaviours]]\nsend = 'x'", r"\[0\]: kind is missing; choose from answer, refuse"),
    "another kind": ("[[misbehaviours]]\nkind = 'anwser'", r"\[0\].kind: unknown kind anwser; did you mean answer"),
    "a kind that is none": ("[[misbehaviours]]\nkind = 5", r"\[0\].kind: unknown kind 5"),
    "a condition outside": (
        "[[misbehaviours]]\nkind = 'silence'\ncommand = 'NOOP'",
        r"\[0\].command: is a condition; write when = { command = … }",
    ),
    "an unknown field": (
        "[[misbehaviours]]\nkind = 'delay'\nsecond = 1",
        r"\[0\].second: unknown key second; did you mean seconds",
    ),
    "an unknown condition": (
        "[[misbehaviours]]\nkind = 'silence'\nwhen = { comand = 'NOOP' }",
        r"\[0\].when.comand: unknown key comand; did you mean command",
    ),
    "a missing field": ("[[misbehaviours]]\nkind = 'delay'", r"\[0\]: seconds is missing"),
    "another type": (
        "[[misbehaviours]]\nkind = 'delay'\nseconds = 'long'",
        r"\[0\].seconds: must be a number",
    ),
    "out of range": ("[[misbehaviours]]\nkind = 'delay'\nseconds = 4000", r"\[0\].seconds: must be a number <= 3600"),
    "an unknown word": (
        "[[misbehaviours]]\nkind = 'end'\nhow = 'rts'",
        r"\[0\].how: unknown rts; did you mean rst. choose from half, no-close-notify, orderly, rst",
    ),
    "an unknown occasion": (
        "[[misbehaviours]]\nkind = 'silence'\nwhen = { on = 'greting' }",
        r"\[0\].when.on: unknown greting; did you mean greeting",
    ),
    "an empty range": (
        "[[misbehaviours]]\nkind = 'silence'\nwhen = { nth = '3-2' }",
        r"\[0\].when.nth: '3-2' is empty: 2 comes before 3",
    ),
    "no range": (
        "[[misbehaviours]]\nkind = 'silence'\nwhen = { nth = 'often' }",
        r"\[0\].when.nth: 'often' is not \"2\", \"1-2\", \"3-\" or \"every 2\"",
    ),
    "a chance of nothing": (
        "[[misbehaviours]]\nkind = 'silence'\nwhen = { chance = 0.0 }",
        r"\[0\].when.chance: must be a number > 0",
    ),
    "an unknown service": (
        "[[misbehaviours]]\nkind = 'silence'\nwhen = { service = 'impa' }",
        r"\[0\].when: 'impa' is not a service; did you mean imap",
    ),
    "a lookalike": (
        "[[misbehaviours]]\nkind = 'answer'\nsend = '<Tag> OK'",
        r"\[0\].send: <Tag> is not a place that can be filled in",
    ),
    "several lines in one": (
        "[[misbehaviours]]\nkind = 'refuse'\ntext = \"a\\nb\"",
        r"\[0\].text: must be one line of text$",
    ),
    "no code": ("[[misbehaviours]]\nkind = 'reply'\ncode = '55'", r"\[0\].code: must be a code such as \"550\""),
    "no tag": ("[[misbehaviours]]\nkind = 'tagged-greeting'\ntags = ['a b']", "must be a tag without spaces"),
    "no command": ("[[misbehaviours]]\nkind = 'silence'\nwhen.command = ''", r"\[0\].when: a command has no name"),
    "no words": ("[[misbehaviours]]\nkind = 'answer'", r"\[0\]: it needs either send or octets"),
    "the second one": (
        "[[misbehaviours]]\nkind = 'silence'\nwhen.nth = '1'\n[[misbehaviours]]\nkind = 'x'",
        r"\[1\].kind: unknown kind x",
    ),
}


@pytest.mark.parametrize(("toml", "said"), TABLES.values(), ids=TABLES)
def test_mistakes(toml: str, said: str) -> None:
    """A mistake is told with its path, what is wrong and what there is instead."""
    with pytest.raises(TableError, match=said):
        _read(toml)


@pytest.mark.parametrize(
    ("service", "condition"), [("imap", "account"), ("imap", "mailbox"), ("smtp", "sender"), ("smtp", "recipient")]
)
def test_a_condition_leaves_something(service: str, condition: str) -> None:
    """A link nearer to the client that acts only sometimes hides none, whatever the condition is called."""
    chain = [{"kind": "drop"}, {"kind": "silence", "when": {condition: "a*"}}]
    assert len(read_misbehaviours(chain, (service,))) == 2


IMPOSSIBLE: dict[str, tuple[tuple[str, ...], list[dict[str, Any]], str]] = {
    "hidden by all": (
        ALL,
        [{"kind": "drop"}, {"kind": "silence"}],
        r"\[0\]: it never acts: silence behind it",
    ),
    "hidden by the same": (
        ("smtp",),
        [
            {"kind": "delay", "seconds": 1, "when": {"command": "RCPT", "nth": "2"}},
            {"kind": "answer", "send": "450 x", "when": {"command": ["RCPT", "MAIL"]}},
        ],
        r"\[0\]: it never acts: answer behind it",
    ),
    "hidden by a wider phase": (
        ("imap",),
        [
            {"kind": "drop", "when": {"phase": ["tls", "authenticated"]}},
            {"kind": "refuse", "when": {"phase": "tls"}},
        ],
        r"\[0\]: it never acts: refuse behind it",
    ),
    "clear in TLS": (
        ("imaps", "pop3s"),
        [{"kind": "silence", "when": {"phase": "clear"}}],
        r"\[0\].when.phase: nothing is in clear",
    ),
    "clear and TLS": (ALL, [{"kind": "silence", "when": {"phase": ["clear", "tls"]}}], "never hold at once"),
    "selected in SMTP": (
        ("smtp",),
        [{"kind": "silence", "when": {"phase": "selected"}}],
        "mailboxes are selected in IMAP only",
    ),
    "clear where the service is named": (
        ALL,
        [{"kind": "silence", "when": {"phase": "clear", "service": "imaps"}}],
        "nothing is in clear",
    ),
    "upgrade in TLS": (
        ("imaps",),
        [{"kind": "silence", "when": {"purpose": "upgrade"}}],
        "nobody asks for TLS",
    ),
    "STARTTLS in TLS": (
        ("imaps",),
        [{"kind": "silence", "when": {"command": "STARTTLS"}}],
        r"\[0\].when.command: nobody sends STARTTLS",
    ),
    "a command of another protocol": (
        ("imap",),
        [{"kind": "silence", "when": {"command": "RCPT"}}],
        r"\[0\].when.command: RCPT is a command of lmtp, smtp; the scenario.s services speak imap",
    ),
    "a mistyped command": (
        ("imap",),
        [{"kind": "silence", "when": {"command": ["NOOP", "SELCT"]}}],
        r"\[0\].when.command\[1\]: unknown command SELCT; did you mean SELECT",
    ),
    "LHLO in SMTP": (("smtp",), [{"kind": "silence", "when": {"command": "LHLO"}}], "LHLO is a command of lmtp"),
    "another service": (
        ("imap",),
        [{"kind": "silence", "when": {"service": "smtp"}}],
        r"\[0\].when.service: must be one of the scenario's services: imap",
    ),
    "a kind of another protocol": (
        ("smtp",),
        [{"kind": "preauth"}],
        r"\[0\].kind: preauth has a meaning in imap only",
    ),
    "an occasion of another kind": (
        ("imap",),
        [{"kind": "preauth", "when": {"on": "command"}}],
        r"\[0\].when.on: preauth is possible on greeting only",
    ),
    "an occasion without dialogue": (
        ALL,
        [{"kind": "tls-stalled", "when": {"on": "greeting"}}],
        "tls-stalled is possible on no occasion of the dialogue only",
    ),
    "a command in a handshake": (
        ALL,
        [{"kind": "tls-version", "version": "TLSv1", "when": {"command": "NOOP"}}],
        r"\[0\].when.command: has no meaning in a TLS handshake",
    ),
    "a phase in a handshake": (
        ALL,
        [{"kind": "tls-stalled", "when": {"phase": "tls"}}],
        r"\[0\].when.phase: has no meaning in a TLS handshake",
    ),
    "an account in a handshake": (
        ALL,
        [{"kind": "tls-stalled", "when": {"nth": "2", "scope": "account"}}],
        r"\[0\].when.scope: nobody is logged in in a TLS handshake",
    ),
    "literals in SMTP": (("smtp",), [{"kind": "silence", "when": {"on": "literal"}}], "announced in IMAP only"),
    "secured with implicit TLS": (("imaps",), [{"kind": "withhold"}], "implicit TLS"),
    "a command in the greeting": (
        ("imap",),
        [{"kind": "silence", "when": {"on": "greeting", "command": "NOOP"}}],
        r"\[0\].when.command: there is no command on the occasion greeting",
    ),
    "a purpose in silence": (
        ("imap",),
        [{"kind": "farewell", "when": {"on": "quiet", "purpose": "mail"}}],
        r"\[0\].when.purpose: there is no command on the occasion quiet",
    ),
    "idle without quiet": (ALL, [{"kind": "silence", "when": {"idle": 5}}], r"when.idle: has a meaning only"),
    "scope without numbers": (ALL, [{"kind": "silence", "when": {"scope": "lab"}}], r"when.scope: has a meaning only"),
    "a sender in IMAP": (("imap",), [{"kind": "silence", "when": {"sender": "a@b"}}], "in SMTP and LMTP only"),
    "a recipient in IMAP": (("imap",), [{"kind": "silence", "when": {"recipient": "a"}}], "in SMTP and LMTP only"),
    "a mailbox in SMTP": (("smtp",), [{"kind": "silence", "when": {"mailbox": "x"}}], "in IMAP only"),
    "a login behind PREAUTH": (
        ("imap",),
        [{"kind": "preauth"}, {"kind": "login-refused"}],
        r"\[1\]: nobody logs in behind preauth",
    ),
    "LOGIN behind PREAUTH": (
        ("imap",),
        [{"kind": "preauth"}, {"kind": "delay", "seconds": 1, "when": {"command": ["LOGIN", "AUTHENTICATE"]}}],
        r"\[1\].when.command: nobody logs in behind preauth",
    ),
    "credentials behind PREAUTH": (
        ("imap", "smtp"),
        [{"kind": "preauth"}, {"kind": "refuse", "when": {"purpose": "credentials", "service": "imap"}}],
        r"\[1\]: nobody logs in behind preauth",
    ),
    "an instrument inside TLS": (
        ("imap",),
        [{"kind": "withhold"}, {"kind": "drop", "when": {"phase": "tls"}}],
        r"\[1\]: withhold holds everything inside TLS",
    ),
}


@pytest.mark.parametrize(("services", "tables", "said"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_can_never_act(services: tuple[str, ...], tables: list[dict[str, Any]], said: str) -> None:
    """A link that no session on these services can meet is refused, and what is to blame is named."""
    with pytest.raises(TableError, match=said):
        read_misbehaviours(tables, services)


POSSIBLE: dict[str, tuple[tuple[str, ...], list[dict[str, Any]]]] = {
    "the outer one counts": (ALL, [{"kind": "drop"}, {"kind": "silence", "when": {"nth": "2"}}]),
    "the outer one is about others": (
        ALL,
        [{"kind": "drop"}, {"kind": "silence", "when": {"purpose": "upgrade"}}],
    ),
    "the outer one acts elsewhere": (
        ALL,
        [{"kind": "drop"}, {"kind": "silence", "when": {"on": "greeting"}}],
    ),
    "the outer one lets it be": (ALL, [{"kind": "drop"}, {"kind": "end", "after": "reply"}]),
    "the inner one believes": (ALL, [{"kind": "login-refused"}, {"kind": "silence"}]),
    "one mailbox": (
        ("imap",),
        [{"kind": "drop"}, {"kind": "silence", "when": {"mailbox": "Work"}}],
    ),
    "clear on one of them": (ALL, [{"kind": "silence", "when": {"phase": "clear"}}]),
    "STLS by its purpose": (("pop3",), [{"kind": "silence", "when": {"purpose": "upgrade"}}]),
    "UID FETCH": (("imap",), [{"kind": "silence", "when": {"command": "uid  fetch"}}]),
    "a login of another service": (("imap", "smtp"), [{"kind": "preauth"}, {"kind": "login-refused"}]),
    "a login where PREAUTH is in clear only": (
        ("imap", "imaps"),
        [{"kind": "preauth", "when": {"phase": "clear"}}, {"kind": "login-refused"}],
    ),
    "a login the second time": (
        ("imap",),
        [{"kind": "preauth", "when": {"nth": "1", "scope": "lease"}}, {"kind": "login-refused"}],
    ),
    "an instrument and a fault in clear": (("imap",), [{"kind": "injection"}, {"kind": "withhold"}]),
    "BYE in IDLE": (("imap",), [{"kind": "farewell", "when": {"on": "unsolicited", "command": "IDLE"}}]),
    "nothing": (ALL, []),
}


@pytest.mark.parametrize(("services", "tables"), POSSIBLE.values(), ids=POSSIBLE)
def test_what_may_act(services: tuple[str, ...], tables: list[dict[str, Any]]) -> None:
    """Whatever a client might meet is no mistake."""
    assert len(read_misbehaviours(tables, services)) == len(tables)


WRONG_OPTIONS: dict[str, str] = {
    "": "it is empty",
    "answr send=x": "unknown kind answr; did you mean answer",
    "answer 'send=x": "no closing quotation; put a value in quotes once",
    "answer send=450 busy": "'busy' is not FIELD=VALUE; put a value with spaces in quotes",
    "answer snd=x": "snd: unknown field or condition snd; did you mean send",
    "answer send=x comand=RCPT": "comand: unknown field or condition comand; did you mean command",
    "delay seconds=long": "seconds: must be a number",
    "delay seconds=1 nth=3-2": "nth: '3-2' is empty",
    "answer send=<Tag>": "send: <Tag> is not a place",
    "silence command=XYZZY": "command: unknown command XYZZY",
    "answer when=x send=y": "unknown field or condition when",
    "repeat times.x=2": "times.x: unknown field or condition times.x",
    f"answer send={'x' * 70_000}": "more than 65,536 characters; use --scenario-file",
}


@pytest.mark.parametrize(("text", "said"), WRONG_OPTIONS.items(), ids=range(len(WRONG_OPTIONS)))
def test_mistakes_in_options(text: str, said: str) -> None:
    """A mistake is told with the option as it was typed, the field, and what there is instead."""
    with pytest.raises(ConfigurationError) as error:
        read_options(["silence nth=1", text], ALL)
    assert str(error.value).startswith("--misbehave ")
    assert said in str(error.value)


def test_what_can_never_act_in_options() -> None:
    """The option that is to blame is named."""
    with pytest.raises(ConfigurationError, match="--misbehave 'drop command=NOOP': it never acts"):
        read_options(["drop command=NOOP", "silence"], ALL)


@given(st.text(max_size=200))
def test_any_option(text: str) -> None:
    """Any text is read or refused with a reason, and never anything else."""
    try:
        (link,) = read_options([text], ALL)
    except ConfigurationError:
        return
    assert link.kind in KINDS


_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(CONDITIONS), inner)),
    max_leaves=6,
)
_FIELDS = sorted({name for kind in KINDS.values() for name in kind.__struct_fields__})


@given(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=4))
def test_any_table(kind: str, fields: dict[str, Any]) -> None:
    """Any values are read or refused with a reason."""
    try:
        links = read_misbehaviours([{"kind": kind, **fields}], ALL)
    except TableError:
        return
    assert links[0].kind == kind


def test_what_is_read_is_a_value() -> None:
    """Words become what they stand for."""
    (link,) = read_options(["silence on=unsolicited purpose=mailbox"], ("imap",))
    assert link.when.occasions == {Occasion.UNSOLICITED}
    assert link.when.purposes == (Purpose.MAILBOX,)
