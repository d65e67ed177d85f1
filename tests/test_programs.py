"""Programs: every program that the tests ask for is one that ``./lab test`` brings, or is listed with a reason."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients.sandbox import missing
from tests.docs.documents import blocks, commands, with_commands
from tests.programs import EVERYWHERE, OPTIONAL, UnlistedProgramError, asked_for, debian_programs, is_listed

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parents[1]


def test_sources_ask_for_listed_programs() -> None:
    """Each program that a test names in its source is in a table."""
    unlisted = [
        f"{source.relative_to(_ROOT)}:{line} {program}"
        for source in sorted((_ROOT / "tests").rglob("*.py"))
        if "node_modules" not in source.parts
        for line, program in asked_for(ast.parse(source.read_text(encoding="utf-8")))
        if not is_listed(program)
    ]
    assert unlisted == [], "add each to DEBIAN_PROGRAMS in lab, or to OPTIONAL in tests/programs.py with a reason"


@pytest.mark.parametrize(
    "source",
    [
        'missing("nmap")',
        'shutil.which("nmap")',
        'shutil.which("nmap", path="/usr/sbin")',
        'path = shutil.which("nmap") or missing("nmap")',
        'subprocess.run(["nmap", "-p", port])',
        'subprocess.Popen(("nmap", *words))',
        'subprocess.check_output("nmap")',
        'sandbox.run("nmap", "-p", port)',
        'sandbox.converse("nmap")',
        'Judged(name="nmap 7", program="nmap")',
        'for program in ("sh", "nmap"):\n    pass',
        '_PROGRAMS = ("sh", "nmap")',
        'command = ["nmap", "-p", port]',
        'subprocess.run(["/usr/bin/nmap"])',
    ],
)
def test_ways_to_ask(source: str) -> None:
    """However a source asks for a program, it is found."""
    unlisted = {program for _, program in asked_for(ast.parse(source)) if not is_listed(program)}
    assert unlisted in ({"nmap"}, {"/usr/bin/nmap"})


def test_the_command_line_is_no_program() -> None:
    """Functions of labserver may have the name of one that starts programs; others of that name do not hide."""
    ours = 'from labserver.cli.parser import run\nrun(["nmap", "x"])\nsubprocess.run(["zmap"])'
    assert list(asked_for(ast.parse(ours))) == [(3, "zmap")]


def test_documents_use_listed_programs() -> None:
    """Each program in a command that a document's test types is in a table."""
    unlisted = {
        f"{document}: {program}"
        for document in with_commands()
        for block in blocks((_ROOT / document).read_text(encoding="utf-8"), "console")
        for command in commands(block)
        for program in _typed(command.typed)
        if not is_listed(program)
    }
    assert unlisted == set()


def test_scripts_use_listed_programs() -> None:
    """Each program in a script that a test hands to a shell is in a table, as far as the script is in its source."""
    unlisted = {
        f"{source.relative_to(_ROOT)}: {program}"
        for source in sorted((_ROOT / "tests").rglob("*.py"))
        if "node_modules" not in source.parts
        for script in _scripts(ast.parse(source.read_text(encoding="utf-8")))
        for program in _typed(script)
        if not is_listed(program)
    }
    assert unlisted == set()


def _scripts(tree: ast.AST) -> Iterator[str]:
    """Yield the texts behind ``sh -c`` and ``bash -c``; what is put into a text is left out of it."""
    for node in ast.walk(tree):
        match node:
            case ast.List(elts=[ast.Constant(value="sh" | "bash"), ast.Constant(value=str(option)), script, *_]) if (
                option.startswith("-") and option.endswith("c")
            ):
                yield _text(script)


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) for part in parts)
        case _:
            return "$x"


def test_a_script_is_taken_apart() -> None:
    """A program anywhere in a script is found; what a shell does itself, and what is put into it, is none."""
    source = """run(["sh", "-euc", f"{words} | nmap -p 1 && cd x; FOO=1 jq . <{path}"])"""
    (script,) = _scripts(ast.parse(source))
    assert _typed(script) == ["nmap", "jq"]


def _typed(line: str) -> list[str]:
    """Return the programs in a command line: the first word, and the first word behind each operator."""
    builtin = subprocess.run(["bash", "-c", "compgen -bk"], check=True, capture_output=True, text=True).stdout.split()
    line = re.sub(r"<<'?(\w+)'?\n.*?^\1$", "", line, flags=re.DOTALL | re.MULTILINE)  # a here-document is data
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[str] = []
    wanted = True
    for word in lexer:
        if wanted and "=" not in word and re.fullmatch(r"[\w./-]+", word) and word not in builtin:
            found.append(word)
        wanted = word in (";", "|", "||", "&&", "&", "(", "--") or (wanted and "=" in word)
    return found


@pytest.mark.parametrize("started", ["nmap", "/usr/bin/nmap"])
def test_what_starts_is_listed(started: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that starts an installed program of no table fails, whoever names it; one that is absent is no matter."""
    with pytest.raises(UnlistedProgramError if started.startswith("/") else FileNotFoundError):
        subprocess.run([started], check=False)
    (tmp_path / "nmap").write_text("#!/bin/sh\n")
    (tmp_path / "nmap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnlistedProgramError, match="add it to DEBIAN_PROGRAMS in lab"):
        subprocess.run([started], check=False)


def test_what_is_missing_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that misses a program of no table fails instead of being skipped."""
    unlisted = "no-such-program"
    monkeypatch.setenv("CI", "false")
    with pytest.raises(UnlistedProgramError):
        missing(unlisted)
    with pytest.raises(pytest.skip.Exception):
        missing("curl")


def test_tables_do_not_overlap() -> None:
    """A program has one origin: it is required, optional or everywhere; reasons are not empty."""
    required = {name for wanted in debian_programs().values() for name in wanted}
    assert required & OPTIONAL.keys() == set()
    assert required & EVERYWHERE.keys() == set()
    assert OPTIONAL.keys() & EVERYWHERE.keys() == set()
    assert all((OPTIONAL | EVERYWHERE).values())
