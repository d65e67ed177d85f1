"""What documents claim about options, limits, extensions and mechanisms is what the code has."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest

from labserver.imap.extensions.table import EXTENSIONS
from labserver.limits import Limits
from labserver.pki.environment import TRUST_VARIABLES
from labserver.sasl.table import MECHANISMS
from labserver.services import SERVICES
from tests.docs.documents import DOCUMENTS, ROOT, section, spans, table
from tests.ours import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docs.conftest import Terminal

_USING = (ROOT / "docs" / "USING.md").read_text(encoding="utf-8")
_LIMITS = (ROOT / "docs" / "LIMITS.md").read_text(encoding="utf-8")
_CI = (ROOT / "docs" / "CI.md").read_text(encoding="utf-8")
_OTHERS_OPTIONS = {"docs/PERFORMANCE.md", "docs/VERIFIERS.md"}
"""Documents that name options of the scripts that made them."""
_DOCUMENTS = sorted({*DOCUMENTS, "CHANGELOG.md", "certs/README.md", "compose/README.md"} - _OTHERS_OPTIONS)
_SUB_COMMANDS = (
    "up",
    "run",
    "check",
    "scenarios",
    "misbehaviours",
    "explain",
    "hosts",
    "env",
    "certs client",
    "certs export",
    "certs show",
    "transcript",
    "completion",
)
_UNITS = {"": 1, "octets": 1, "s": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_OPTION = r"(?<!\S)--[a-z][\w-]*"


@cache
def _options(sub_command: str) -> frozenset[str]:
    """Return the options in a sub-command's help."""
    done = subprocess.run(
        [sys.executable, "-m", "labserver", *sub_command.split(), "--help"], capture_output=True, text=True, check=True
    )
    return frozenset(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", done.stdout, re.MULTILINE))


def _named(code: str) -> tuple[frozenset[str], set[str]] | None:
    """Return the options that exist and those named, if the code is a command of ours or an option alone."""
    called = re.search(r"(?:^|[(;&|] *)(?:\./lab|labserver) (certs \w+|\w+)(.*)", code.replace('"$(', "("))
    if called and called[1] in _SUB_COMMANDS:
        return _options(called[1]), set(re.findall(_OPTION, called[2].partition(" -- ")[0]))
    if code.startswith("--") and code != "--":
        return frozenset().union({"--fast"}, *map(_options, _SUB_COMMANDS)), set(re.findall(_OPTION, code))
    return None


@pytest.mark.parametrize("document", _DOCUMENTS)
def test_options_exist(document: str) -> None:
    """Every option that a document names is in the help of the command it is given to, or of any if none is named."""
    unknown = {
        option
        for code in spans((ROOT / document).read_text(encoding="utf-8"))
        if (found := _named(code))
        for option in found[1] - found[0]
    }
    assert unknown == set()


def test_services() -> None:
    """The table of services has every service with its port, in their order."""
    rows = table(section(_USING, "## Services"))
    assert [(row[0], row[1]) for row in rows] == [(f"`{one.name}`", str(one.port)) for one in SERVICES.values()]


def test_limits() -> None:
    """The table of limits has every limit with its default, in their order."""
    rows = table(_LIMITS)
    shown = [(row[0], 0 if row[0] == "`--max-memory`" else _amount(row[1])) for row in rows]  # 0: what there is
    assert shown == [(f"`--max-{field.name.replace('_', '-')}`", field.default) for field in dataclasses.fields(Limits)]


def _amount(text: str) -> float:
    found = re.match(r"([\d,]+) ?(octets|s|KiB|MiB|GiB|)\b", text)
    assert found, text
    return int(found[1].replace(",", "")) * _UNITS[found[2]]


@pytest.mark.parametrize(
    ("begin", "names"), [("**IMAP4rev1**", tuple(EXTENSIONS)), ("**SASL**", tuple(MECHANISMS))], ids=["IMAP", "SASL"]
)
def test_lists(begin: str, names: tuple[str, ...]) -> None:
    """The lists of IMAP extensions and of SASL mechanisms are complete and in the order of their tables."""
    paragraph = begin + section(_USING, "## What it speaks").partition(begin)[2].partition("\n\n")[0]
    listed = [name for name in re.findall(r"`([^`]+)`", paragraph) if not name.startswith("--")]
    assert tuple(listed) == names


def test_ready_record(terminal: Terminal) -> None:
    """docs/CI.md explains every field of the ready record, and no other."""
    rows = table(section(_CI, "## The ready record"))
    ((printed, _),) = terminal.run(
        ["labserver run --scenario revoked -- sh -c 'cat \"$LABSERVER_READY_FILE\"' 2>/dev/null"]
    )
    assert {row[0].strip("`") for row in rows} == set(_fields(json.loads(printed), ""))


def _fields(record: dict[str, object], prefix: str) -> Iterator[str]:
    for name, value in record.items():
        yield prefix + name
        if isinstance(value, list) and value:
            yield from _fields(value[0], f"{prefix}{name}[].")
        elif isinstance(value, dict) and name != "ports":
            yield from _fields(value, f"{prefix}{name}.")


def test_variables(terminal: Terminal) -> None:
    """docs/CI.md names every variable that ``labserver env`` prints, but for the second account and so on."""
    ((printed, _),) = terminal.run(["labserver env --format json"])
    named = set(re.findall(r"`([A-Z][A-Z_0-9]+)`", section(_CI, "## Variables")))
    assert {name for name in json.loads(printed) if not re.search(r"_\d+$", name)} - named == set()
    assert {one.name for one in TRUST_VARIABLES} <= named


def test_exit_codes() -> None:
    """A bad configuration is 2, a command that is not there 127, one that fails or is killed as in a shell."""
    run = [sys.executable, "-m", "labserver", "run", "--services", "smtp"]
    lines = (
        ["--services", "nntp", "--", "true"],
        ["--", "/nowhere"],
        ["--", "false"],
        ["--", "sh", "-c", "kill -9 $$"],
    )
    codes = [subprocess.run([*run, *line], capture_output=True, check=False).returncode for line in lines]
    assert codes == [2, 127, 1, 128 + 9]


_WRITTEN_BY_HAND = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("certs/*/*.md"))
    if path.name not in {"COVERAGE.md", "MISBEHAVIOURS.md", "REFERENCE_CLIENTS.md", "SCENARIOS.md", "VERIFIERS.md"}
    and not path.is_relative_to(ROOT / ".venv")
)
_NUMBER = r"(?:\d{2,}|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|\w+ty(?:-\w+)?|\w+ hundred)"
_COUNT = re.compile(
    rf"(?i)(more than )?\b({_NUMBER}) (?:\w+ ){{0,2}}?(?:scenarios|recipes|chains|verifiers|TLS libraries)\b"
)


@pytest.mark.parametrize("document", _WRITTEN_BY_HAND)
def test_no_count_is_typed_by_hand(document: str) -> None:
    """A document that is not generated has no count of what grows, or one that stays true when it does."""
    text = " ".join((ROOT / document).read_text(encoding="utf-8").split())
    for found in _COUNT.finditer(text):
        assert found[1], found[0]
        assert int(found[2]) < len(CATALOGUE) < int(found[2]) + 100, found[0]


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("it has 403 recipes", True),
        ("the sixteen default scenarios", True),
        ("more than 400 scenarios", True),
        ("two scenarios on port 3025", False),
        ("RFC 5280 scenarios", True),
    ],
)
def test_what_a_count_is(text: str, typed: bool) -> None:  # noqa: FBT001 -- a table's column
    """Counts in digits and in letters are found."""
    assert bool(_COUNT.search(text)) is typed
