"""Who may authenticate how: what is offered, and why something is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from labserver.dialogues.exchange import LoginFailure
from labserver.sasl.table import MECHANISMS
from labserver.session.access import NoChannel
from tests.session.playbook import BoundChannel

if TYPE_CHECKING:
    from tests.session.playbook import Building


def test_nothing_in_clear(building: Building) -> None:
    """Without TLS nothing is offered."""
    assert building.access().mechanisms(secure=False, channel=NoChannel()) == ()


def test_in_clear_when_asked_for(building: Building) -> None:
    """The operator may allow it; a binding needs TLS all the same."""
    building.cleartext = True
    offered = building.access().mechanisms(secure=False, channel=NoChannel())
    assert "PLAIN" in offered
    assert not [name for name in offered if name.endswith("-PLUS")]


def test_bait(building: Building) -> None:
    """A bait leaves in clear only what shows the password; inside TLS nothing is different."""
    access = replace(building.access(), cleartext=True, bait=True)
    assert access.mechanisms(secure=False, channel=NoChannel()) == ("PLAIN", "LOGIN")
    assert access.mechanisms(secure=True, channel=BoundChannel())[0] == "SCRAM-SHA-256-PLUS"


def test_inside_tls(building: Building) -> None:
    """Inside TLS the strongest comes first; what has to be asked for is not there."""
    offered = building.access().mechanisms(secure=True, channel=BoundChannel())
    assert offered[0] == "SCRAM-SHA-256-PLUS"
    assert "ANONYMOUS" not in offered
    assert "EXTERNAL" not in offered, "the client showed no certificate"


def test_any_password(building: Building) -> None:
    """Where any password will do, nothing is offered that has to know it."""
    building.accept_any = True
    offered = building.access().mechanisms(secure=True, channel=BoundChannel())
    assert "PLAIN" in offered
    assert not [name for name in offered if MECHANISMS[name].knows_password]


def test_only_those_asked_for(building: Building) -> None:
    """The operator's choice is the offer."""
    access = replace(building.access(), requested=frozenset({"PLAIN", "ANONYMOUS"}))
    assert access.mechanisms(secure=True, channel=BoundChannel()) == ("PLAIN", "ANONYMOUS")
    assert access.refusal("LOGIN", secure=True, channel=BoundChannel()) is LoginFailure.UNSUPPORTED


@pytest.mark.parametrize(
    ("name", "secure", "expected"),
    [
        ("PLAIN", True, None),
        ("PLAIN", False, LoginFailure.NEEDS_TLS),
        ("SCRAM-SHA-256-PLUS", True, LoginFailure.UNSUPPORTED),
        ("NTLM", True, LoginFailure.UNSUPPORTED),
        ("NTLM", False, LoginFailure.UNSUPPORTED),
        ("", True, LoginFailure.UNSUPPORTED),
    ],
)
def test_refusal(building: Building, name: str, expected: LoginFailure | None, *, secure: bool) -> None:
    """A refusal tells whether TLS would help."""
    assert building.access().refusal(name, secure=secure, channel=NoChannel()) is expected


def test_no_channel() -> None:
    """Without TLS there is nothing to bind to."""
    assert NoChannel().binding("tls-exporter") is None
    assert NoChannel().client_certificate is None
