"""What every entry sent to the reference clients when it was recorded, it still sends."""

from __future__ import annotations

import pytest

from tests.catalogue.recorded import CERTIFICATES, DIALOGUES, Certificates, dialogues, difference, kept
from tests.ours import CATALOGUE

HOW = "if it has to be so: python -m tests.catalogue.recorded --write"


@pytest.mark.parametrize("identifier", DIALOGUES)
def test_dialogues(identifier: str) -> None:
    """Each entry says on each service what it said to each client, and the verdict is the same."""
    changed = difference(kept(identifier), dialogues(identifier))
    assert not changed, f"{HOW} {identifier}\n{changed}"


@pytest.mark.parametrize("identifier", CERTIFICATES.rows)
def test_certificates(identifier: str) -> None:
    """Each certificate is the same octets, and every client makes of it what it made of it."""
    now = Certificates()
    now.meet(identifier)
    changed = CERTIFICATES.difference(now, identifier)
    assert not changed, f"{HOW} {identifier}\n{changed}"


def test_nobody_is_gone() -> None:
    """An id is for ever: what was recorded once is in the catalogue."""
    assert len(DIALOGUES) >= 12
    assert len(CERTIFICATES.rows) >= 403
    assert {*DIALOGUES, *CERTIFICATES.rows} <= set(CATALOGUE)


def test_difference_is_shown() -> None:
    """A case that says something else is named, with what it said and what it says; the others are not."""
    text = kept("starttls-refused")
    place = next(number for number, line in enumerate(text) if line.startswith("S: 454"))
    changed = difference(text, [*text[:place], "S: 220 2.0.0 Ready to start TLS", *text[place + 1 :]])
    heading, *lines = changed.splitlines()
    assert heading == "== starttls-refused@smtp strict"
    assert f"-{text[place]}" in lines
    assert "+S: 220 2.0.0 Ready to start TLS" in lines
    assert "==" not in "".join(lines)
    assert difference(text, text) == ""


def test_difference_of_certificates() -> None:
    """A chain of other octets is told, and what a client makes of it is told in words."""
    good, bad = (CERTIFICATES.rows[name] for name in ("ecc384", "expired"))
    other = Certificates(rows={"expired": good | {"strict": bad["strict"]}}, texts=CERTIFICATES.texts)
    changed = CERTIFICATES.difference(other, "expired")
    assert f"-{bad['chain']}" in changed
    assert "== expired gullible" in changed
    assert "-verdict: FAIL rejects-certificate=FAIL" in changed
    assert "+verdict: PASS" in changed
    assert "strict" not in changed
