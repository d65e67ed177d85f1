"""Thunderbird, without a screen: it reads, is told of new mail while it idles, and keeps the mail for reading offline.

Slow and large, so it runs only when asked for: ``pytest -m thunderbird``.
"""

from __future__ import annotations

import smtplib
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from tests.clients.messages import message
from tests.clients.running_lab import TlsMode
from tests.thunderbird.desk import desk, events, kept
from tests.thunderbird.profile import make_profile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.running_lab import Endpoint, RunningLab

pytestmark = [pytest.mark.client, pytest.mark.soak, pytest.mark.thunderbird]


def test_thunderbird_reads_and_is_told(lab: RunningLab, tmp_path: Path, tls: TlsMode) -> None:
    """Mail from before the start and mail that comes while it idles are kept offline, to the octet."""
    imap, smtp = _endpoints(lab, tls)
    profile = tmp_path / "profile"
    make_profile(profile, imap, smtp)
    before, during = (message("someone@lab.test", imap.account.address) for _ in range(2))
    submission = lab.endpoint("smtp", TlsMode.IMPLICIT, imap.account)
    _deliver(submission, before)
    service = "imaps" if imap.implicit else "imap"
    with desk(tmp_path, profile) as thunderbird:
        thunderbird.until(lambda: kept(profile) == [before], "fetched the mail from before its start")
        thunderbird.until(lambda: _commands(events(lab, service))[-1:] == ["IDLE"], "begun to idle")
        _deliver(submission, during)
        thunderbird.until(lambda: kept(profile) == [before, during], "fetched the mail it was told of")
    heard = events(lab, service)
    assert _told_while_idle(heard)
    assert {one["mechanism"] for one in heard if one["event"] == "AuthenticationSucceeded"} == {"PLAIN"}
    assert {one["secure"] for one in heard if one["event"] == "AuthenticationSucceeded"} == {True}
    assert {"AUTHENTICATE", "ID", "ENABLE", "LIST", "SELECT", "UID FETCH", "IDLE"} <= set(_commands(heard))
    refusals = [one["data"] for one in heard if one["event"] == "ReplySent" and " BAD " in one["data"]]
    assert refusals == []
    assert [one for one in heard if one["event"] == "InternalFault"] == []


def test_thunderbird_refuses_a_stranger(lab: RunningLab, tmp_path: Path, tls: TlsMode) -> None:
    """With another CA it ends the handshake with an alert and sends no credentials: it did verify above."""
    imap, smtp = _endpoints(lab, tls, ca=tmp_path / "stranger.pem")
    trustme.CA().cert_pem.write_to_path(str(imap.ca))
    profile = tmp_path / "profile"
    make_profile(profile, imap, smtp)
    service = "imaps" if imap.implicit else "imap"
    with desk(tmp_path, profile) as thunderbird:
        thunderbird.until(
            lambda: any(one["event"] == "TlsFailed" for one in events(lab, service)), "refused the certificate"
        )
    heard = events(lab, service)
    assert {one["alert"] for one in heard if one["event"] == "TlsFailed"} == {"unknown_ca"}
    assert {"AUTHENTICATE", "LOGIN"} & set(_commands(heard)) == set()


def _endpoints(lab: RunningLab, tls: TlsMode, ca: Path | None = None) -> tuple[Endpoint, Endpoint]:
    account = next(lab.accounts)
    return lab.endpoint("imap", tls, account, ca=ca), lab.endpoint("smtp", tls, account, ca=ca)


def _deliver(smtp: Endpoint, mail: bytes) -> None:
    with smtplib.SMTP_SSL(smtp.host, smtp.port, context=smtp.context()) as client:
        client.login(smtp.account.user, smtp.account.password)
        client.sendmail("someone@lab.test", smtp.account.address, mail, mail_options=["BODY=8BITMIME"])


def _commands(heard: list[dict[str, Any]]) -> list[str]:
    return [one["verb"] for one in heard if one["event"] == "CommandReceived"]


def _told_while_idle(heard: list[dict[str, Any]]) -> bool:
    """Tell whether EXISTS came between IDLE and DONE."""
    session = next(one["session"] for one in heard if one["event"] == "CommandReceived" and one["verb"] == "IDLE")
    said = "".join(
        one.get("data", "") for one in heard if one["session"] == session and not one["event"].startswith("Raw")
    )
    idle = said.partition(" IDLE\r\n")[2].partition("DONE\r\n")[0]
    return "* 2 EXISTS\r\n" in idle
