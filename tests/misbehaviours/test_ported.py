"""What the facets said, the kinds say, octet for octet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.dialogues.exchange import Reply
from labserver.facets.authentication import ProofSpoiled
from labserver.facets.capabilities import UpgradeHidden, UpgradeRenamed
from labserver.facets.greeting import Preauthenticated
from labserver.facets.injection import RepliesInjected
from labserver.facets.upgrade import UpgradeRefused, UpgradeUnknown
from labserver.misbehaviours.moment import Occasion
from labserver.wire.actions import StartTls
from tests.misbehaviours.stage import command, dialogue_of, moment, raw
from tests.misbehaviours.test_kinds import GREETINGS, LISTS, OK, made, through

if TYPE_CHECKING:
    from labserver.dialogues.exchange import Command
    from labserver.facets.capabilities import Capabilities
    from labserver.facets.upgrade import Upgrade

SERVICES = ("smtp", "imap", "pop3")


def _asked(service: str) -> Command:
    return command(service, {"smtp": b"STARTTLS", "imap": b"a7 STARTTLS", "pop3": b"STLS"}[service])


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(("how", "facet"), [("temporary", UpgradeRefused()), ("unknown", UpgradeUnknown())])
def test_upgrade(service: str, how: str, facet: Upgrade) -> None:
    """STARTTLS refused and unknown."""
    asked = _asked(service)
    steps = through(made("upgrade-refused", how=how), moment(service, asked), [OK[service], StartTls()])
    before = facet.answer(asked, dialogue_of(service))
    assert before is not None
    assert raw(steps) == before.raw
    assert StartTls() not in steps


@pytest.mark.parametrize("service", SERVICES)
def test_injection(service: str) -> None:
    """Replies behind the one that accepts STARTTLS."""
    asked = _asked(service)
    steps = through(made("injection"), moment(service, asked), [OK[service], StartTls()])
    assert raw(steps) == OK[service].raw + RepliesInjected().behind(asked, dialogue_of(service))
    assert steps[-1] == StartTls()


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("fields", "facet"),
    [
        ({"hide": ["STARTTLS"]}, UpgradeHidden()),
        ({"rename": {"STARTTLS": "XXXXXXXA"}}, UpgradeRenamed(name="XXXXXXXA")),
    ],
)
def test_capabilities(service: str, fields: dict[str, object], facet: Capabilities, secure: bool) -> None:  # noqa: FBT001 -- a column
    """STARTTLS hidden and overwritten, before TLS and not inside it."""
    line, honest = LISTS[service]
    spell = dialogue_of(service)
    asked = command(service, line)
    here = moment(service, asked)
    here.secure = secure
    steps = through(made("capabilities", when={"phase": "clear"}, **fields), here, [honest])
    before = spell.relisted(asked, honest, lambda names: facet.listed(names, upgrade=spell.upgrade_verb, secure=secure))
    assert raw(steps) == before.raw


@pytest.mark.parametrize("greeting", [GREETINGS["imap"].raw, b"* OK ready\r\n", b"* OK [ALERT] * OK twice\r\n"])
def test_preauth(greeting: bytes) -> None:
    """PREAUTH instead of OK."""
    honest = Reply.greeting(greeting, "OK")
    steps = through(made("preauth"), moment("imap"), [honest], Occasion.GREETING)
    assert raw(steps) == Preauthenticated().spoken(honest).raw


@pytest.mark.parametrize("proof", [b"v=Abc=", b"v=abc=", b"v=", b"r=x,s=y,i=1"])
@pytest.mark.parametrize("service", SERVICES)
def test_proof(service: str, proof: bytes) -> None:
    """SCRAM's signature with one character changed."""
    spell = dialogue_of(service)
    steps = through(made("proof"), moment(service, command(service, b"AUTH X")), [spell.challenge(proof)])
    assert raw(steps) == spell.challenge(ProofSpoiled().proof(proof)).raw
