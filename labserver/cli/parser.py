"""The command line: one sub-command a module, imported when it is the one.

Exit codes: 0 success, 1 the command's own failure, 2 usage or configuration, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from typing import TYPE_CHECKING, NoReturn, Protocol

from labserver import __version__
from labserver.errors import ConfigurationError, LabError
from labserver.nearest import did_you_mean, question

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["every_command", "make_parser", "run"]


class _Module(Protocol):
    def add_options(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, options: argparse.Namespace) -> int: ...


class _Parser(argparse.ArgumentParser):
    """Answers a wrong option with one line; the whole usage would hide it."""

    def error(self, message: str) -> NoReturn:
        said = f"{message.replace('invalid int value:', 'not an integer:')}{_near_choice(message)}"
        self.exit(2, f"{self.prog}: {said}{'' if said.endswith('?') else ';'} see {self.prog} --help\n")


def _near_choice(message: str) -> str:
    """Return what may have been meant where argparse says that something is no choice, in its words."""
    found = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message, re.DOTALL)
    return did_you_mean(found[1], re.findall(r"[^\s',]+", found[2])) if found else ""


_SUB_COMMANDS = {
    "up": "start the lab and keep it running",
    "run": "start a lab, run a command beside it, and exit with the command's code",
    "check": "run a client against every case and judge what it does",
    "judge": "derive the verdicts of a report again, from the evidence in it",
    "scenarios": "list the scenarios: broken servers, and good ones to compare with",
    "misbehaviours": "list what servers can do wrong: the parts of your own scenarios",
    "explain": "explain a scenario: its exact bytes, the clause, how to reproduce it",
    "hosts": "print lines for /etc/hosts that give every scenario its names",
    "env": "print variables that make programs use the running lab and trust its CA",
    "certs": "show or export certificates",
    "transcript": "print the transcript of sessions, live or from a file",
    "completion": "print a script that completes commands, options and scenarios in a shell",
}
"""Each is a module of this package."""

_NO_UNIX = "this system is no Unix, and the lab was made for one; use Linux, WSL or a container (docs/SYSTEMS.md)"

_MEANT_COMMANDS = {
    "start": "up",
    "serve": "up",
    "server": "up",
    "test": "check",
    "list": "scenarios",
    "ls": "scenarios",
    "kinds": "misbehaviours",
    "misbehaviors": "misbehaviours",
    "misbehave": "misbehaviours",
    "show": "explain",
    "info": "explain",
    "log": "transcript",
    "logs": "transcript",
    "certificates": "certs",
    "variables": "env",
    "environment": "env",
}
"""What other programs call what a command does."""

_MEANT_OPTIONS = {
    "--port": ("--imap-port", "--imaps-port", "--smtp-port", "--port-offset", "--ports"),
    "-p": ("--ports", "--port-offset"),
    "--host": ("--host-name", "--bind"),
    "--hostname": ("--host-name",),
    "--address": ("--bind",),
    "--listen": ("--bind",),
    "--interface": ("--bind",),
    "--verbose": ("--log info",),
    "-v": ("--log info",),
    "--debug": ("--log debug",),
    "--log-level": ("--log",),
    "--silent": ("--quiet",),
    "-q": ("--quiet",),
    "-f": ("--follow",),
    "--password": ("--user",),
    "--account": ("--user",),
    "-u": ("--user",),
    "--database": ("--store",),
    "--db": ("--store",),
    "--maildir": ("--preload",),
    "--certificate": ("--cert",),
    "--insecure": ("--allow-cleartext-auth",),
    "--no-tls": ("--allow-cleartext-auth",),
    "--shell": ("--format",),
    "--output": ("--json", "--junit", "--transcript"),
    "-o": ("--json", "--junit", "--transcript"),
}
"""What other programs call what an option does."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line; return the exit code."""
    words = _plain(arguments)
    chosen = next((word for word in words if not word.startswith("-")), "")
    parser = make_parser(chosen)
    if not words:
        parser.print_help()
        print("labserver: no command given", file=sys.stderr)
        return 2
    if chosen and chosen not in every_command():
        near = (
            question([_MEANT_COMMANDS[chosen]]) if chosen in _MEANT_COMMANDS else did_you_mean(chosen, every_command())
        )
        parser.error(f"unknown command {_shown(chosen)!r}{near}")
    options, unknown = parser.parse_known_args(words)
    if unknown:
        _refuse(parser, words, unknown)
    if not hasattr(os, "geteuid"):
        return _fail(ConfigurationError(_NO_UNIX), 2)
    try:
        return _module(options.command).run(options)
    except ConfigurationError as error:
        return _fail(error, 2)
    except LabError as error:
        return _fail(error, 1)


def make_parser(*chosen: str) -> argparse.ArgumentParser:
    """Return the parser; of its sub-commands those that are chosen have their options."""
    parser = _Parser(prog="labserver", description="A local test mail server and TLS lab.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"labserver {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, meaning in _SUB_COMMANDS.items():
        sub = commands.add_parser(name, help=meaning, description=meaning, allow_abbrev=False)
        if name in chosen:
            _module(name).add_options(sub)
    return parser


def every_command() -> tuple[str, ...]:
    """Return the names of all sub-commands."""
    return tuple(_SUB_COMMANDS)


def _module(command: str) -> _Module:
    module: _Module = importlib.import_module(f"labserver.cli.{command}")
    return module


def _plain(arguments: Sequence[str]) -> list[str]:
    """Return the command line with ``help`` and ``version`` as options."""
    match list(arguments):
        case ["help", *command]:
            return [*command, "--help"]
        case ["version"]:
            return ["--version"]
        case words:
            return words


def _refuse(parser: argparse.ArgumentParser, words: Sequence[str], unknown: Sequence[str]) -> NoReturn:
    """Refuse what no option wanted, with what may have been meant."""
    addressed, known = _addressed(parser, words)
    option = next((word.partition("=")[0] for word in unknown if word.startswith("-") and word != "--"), None)
    if option is None:
        addressed.error(f"unexpected argument {_shown(unknown[0])!r}")
    meant = [name for name in _MEANT_OPTIONS.get(option, ()) if name.split()[0] in known]
    addressed.error(f"unknown option {option}{question(meant) or did_you_mean(option, known)}")


def _shown(word: str) -> str:
    """Return a word as errors tell it: without what could be a password, as in a user whose ``--user`` is missing."""
    name, colon, rest = word.partition(":")
    return word if not colon or rest.startswith("//") else f"{name}:…"


def _addressed(parser: argparse.ArgumentParser, words: Sequence[str]) -> tuple[argparse.ArgumentParser, list[str]]:
    """Return the parser of the innermost sub-command that the words name, and its options."""
    for word in words:
        for action in parser._actions:  # noqa: SLF001 -- argparse tells them nowhere else
            if isinstance(action.choices, dict) and word in action.choices:
                parser = action.choices[word]
                break
    return parser, [name for action in parser._actions for name in action.option_strings]  # noqa: SLF001 -- the same


def _fail(error: LabError, code: int) -> int:
    print(f"labserver: {error}", file=sys.stderr)
    return code
