"""Which octets end a line: what the client gets of each kind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.misbehaviours.kinds.rows import (
    LONG,
    OK,
    InCommand,
    made,
    named,
    over_a_command,
    stays_masked,
)

COMMANDS = [
    InCommand("line-ends", {}, "imap", b"a1 FETCH 1 BODY[]", [LONG], [b"* 1 FETCH (BODY[] {12}\nSubject: x\nz\n)\n"]),
    InCommand("line-ends", {"ends": "cr"}, "pop3", b"NOOP", [OK["pop3"]], [b"+OK done\r"]),
    InCommand("line-ends", {"ends": "cr-cr-lf"}, "pop3", b"NOOP", [OK["pop3"]], [b"+OK done\r\r\n"]),
    InCommand("line-ends", {"ends": "lf-cr"}, "pop3", b"NOOP", [OK["pop3"]], [b"+OK done\n\r"]),
    InCommand("line-ends", {"ends": "nul"}, "pop3", b"NOOP", [OK["pop3"]], [b"+OK done\0\r\n"]),
    InCommand("line-ends", {"ends": "none"}, "pop3", b"NOOP", [OK["pop3"]], [b"+OK done"]),
]


@pytest.mark.parametrize("row", named(COMMANDS))
def test_over_a_command(row: InCommand) -> None:
    """What the client gets, and that it is told exactly when it is not what is honest."""
    over_a_command(row)


MASKED: dict[str, tuple[str, dict[str, Any], bytes, bytes, bytes]] = {
    "line ends": ("line-ends", {}, b"a1 OK secret\r\n", b"a1 OK ****\r\n", b"a1 OK ****\n"),
}


@pytest.mark.parametrize(("kind", "fields", "octets", "masked", "shown"), MASKED.values(), ids=MASKED)
def test_what_is_masked_stays_masked(
    kind: str, fields: dict[str, Any], octets: bytes, masked: bytes, shown: bytes
) -> None:
    """A changed reply shows no more in the transcript than the honest one."""
    stays_masked(made(kind, **fields), octets, masked, shown)
