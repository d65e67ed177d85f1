"""Each facet by table: what it does with what an honest server would have said."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from labserver.dialogues.exchange import Command, Reply, ReplyKind
from labserver.dialogues.imap import ImapDialogue
from labserver.dialogues.pop3 import Pop3Dialogue
from labserver.dialogues.smtp import SmtpDialogue
from labserver.facets.authentication import EveryoneRejected, HonestAuthentication, ProofSpoiled
from labserver.facets.bundle import HONEST, Facets
from labserver.facets.capabilities import Capabilities, HonestCapabilities, UpgradeHidden, UpgradeRenamed
from labserver.facets.greeting import HonestGreeting, Preauthenticated
from labserver.facets.injection import NoInjection, RepliesInjected
from labserver.facets.oracle import NoOracle
from labserver.facets.persona import GOOD
from labserver.facets.upgrade import HonestUpgrade, UpgradeRefused, UpgradeUnknown

if TYPE_CHECKING:
    from labserver.dialogues.exchange import Dialogue

SMTP = SmtpDialogue(line_limit=1000)
IMAP = ImapDialogue(line_limit=1000, literal_limit=1000)
POP3 = Pop3Dialogue(line_limit=1000)
STARTTLS = Command(verb="STARTTLS")
TAGGED = Command(verb="STARTTLS", tag=b"a7")
STLS = Command(verb="STLS")
ASKED: list[tuple[Dialogue, Command]] = [(SMTP, STARTTLS), (IMAP, TAGGED), (POP3, STLS)]


class TestHonest:
    """The default of every axis changes nothing."""

    def test_all_of_them(self) -> None:
        """A bundle without arguments is honest on every axis, and so is the good persona."""
        assert HONEST == Facets() == GOOD.facets
        assert {field.name: type(getattr(HONEST, field.name)) for field in fields(Facets)} == {
            "greeting": HonestGreeting,
            "capabilities": HonestCapabilities,
            "upgrade": HonestUpgrade,
            "injection": NoInjection,
            "authentication": HonestAuthentication,
            "oracle": NoOracle,
            "permissive": bool,
        }
        assert not HONEST.permissive

    def test_it_says_what_it_was_given(self) -> None:
        """Greeting, names, upgrade and proof come back as they were, and nothing is injected."""
        greeting = Reply.greeting(b"* OK hello\r\n", "OK")
        names = ("STARTTLS", "AUTH PLAIN")
        assert HonestGreeting().spoken(greeting) is greeting
        assert not HonestGreeting().authenticated
        assert HonestCapabilities().listed(names, upgrade="STARTTLS", secure=False) is names
        assert HonestAuthentication().proof(b"v=x") == b"v=x"
        assert not HonestAuthentication().rejects
        for dialogue, command in ASKED:
            assert HonestUpgrade().answer(command, dialogue) is None
            assert NoInjection().behind(command, dialogue) == b""

    def test_lies_differ_by_their_configuration(self) -> None:
        """Facets are values: equal when they do the same, and never equal to an honest one."""
        assert UpgradeRenamed(name="X") == UpgradeRenamed(name="X") != UpgradeRenamed(name="Y")
        assert Facets(upgrade=UpgradeRefused()) != HONEST


GREETINGS = {
    b"* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n": b"* PREAUTH [CAPABILITY IMAP4rev1 IDLE] ready\r\n",
    b"* OK ready\r\n": b"* PREAUTH ready\r\n",
    b"* OK [ALERT] * OK twice\r\n": b"* PREAUTH [ALERT] * OK twice\r\n",
}


@pytest.mark.parametrize(("honest", "spoken"), GREETINGS.items())
def test_preauthenticated(honest: bytes, spoken: bytes) -> None:
    """The status becomes PREAUTH; code and text stay."""
    reply = Preauthenticated().spoken(Reply.greeting(honest, "OK"))
    assert (reply.raw, reply.kind, reply.code) == (spoken, ReplyKind.GREETING, "PREAUTH")
    assert Preauthenticated().authenticated


LISTS: list[tuple[Capabilities, tuple[str, ...], str, tuple[str, ...]]] = [
    (UpgradeHidden(), ("SIZE", "STARTTLS", "HELP"), "STARTTLS", ("SIZE", "HELP")),
    (UpgradeHidden(), ("TOP", "Stls"), "STLS", ("TOP",)),
    (UpgradeHidden(), ("SIZE", "STARTTLSX"), "STARTTLS", ("SIZE", "STARTTLSX")),
    (UpgradeHidden(), (), "STARTTLS", ()),
    (UpgradeRenamed(name="XXXXXXXA"), ("SIZE", "STARTTLS", "HELP"), "STARTTLS", ("SIZE", "XXXXXXXA", "HELP")),
    (UpgradeRenamed(name="XXXX"), ("stls", "TOP"), "STLS", ("XXXX", "TOP")),
    (UpgradeRenamed(name="XXXXXXXA"), ("SIZE",), "STARTTLS", ("SIZE",)),
]


@pytest.mark.parametrize(("facet", "honest", "upgrade", "listed"), LISTS)
def test_lists(facet: Capabilities, honest: tuple[str, ...], upgrade: str, listed: tuple[str, ...]) -> None:
    """The upgrade is left out or overwritten in its place, in clear only; every other name stays."""
    assert facet.listed(honest, upgrade=upgrade, secure=False) == listed
    assert facet.listed(honest, upgrade=upgrade, secure=True) == honest


def test_refused() -> None:
    """The refusal is the protocol's own for TLS that is not available just now."""
    answers = [UpgradeRefused().answer(command, dialogue) for dialogue, command in ASKED]
    starts = [b"454 4.7.0 ", b"a7 NO ", b"-ERR "]
    assert all(
        answer is not None and answer.raw.startswith(start) for answer, start in zip(answers, starts, strict=True)
    )


def test_unknown() -> None:
    """The answer is what any unknown command gets."""
    for dialogue, command in ASKED:
        assert UpgradeUnknown().answer(command, dialogue) == dialogue.unrecognized(command)


INJECTED: list[tuple[Dialogue, Command, bytes]] = [
    (SMTP, STARTTLS, b"250-injected\r\n250 AUTH PLAIN LOGIN\r\n"),
    (IMAP, TAGGED, b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN\r\na8 OK injected\r\n"),
    (POP3, STLS, b"+OK injected\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n"),
]


@pytest.mark.parametrize(("dialogue", "command", "octets"), INJECTED, ids=["smtp", "imap", "pop3"])
def test_injected(dialogue: Dialogue, command: Command, octets: bytes) -> None:
    """The octets are a whole answer to what a client asks first inside TLS, in its protocol's words."""
    assert RepliesInjected().behind(command, dialogue) == octets


class TestAuthentication:
    """What is wrong with the authentication of a session."""

    def test_everyone_rejected(self) -> None:
        """Everybody is refused, by whatever mechanism is offered anyway, and no proof is touched."""
        facet = EveryoneRejected()
        assert facet.rejects
        assert facet.mechanisms is None
        assert facet.proof(b"v=AAAA") == b"v=AAAA"

    @pytest.mark.parametrize(
        ("honest", "spoiled"),
        [(b"v=Qm9v", b"v=Am9v"), (b"v=Am9v", b"v=Bm9v"), (b"e=other-error", b"e=other-error"), (b"", b"")],
    )
    def test_proof_spoiled(self, honest: bytes, spoiled: bytes) -> None:
        """A signature is another one of the same length; what is none stays as it is."""
        assert ProofSpoiled().proof(honest) == spoiled

    def test_proof_spoiled_for_those_who_look(self) -> None:
        """Only mechanisms with a proof are offered, and nobody is refused."""
        assert ProofSpoiled().mechanisms == frozenset({"SCRAM-SHA-256", "SCRAM-SHA-1"})
        assert not ProofSpoiled().rejects
