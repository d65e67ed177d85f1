"""EXTERNAL and ANONYMOUS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sasl.conftest import Stage


@pytest.mark.parametrize("authorization", [b"", b"alice", b"alice@lab.test"])
def test_external_accepts_the_certificates_owner(stage: Stage, authorization: bytes) -> None:
    """A verified certificate of alice's opens alice's account."""
    stage.tunnel.client_certificate = b"alice's certificate"
    success = stage.play("EXTERNAL", authorization).success
    assert success is not None
    assert success.account == "alice"


@pytest.mark.parametrize(
    ("certificate", "authorization", "malformed"),
    [
        (None, b"", False),
        (None, b"alice", False),
        (b"a stranger's", b"", False),
        (b"alice's certificate", b"bob", False),
        (b"alice's certificate", b"nobody", False),
        (b"alice's certificate", b"\xff", True),
        (b"alice's certificate", b"alice\0", True),
    ],
)
def test_external_refuses(stage: Stage, certificate: bytes | None, authorization: bytes, *, malformed: bool) -> None:
    """No certificate, a stranger's, or another account to act for: refused."""
    stage.tunnel.client_certificate = certificate
    error = stage.play("EXTERNAL", authorization).error
    assert error is not None
    assert error.malformed is malformed


@pytest.mark.parametrize("trace", [b"", b"someone@example.test", b"sirhc", "ö".encode() * 255])
def test_anonymous_is_nobody(stage: Stage, trace: bytes) -> None:
    """Any trace of up to 255 characters is welcome; the account's name is empty."""
    success = stage.play("ANONYMOUS", trace).success
    assert success is not None
    assert success.account == ""


@pytest.mark.parametrize("trace", [b"x" * 256, b"a\0b", b"a\r\nb", b"\xff"])
def test_anonymous_refuses_a_malformed_trace(stage: Stage, trace: bytes) -> None:
    """RFC 4505 2: at most 255 characters of UTF-8, without controls."""
    error = stage.play("ANONYMOUS", trace).error
    assert error is not None
    assert error.malformed
