"""What documents show is what happens: their commands are run, in their order, and print what is shown."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from labserver.cli.up import banner
from labserver.mailstore.directory import CATCH_ALL, DEFAULT_USERS
from labserver.services import SERVICES
from labserver.settings import HTTP_PORT
from tests.clients.sandbox import missing
from tests.docs.documents import ROOT, blocks, commands, matches, programs, with_commands

if TYPE_CHECKING:
    from tests.docs.conftest import Terminal

_PROGRAMS = ("curl", "nc", "openssl", "swaks")
"""What documents use besides labserver and what every system has."""


@pytest.mark.client
@pytest.mark.parametrize("document", with_commands())
def test_commands_print_what_is_shown(document: str, terminal: Terminal) -> None:
    """Every command in a console block succeeds and prints what stands below it."""
    text = (ROOT / document).read_text(encoding="utf-8")
    wanted = [command for block in blocks(text, "console") for command in commands(block)]
    assert wanted
    for program in _PROGRAMS:
        if any(re.search(rf"\b{program}\b", command.typed) for command in wanted) and shutil.which(program) is None:
            missing(program)
    for name, content in programs(text).items():
        terminal.save(name, content)
    results = terminal.run([command.typed for command in wanted])
    for command, (printed, status) in zip(wanted, results, strict=True):
        assert status == 0, f"$ {command.typed}\nexited with {status}:\n{printed}"
        assert matches(command.shown, printed), f"$ {command.typed}\nprinted:\n{printed}\nnot:\n{command.shown}"


def test_banner_is_what_is_shown() -> None:
    """README shows what ``labserver up`` prints, its three examples aside."""
    (shown,) = blocks((ROOT / "README.md").read_text(encoding="utf-8"), "text")
    accounts = [
        {"user": name, "password": "secret", "address": f"{name}@lab.test"}
        for name in (*(user.name for user in DEFAULT_USERS), CATCH_ALL)
    ]
    printed = banner(
        {
            "ports": {service.name: service.port for service in SERVICES.values() if service.default},
            "accounts": accounts,
            "ca": {"pem": "/somewhere/ca.pem"},
            "host": "127.0.0.1",
            "server_name": "localhost",
            "scenarios": [],
            "urls": {"http": f"http://127.0.0.1:{HTTP_PORT}/"},
        }
    )
    assert matches(shown, printed), printed


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a … d", "a b c d\n", True),
        ("a\n…\nd", "a\nb\nc\nd\n", True),
        ("a\n…\nd", "a\nd\n", True),
        ("a\n…", "a\nb", True),
        ("   1    0.1234 -- x", "   1   12.0001 -- x\n", True),
        ("a", "a\r\n", True),
        ("", "", True),
        ("", "unexpected", False),
        ("a", "a\nb", False),
        ("a\nb", "a", False),
        ("a …", "b c", False),
        ("a.c", "abc", False),
        ("a … d", "a\nd", False),
        ("price 0.1234", "price 9.9999", False),
    ],
)
def test_what_counts_as_the_same(shown: str, printed: str, same: bool) -> None:  # noqa: FBT001 -- a table's column
    """An ellipsis stands for text or lines, times are any times; everything else has to be there, and nothing more."""
    assert matches(shown, printed) is same


def test_how_names_are_resolved_makes_no_difference() -> None:
    """A notice of that is no part of what a document has to show; any other line is."""
    assert matches("PASS good@imap", "labserver: names come from libnss-wrapper: not for all\nPASS good@imap\n")
    assert not matches("PASS good@imap", "labserver: the lab is gone\nPASS good@imap\n")
