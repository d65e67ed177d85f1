"""How credentials are received, and what the server proves: what the client gets of each kind."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from labserver.dialogues.exchange import Await, LoginFailure, Preauthenticate, Reply
from labserver.misbehaviours.chain import Chain
from labserver.misbehaviours.moment import Occasion
from labserver.wire.framing import Framed
from tests.misbehaviours.kinds.rows import (
    OK,
    InCommand,
    made,
    named,
    over_a_command,
    plain,
    refused,
    through,
)
from tests.misbehaviours.stage import LINE, Honest, command, dialogue_of, moment, played, raw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labserver.misbehaviours.base import Said, Step

COMMANDS = [
    InCommand(
        "login-unasked",
        {},
        "imap",
        b"a1 AUTHENTICATE SCRAM-SHA-256",
        [OK["imap"]],
        [Preauthenticate(), b"a1 OK Authenticated\r\n"],
    ),
    InCommand(
        "login-unasked",
        {},
        "smtp",
        b"AUTH PLAIN",
        [OK["smtp"]],
        [Preauthenticate(), b"235 2.7.0 Authentication successful\r\n"],
    ),
    InCommand("login-unasked", {}, "pop3", b"APOP x y", [OK["pop3"]], [Preauthenticate(), b"+OK Authenticated\r\n"]),
    InCommand("login-unasked", {}, "pop3", b"NOOP", [OK["pop3"]], [raw([OK["pop3"]])]),
]


@pytest.mark.parametrize("row", named(COMMANDS))
def test_over_a_command(row: InCommand) -> None:
    """What the client gets, and that it is told exactly when it is not what is honest."""
    over_a_command(row)


_FIRST = b"r=clientnonce" + b"S" * 24 + b",s=c2FsdA==,i=4096"


def _scram(service: str) -> list[Step]:
    spell = dialogue_of(service)
    return [
        spell.challenge(_FIRST),
        Await.line(),
        spell.challenge(b"v=Abc="),
        Await.line(),
        OK[service],
    ]


def _challenges(steps: Sequence[Step], service: str) -> list[bytes]:
    prefix = b"334 " if service == "smtp" else b"+ "
    said = [step.raw for step in steps if isinstance(step, Reply)]
    return [base64.b64decode(one[len(prefix) :]) for one in said if one.startswith(prefix)]


PROOFS = {"wrong": b"v=Bbc=", "empty": b"", "error": b"e=other-error"}


@pytest.mark.parametrize("service", ["smtp", "imap", "pop3"])
@pytest.mark.parametrize("how", PROOFS)
def test_proofs(service: str, how: str) -> None:
    """The signature differs, and success is claimed."""
    verb = b"a1 AUTHENTICATE X" if service == "imap" else b"AUTH X"
    steps = through(made("proof", how=how), moment(service, command(service, verb)), _scram(service))
    assert _challenges(steps, service) == [_FIRST, PROOFS[how]]
    assert OK[service] in steps


def test_a_missing_proof() -> None:
    """The honest server believes that its last challenge was answered; the client has never seen it."""
    honest = Honest(_scram("imap"))
    here = moment("imap", command("imap", b"a1 AUTHENTICATE X"))
    steps = played(Chain([made("proof", how="missing")]).wrap(Occasion.COMMAND, honest.run(), here))
    assert _challenges(steps, "imap") == [_FIRST]
    assert [one for one in steps if isinstance(one, Await)] == [Await.line()]
    assert honest.heard == [LINE, Framed(parts=(b"",), raw=b"\r\n")]
    assert honest.finished


SCRAM_FIRSTS: dict[str, tuple[dict[str, Any], bytes]] = {
    "few": ({"iterations": 1}, _FIRST.replace(b"4096", b"1")),
    "unextended": ({"nonce": "unextended"}, _FIRST.replace(b"S" * 24, b"")),
    "replaced": ({"nonce": "replaced"}, b"r=" + b"x" * 35 + b",s=c2FsdA==,i=4096"),
    "empty": ({"nonce": "empty", "salt": "empty"}, b"r=,s=,i=4096"),
    "salt": ({"salt": "malformed"}, _FIRST.replace(b"c2FsdA==", b"!!!")),
    "extension": ({"extension": True}, b"m=lab," + _FIRST),
}


@pytest.mark.parametrize(("fields", "first"), SCRAM_FIRSTS.values(), ids=SCRAM_FIRSTS)
def test_scram(fields: dict[str, Any], first: bytes) -> None:
    """The first challenge differs and the transcript does not show the client's nonce."""
    here = moment("smtp", command("smtp", b"AUTH X"))
    steps = through(made("scram", **fields), here, _scram("smtp"))
    assert _challenges(steps, "smtp") == [first, b"v=Abc="]
    (changed,) = [one for one in steps if isinstance(one, Reply) and one.masked]
    assert b"clientnonce" not in base64.b64decode((changed.masked or b"")[4:])


def test_a_malformed_challenge() -> None:
    """It stands in the place of the one that is meant; the others are honest."""
    here = moment("imap", command("imap", b"a1 AUTHENTICATE X"))
    steps = through(made("challenge", text="!!! <tag>", number=2), here, _scram("imap"))
    assert plain(steps)[2] == b"+ !!! a1\r\n"
    assert plain(steps)[0] == raw([dialogue_of("imap").challenge(_FIRST)])
    assert plain(through(made("challenge", text="x", number=9), here, _scram("imap"))) == plain(_scram("imap"))


def test_a_long_challenge() -> None:
    """A challenge of a mebibyte is made while it leaves."""
    here = moment("smtp", command("smtp", b"AUTH X"))
    steps = through(made("challenge", text="<fill:QUJD*262144>"), here, _scram("smtp"))
    (long,) = [one for one in steps if isinstance(one, Reply) and one.rest]
    assert len(long.raw) < 100_000
    assert raw([long]) == b"334 " + b"QUJD" * 262_144 + b"\r\n"
    assert long.code == "334"


@pytest.mark.parametrize("service", ["smtp", "imap", "pop3"])
def test_endless_challenges(service: str) -> None:
    """They end when the client cancels, or after the most that there may be."""
    verb = b"a1 AUTHENTICATE PLAIN" if service == "imap" else b"AUTH PLAIN"
    here = moment(service, command(service, verb))
    spell = dialogue_of(service)
    link = made("endless-challenges", most=3)
    steps = through(link, here, [OK[service]])
    assert len([one for one in steps if isinstance(one, Await)]) == 3
    assert here.command is not None
    assert steps[-1] == spell.login_failed(here.command, LoginFailure.REJECTED)
    exchange = Chain([link]).wrap(Occasion.COMMAND, Honest([OK[service]]).run(), here)
    said: Said = None
    out: list[Step] = []
    while True:
        try:
            out.append(exchange.send(said))
        except StopIteration:
            break
        said = Framed(parts=(b"*",), raw=b"*\r\n") if isinstance(out[-1], Await) else None
    assert out[-1] == spell.login_failed(here.command, LoginFailure.CANCELLED)
    assert len(out) == 4


@pytest.mark.parametrize("line", [b"a1 NOOP", b"a1 AUTHENTICATE"])
def test_no_challenges_for_others(line: bytes) -> None:
    """Any other command is answered honestly."""
    assert through(made("endless-challenges"), moment("imap", command("imap", line)), [OK["imap"]]) == [OK["imap"]]


def test_beliefs() -> None:
    """Right credentials are wrong, or wrong ones right, under the same conditions as everything."""
    here = moment("imap", command("imap", b"a1 LOGIN x y"))
    refused = Chain([made("login-refused", when={"nth": "1-2"})])
    assert [refused.believes("x", True, here).right for _ in range(3)] == [False, False, True]  # noqa: FBT003 -- the hook's
    accepted = Chain([made("login-accepted")])
    assert accepted.believes("x", False, here).right  # noqa: FBT003 -- the same
    assert not accepted.believes("x", True, here).tells  # noqa: FBT003 -- the same


MISTAKES: dict[str, tuple[str, dict[str, Any], str]] = {
    "no scram": ("scram", {}, "needs iterations, nonce"),
}


@pytest.mark.parametrize(("kind", "fields", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(kind: str, fields: dict[str, Any], reason: str) -> None:
    """What cannot be meant is refused when it is read."""
    refused(kind, fields, reason)
