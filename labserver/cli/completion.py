"""``labserver completion SHELL``: a script by which a shell completes commands, options, choices and scenarios."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from labserver.cli.catalogues import catalogue_from
from labserver.cli.parser import every_command, make_parser

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["add_options", "run"]

_IDS = frozenset(("ID", "GLOB", "CASE"))
"""How the help calls what may be a scenario's id."""
_NAME = "_labserver_scenarios"
_PREAMBLES = {
    "bash": f'{_NAME}() {{ compgen -W "%s" -- "$1"; }}',
    "zsh": f"{_NAME}() {{ compadd -- %s; }}",
}
"""How a shell is told of the scenarios."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver completion``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = 'bash: eval "$(labserver completion bash)"\nzsh: eval "$(labserver completion zsh)"'
    parser.add_argument("name", metavar="SHELL", choices=tuple(_PREAMBLES), help=f"one of {', '.join(_PREAMBLES)}")


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    import shtab  # noqa: PLC0415 -- only when a script is wanted

    files = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY}
    parser = make_parser(*every_command())
    for action in _actions(parser):
        kind = str(action.metavar or action.dest).upper()
        if kind in files:
            action.complete = files[kind]  # type: ignore[attr-defined]  # as shtab wants it
        elif kind in _IDS:
            action.complete = {"bash": _NAME, "zsh": _NAME}  # type: ignore[attr-defined]  # the same
    ids = " ".join(catalogue_from(options))
    print(shtab.complete(parser, shell=options.name, preamble=_PREAMBLES[options.name] % ids))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield every option and argument of a parser and of its sub-commands."""
    for action in parser._actions:  # noqa: SLF001 -- argparse tells them nowhere else
        if isinstance(action.choices, dict):
            for sub in action.choices.values():
                yield from _actions(sub)
        else:
            yield action
