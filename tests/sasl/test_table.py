"""The table of mechanisms, what is offered from it, and what none of them may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.clock import SeededEntropy
from labserver.sasl.mechanism import MechanismError
from labserver.sasl.table import MECHANISMS, offered, start

if TYPE_CHECKING:
    from tests.sasl.conftest import Stage

BOUND = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS")
KNOWING = ("SCRAM-SHA-256", "SCRAM-SHA-1")
TOKENS = ("OAUTHBEARER", "XOAUTH2")
PASSWORDS = ("PLAIN", "LOGIN")


def test_in_clear_nothing_is_offered(stage: Stage) -> None:
    """By default no credentials travel in clear."""
    assert offered(secure=False, channel=stage.tunnel) == ()


def test_in_tls_everything_but_what_must_be_asked_for(stage: Stage) -> None:
    """Best first; EXTERNAL only for a client with a certificate, ANONYMOUS never unasked."""
    assert offered(secure=True, channel=stage.tunnel) == (*BOUND, *KNOWING, *TOKENS, "CRAM-MD5", *PASSWORDS)
    stage.tunnel.client_certificate = b"x"
    assert offered(secure=True, channel=stage.tunnel) == (
        *BOUND,
        *KNOWING,
        "EXTERNAL",
        *TOKENS,
        "CRAM-MD5",
        *PASSWORDS,
    )


def test_a_channel_without_binding_has_no_plus(stage: Stage) -> None:
    """-PLUS needs something to bind to."""
    stage.tunnel.bindings.clear()
    assert offered(secure=True, channel=stage.tunnel) == (*KNOWING, *TOKENS, "CRAM-MD5", *PASSWORDS)


def test_accept_any_leaves_out_what_must_know_the_password(stage: Stage) -> None:
    """Where any password will do, nobody can prove to know it."""
    assert offered(secure=True, channel=stage.tunnel, accept_any=True) == (*TOKENS, *PASSWORDS)


def test_a_request_chooses(stage: Stage) -> None:
    """Only what was asked for is offered, in the table's order; ANONYMOUS even in clear."""
    asked = ("ANONYMOUS", "LOGIN", "PLAIN", "EXTERNAL")
    assert offered(secure=True, channel=stage.tunnel, requested=asked) == ("PLAIN", "LOGIN", "ANONYMOUS")
    assert offered(secure=False, channel=stage.tunnel, requested=asked) == ("ANONYMOUS",)


@pytest.mark.parametrize(("among", "refused"), [(("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"), True), (KNOWING, False)])
def test_y_is_a_downgrade_only_if_plus_was_offered(stage: Stage, among: tuple[str, ...], *, refused: bool) -> None:
    """A server that was told to offer no -PLUS does not accuse the client of being lied to."""
    exchange = start(
        "SCRAM-SHA-256", among=among, credentials=stage.roster, channel=stage.tunnel, entropy=stage.entropy
    )
    next(exchange)
    if refused:
        with pytest.raises(MechanismError):
            exchange.send(b"y,,n=alice,r=abc")
    else:
        assert exchange.send(b"y,,n=alice,r=abc").startswith(b"r=abc")


def test_without_plus_the_certificate_is_still_seen(stage: Stage) -> None:
    """Taking the bindings away takes nothing else away."""
    stage.tunnel.client_certificate = b"alice's certificate"
    exchange = start(
        "EXTERNAL", among=("EXTERNAL",), credentials=stage.roster, channel=stage.tunnel, entropy=stage.entropy
    )
    next(exchange)
    with pytest.raises(StopIteration) as stop:
        exchange.send(b"")
    assert stop.value.value.account == "alice"


class Nobody:
    """Credentials of an empty directory."""

    salt_key = b"salt"

    def resolve(self, name: str) -> None:
        """Know nobody."""

    def verify(self, name: str, password: str) -> None:
        """Know nobody."""

    def password(self, name: str) -> None:
        """Know nobody."""

    def token(self, token: str) -> None:
        """Know nobody."""

    def certificate(self, der: bytes) -> None:
        """Know nobody."""


class Bound:
    """A channel with everything."""

    client_certificate = b"certificate"

    def binding(self, kind: str) -> bytes:
        """Bind by any kind."""
        return kind.encode()


PIECES = st.sampled_from(
    [
        *(b"n,,", b"y,,", b"p=tls-exporter,,", b"a=alice,", b"n=alice,r=abc", b"m=x,", b"c=biws,r=abc,p=AAAA"),
        *(b"auth=Bearer x", b"user=a", b"alice", b"\1", b"\0", b"=", b"=2C", b",", b" ", b"\xff", b"\xc3\xa4"),
    ]
)
RESPONSES = st.lists(st.binary(max_size=40) | st.lists(PIECES, max_size=8).map(b"".join), max_size=4)


@pytest.mark.parametrize("name", [name for name in MECHANISMS if name != "ANONYMOUS"])
@given(responses=RESPONSES)
def test_whatever_a_client_says(name: str, responses: list[bytes]) -> None:
    """Nothing a client sends raises anything but MechanismError, and nothing opens an account that is not there."""
    exchange = MECHANISMS[name].start(Nobody(), Bound(), SeededEntropy("sasl"))
    next(exchange)
    for response in responses:
        try:
            exchange.send(response)
        except MechanismError:
            return
