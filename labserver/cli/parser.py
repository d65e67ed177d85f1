"""The command line: one sub-command a module, imported when it is the one.

Exit codes: 0 success, 1 the command's own failure, 2 usage or configuration, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Protocol

from labserver import __version__
from labserver.errors import ConfigurationError, LabError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["run"]


class _Module(Protocol):
    def add_options(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, options: argparse.Namespace) -> int: ...


class _Parser(argparse.ArgumentParser):
    """Answers a wrong option with one line; the whole usage would hide it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


@dataclass(frozen=True, slots=True)
class _SubCommand:
    name: str
    module: str
    help: str


_SUB_COMMANDS = (
    _SubCommand("up", "labserver.cli.up", "start the lab and keep it running"),
    _SubCommand("run", "labserver.cli.run", "start a lab, run a command with it, pass its exit code on"),
    _SubCommand("check", "labserver.cli.check", "run a client against every case and judge what it does"),
    _SubCommand("scenarios", "labserver.cli.scenarios", "list the known-bad servers (and the known-good ones)"),
    _SubCommand("explain", "labserver.cli.explain", "explain a scenario: the lie in bytes, the clause, how to try it"),
    _SubCommand("hosts", "labserver.cli.hosts", "print lines for /etc/hosts that give every scenario its names"),
    _SubCommand("env", "labserver.cli.env", "print variables that make programs find and trust the running lab"),
    _SubCommand("certs", "labserver.cli.certs", "show or export certificates"),
    _SubCommand("transcript", "labserver.cli.transcript", "print what was said, live or from a file"),
)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; return the exit code."""
    parser = _Parser(prog="labserver", description="A local test mail server and TLS lab.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"labserver {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in arguments if not word.startswith("-")), "")
    modules: dict[str, _Module] = {}
    for command in _SUB_COMMANDS:
        sub = commands.add_parser(command.name, help=command.help, description=command.help, allow_abbrev=False)
        if command.name == chosen:
            modules[chosen] = importlib.import_module(command.module)
            modules[chosen].add_options(sub)
    options = parser.parse_args(arguments)
    try:
        return modules[options.command].run(options)
    except ConfigurationError as error:
        return _fail(error, 2)
    except LabError as error:
        return _fail(error, 1)


def _fail(error: LabError, code: int) -> int:
    print(f"labserver: {error}", file=sys.stderr)
    return code
