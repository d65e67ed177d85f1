"""The canary is recognised in every form a client may send it, and in nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import quopri
import re
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.verdicts import canary
from labserver.verdicts.canary import Canary, Exposure
from labserver.verdicts.sightings import sightings
from tests.reference.scram import ScramClient
from tests.verdicts.scenes import CANARY, Scene

USER, PASSWORD = CANARY.user.encode(), CANARY.password.encode()


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data)


_BEARER = f"n,a={CANARY.user},\x01auth=Bearer {CANARY.token}\x01\x01".encode()
_FOLDED = base64.encodebytes(b"x" * 50 + PASSWORD + b"y" * 50).replace(b"\n", b"\r\n")
_PLAIN = b"\0" + USER + b"\0" + PASSWORD

PASSWORDS = {
    "LOGIN, a literal": b"a LOGIN {11}\r\n" + USER + b" {18}\r\n" + PASSWORD + b"\r\n",
    "LOGIN, quoted": b'a LOGIN canary "' + re.sub(rb'(["\\])', rb"\\\1", PASSWORD) + b'"\r\n',
    "PASS": b"PASS " + PASSWORD + b"\r\n",
    "PASS, decomposed": b"PASS " + unicodedata.normalize("NFD", CANARY.password).encode() + b"\r\n",
    "PASS, Latin-1": b"PASS " + CANARY.password.encode("latin-1") + b"\r\n",
    "PASS, UTF-16": b"PASS " + CANARY.password.encode("utf-16-le") + b"\r\n",
    "AUTH PLAIN": b"AUTH PLAIN " + _b64(_PLAIN) + b"\r\n",
    "AUTHENTICATE PLAIN, an identity in front": b"a AUTHENTICATE PLAIN " + _b64(USER + _PLAIN) + b"\r\n",
    "AUTH LOGIN, a line": _b64(PASSWORD) + b"\r\n",
    "AUTH LOGIN, without padding": _b64(PASSWORD).rstrip(b"=") + b"\r\n",
    "XOAUTH2": b"AUTH XOAUTH2 " + _b64(f"user=x\x01auth=Bearer {CANARY.token}\x01\x01".encode()) + b"\r\n",
    "XOAUTH2 with the password": b"AUTH XOAUTH2 " + _b64(b"user=x\1auth=Bearer " + PASSWORD + b"\1\1") + b"\r\n",
    "OAUTHBEARER": b"AUTH OAUTHBEARER " + _b64(_BEARER) + b"\r\n",
    "a URL": b"GET /?p=" + quote(CANARY.password).encode() + b" HTTP/1.1\r\n",
    "a URL in base64": _b64(b"/?p=" + quote(CANARY.password).encode()),
    "xtext": b"MAIL FROM:<a> ENVID=" + re.sub(rb"[^!-*,-<>-~]", lambda m: b"+%02X" % m.group()[0], PASSWORD) + b"\r\n",
    "mail": b"Subject: x\r\n\r\nmy password: " + PASSWORD + b"\r\n",
    "mail, quoted-printable": b"\r\n\r\n" + quopri.encodestring(b"z" * 70 + PASSWORD).replace(b"\n", b"\r\n"),
    "mail, base64": b"Subject: x\r\n\r\n" + _FOLDED,
    "base64, URL-safe": base64.urlsafe_b64encode(b"\xff\xfe\xfd" + PASSWORD),
    "base64 twice": _b64(_b64(PASSWORD)),
    "base64 glued to other letters": b"token" + _b64(PASSWORD),
}


@pytest.mark.parametrize("data", PASSWORDS.values(), ids=PASSWORDS)
def test_password(data: bytes) -> None:
    """The password is found in every encoding, wherever it begins."""
    found = CANARY.exposed_in(data)
    assert found is not None
    assert found[0] is Exposure.PASSWORD


@pytest.mark.parametrize("data", PASSWORDS.values(), ids=PASSWORDS)
def test_another_password(data: bytes) -> None:
    """Somebody else's password is not the canary."""
    found = Canary(user="wren-77", password="Chirp 6 /o/ pöss").exposed_in(data)
    assert found is None


NAMES = (
    b"USER " + USER + b"\r\n",
    b"MAIL FROM:<" + USER + b"@lab.test>\r\n",
    _b64(USER) + b"\r\n",
    b"AUTH PLAIN " + _b64(b"\0" + USER + b"\0wrong password") + b"\r\n",
)


@pytest.mark.parametrize("data", NAMES)
def test_name(data: bytes) -> None:
    """The user's name alone is less than the password."""
    found = CANARY.exposed_in(data)
    assert found is not None
    assert found[0] is Exposure.NAME


@pytest.mark.parametrize(
    "data", [b"", b"EHLO client\r\n", b"a CAPABILITY\r\n", _b64(b"something else entirely"), b"\xff" * 99]
)
def test_nothing(data: bytes) -> None:
    """What has nothing of the canary exposes nothing."""
    assert CANARY.exposed_in(data) is None


@given(password=st.text(st.characters(exclude_categories=["Cs"]), min_size=6), before=st.binary(), after=st.binary())
def test_any_password(password: str, before: bytes, after: bytes) -> None:
    """Whatever the password is and whatever stands around it, in base64 and as it is."""
    canary = Canary(user="canary-1a2b", password=password)
    data = before + password.encode() + after
    assert canary.exposed_in(data) is not None
    assert canary.exposed_in(b"AUTH X " + _b64(data) + b"\r\n") is not None


def _sightings(scene: Scene) -> list[tuple[Exposure, str, bool]]:
    return [(one.exposure, one.form, one.secure) for one in sightings(CANARY, scene.events)]


@pytest.mark.parametrize("size", range(3))
def test_padding_is_no_other_encoding(size: int) -> None:
    """Base64 with one, two or no equals signs at its end is called base64 and nothing else."""
    line = _b64(PASSWORD + b"x" * size) + b"\r\n"
    assert CANARY.exposed_in(line) == (Exposure.PASSWORD, "in base64")


def test_flood_is_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a password may look like is worked out once, not for each of a flood's commands."""
    worked_out: list[str] = []

    def prepared(text: str) -> str:
        worked_out.append(text)
        return text

    monkeypatch.setattr(canary, "prepared", prepared)
    flood = Scene()
    for number in range(1000):
        flood.says(b"a%d NOOP\r\n" % number)
    one = Canary(user="flooded", password="Sing unheard")
    assert list(sightings(one, flood.events)) == []
    assert len(worked_out) == len(set(worked_out))


def test_where_it_was_said() -> None:
    """A sighting tells the event, the form, and whether TLS hid it."""
    scene = Scene().says(b"a NOOP\r\n").says(b"PASS " + PASSWORD + b"\r\n").tls().line(_b64(PASSWORD) + b"\r\n")
    (first, second) = sightings(CANARY, scene.events)
    assert (first.index, first.exposure, first.form, first.secure) == (2, Exposure.PASSWORD, "as it is", False)
    assert (second.index, second.exposure, second.form, second.secure) == (4, Exposure.PASSWORD, "in base64", True)


def test_pipelined_behind_starttls() -> None:
    """What was discarded unparsed was sent in clear all the same."""
    assert _sightings(Scene().pipelines(b"EHLO x\r\nAUTH PLAIN " + _b64(_PLAIN))) == [(3, "in base64", False)]


def test_a_line_without_its_end() -> None:
    """Octets that never became a command count, and only once if they did."""
    assert _sightings(Scene().sends(b"PASS Sing ").sends(PASSWORD[5:])) == [(3, "as it is", False)]
    whole = b"PASS " + PASSWORD + b"\r\n"
    assert _sightings(Scene().sends(whole).says(whole)) == [(3, "as it is", False)]


def test_cram_md5() -> None:
    """CRAM-MD5's answer to the challenge that was given is a digest; to another one it is nothing."""
    challenge = b"<1.2@lab.test>"
    digest = hmac.digest(CANARY.password.encode(), challenge, "md5").hex().encode()
    other = hmac.digest(CANARY.password.encode(), b"<3.4@lab.test>", "md5").hex().encode()
    for answer, form in ((digest, "as a CRAM-MD5 digest"), (other, None)):
        scene = Scene().says(b"AUTH CRAM-MD5\r\n", "AUTH").hears(b"334 " + _b64(challenge) + b"\r\n", "continuation")
        seen = _sightings(scene.line(_b64(b"somebody " + answer) + b"\r\n"))
        assert seen == ([(Exposure.DIGEST, form, False)] if form else [])


def test_apop() -> None:
    """APOP's digest is one of the greeting's timestamp."""
    digest = hashlib.md5(b"<1.2@lab.test>" + PASSWORD).hexdigest().encode()  # noqa: S324 -- RFC 1939 7
    scene = (
        Scene("pop3")
        .hears(b"+OK ready <1.2@lab.test>\r\n", "greeting")
        .says(b"APOP somebody " + digest + b"\r\n", "APOP")
    )
    assert _sightings(scene) == [(Exposure.DIGEST, "as an APOP digest", False)]
    without = Scene("pop3").hears(b"+OK ready\r\n", "greeting").says(b"APOP somebody " + digest + b"\r\n", "APOP")
    assert _sightings(without) == []


@pytest.mark.parametrize("initial", [True, False])
def test_scram(*, initial: bool) -> None:
    """SCRAM's proof is a digest, with and without an initial response."""
    exchange = ScramClient("somebody", CANARY.password)
    first, challenge = _b64(exchange.first()), b"r=rOprNGfwEbeRWgbNEkqOxyz,s=c2FsdHNhbHQ=,i=4096"
    command = b"a AUTHENTICATE SCRAM-SHA-256"
    if initial:
        scene = Scene().says(command + b" " + first + b"\r\n")
    else:
        scene = Scene().says(command + b"\r\n").hears(b"+ \r\n", "continuation").line(first + b"\r\n")
    scene.hears(b"+ " + _b64(challenge) + b"\r\n", "continuation").line(_b64(exchange.final(challenge)) + b"\r\n")
    assert _sightings(scene) == [(Exposure.DIGEST, "as a SCRAM proof", False)]


@pytest.mark.parametrize("challenge", [b"r=x,s=c2FsdHNhbHQ=", b"r=x,s=!,i=1", b"r=x,s=c2Fs,i=99999999999", b"e=other"])
def test_scram_without_sense(challenge: bytes) -> None:
    """A challenge that is none makes no digest and costs no time."""
    scene = Scene().says(b"AUTH SCRAM-SHA-256 " + _b64(b"n,,n=a,r=x") + b"\r\n", "AUTH")
    scene.hears(b"334 " + _b64(challenge) + b"\r\n", "continuation").line(_b64(b"c=biws,r=x,p=AAAA") + b"\r\n")
    assert _sightings(scene) == []
