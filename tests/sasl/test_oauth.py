"""XOAUTH2 and OAUTHBEARER."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sasl.conftest import Stage


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [
        ("XOAUTH2", b"user=alice\1auth=Bearer token-alice\1\1"),
        ("XOAUTH2", b"user=alice@lab.test\1auth=bearer token-alice\1\1"),
        ("OAUTHBEARER", b"n,a=alice@lab.test,\1host=lab.test\1port=143\1auth=Bearer token-alice\1\1"),
        ("OAUTHBEARER", b"n,,\1auth=Bearer token-alice\1\1"),
        ("OAUTHBEARER", b"y,a=alice,\1auth=BEARER token-alice\1user=x\1\1"),
    ],
)
def test_a_token_opens_its_account(stage: Stage, mechanism: str, message: bytes) -> None:
    """The token says who it is; the user named beside it is the same or absent."""
    outcome = stage.play(mechanism, message)
    assert outcome.challenges == (b"",)
    assert outcome.success is not None
    assert outcome.success.account == "alice"


@pytest.mark.parametrize(
    ("mechanism", "message", "status"),
    [
        ("XOAUTH2", b"user=alice\1auth=Bearer stolen\1\1", "401"),
        ("XOAUTH2", b"user=bob\1auth=Bearer token-alice\1\1", "401"),
        ("XOAUTH2", b"user=alice\1auth=Basic token-alice\1\1", "401"),
        ("XOAUTH2", b"user=\1auth=Bearer token-alice\1\1", "401"),
        ("XOAUTH2", b"user=alice\1auth=Bearer \1\1", "401"),
        ("XOAUTH2", b"user=alice\1auth=\1\1", "401"),
        ("OAUTHBEARER", b"n,,\1auth=Bearer \1\1", "invalid_token"),
        ("OAUTHBEARER", b"n,,\1auth=Bearer stolen\1\1", "invalid_token"),
        ("OAUTHBEARER", b"n,a=bob,\1auth=Bearer token-alice\1\1", "invalid_token"),
        ("OAUTHBEARER", b"n,,\1\1", "invalid_token"),
        ("OAUTHBEARER", b"p=tls-exporter,,\1auth=Bearer token-alice\1\1", "invalid_request"),
    ],
)
def test_a_refusal_is_told_as_json_first(stage: Stage, mechanism: str, message: bytes, status: str) -> None:
    """RFC 7628 3.2.2: the failure carries a JSON challenge with a status."""
    error = stage.play(mechanism, message).error
    assert error is not None
    assert not error.malformed
    assert json.loads(error.challenge)["status"] == status


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [
        ("XOAUTH2", b""),
        ("XOAUTH2", b"user=alice\1auth=Bearer token-alice\1"),
        ("XOAUTH2", b"auth=Bearer token-alice\1user=alice\1\1"),
        ("XOAUTH2", b"user=\xff\1auth=Bearer token-alice\1\1"),
        ("OAUTHBEARER", b""),
        ("OAUTHBEARER", b"\1"),
        ("OAUTHBEARER", b"auth=Bearer token-alice\1\1"),
        ("OAUTHBEARER", b"n,a=,\1auth=Bearer token-alice\1\1"),
        ("OAUTHBEARER", b"n,,auth=Bearer token-alice\1\1"),
        ("OAUTHBEARER", b"n,,\1auth=Bearer token-alice\1"),
        ("OAUTHBEARER", b"n,,\1"),
        ("OAUTHBEARER", b"n,,\1host=a\1host=b\1auth=Bearer token-alice\1\1"),
        ("OAUTHBEARER", b"n,,\1port=imap\1auth=Bearer token-alice\1\1"),
        ("OAUTHBEARER", b"n,,\1nokey\1\1"),
    ],
)
def test_malformed_messages(stage: Stage, mechanism: str, message: bytes) -> None:
    """What is not the mechanism's message is malformed, and no token in it counts."""
    error = stage.play(mechanism, message).error
    assert error is not None
    assert error.malformed
