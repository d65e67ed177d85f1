"""The same commands to the lab and to Debian's dovecot-imapd: answers are equal, or the difference is explained."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.differential.compare import differences
from tests.differential.explained import EXPLAINED
from tests.differential.playbook import Script, read_playbook
from tests.differential.samples import NESTED, samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.differential.wire import Server

pytestmark = pytest.mark.differential

_PLAYBOOKS = Path(__file__).with_name("playbooks")
_users = itertools.count(1)


def _scripts() -> Iterator[Script]:
    for path in sorted(_PLAYBOOKS.glob("*.txt")):
        for script in read_playbook(path):
            match script.title:
                case "Sample":
                    yield from map(script.about, samples())
                case "Nested parts of":
                    yield from map(script.about, NESTED)
                case _:
                    yield script


SCRIPTS = tuple(_scripts())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.title)
def test_answers_are_equal(our_imap: Server, dovecot_imap: Server, script: Script) -> None:
    """Each step of the script is answered alike, or exactly as explained; what is explained does differ."""
    found = differences(script, our_imap, dovecot_imap, f"user{next(_users)}")
    explained = {command: entry for (title, command), entry in EXPLAINED.items() if title == script.title}
    surprising = [
        str(difference)
        for difference in found
        if difference.command not in explained or not explained[difference.command].covers(difference)
    ]
    assert not surprising, "\n".join(["", *surprising])
    assert explained.keys() == {difference.command for difference in found}, "explained, but equal by now"


def test_every_explanation_names_a_script() -> None:
    """No explanation outlives its script; CPython's samples are there only with CPython's tests."""
    titles = {script.title for script in SCRIPTS}
    assert {title for title, _ in EXPLAINED if not title.startswith("Sample cpython-")} <= titles


def test_there_is_enough_to_compare() -> None:
    """Several hundred commands, without counting those on sample messages."""
    commands = sum(len(script.steps) for script in SCRIPTS if not script.title.startswith("Sample"))
    assert commands > 900
    assert len({script.title for script in SCRIPTS}) == len(SCRIPTS)
