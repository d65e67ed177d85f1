"""What documents show: commands with their output, programs to save, tables, code between backticks.

A ``console`` block is a terminal: ``$`` begins a command, ``>`` continues it, anything else is what it prints. In shown
output ``…`` stands for any text in a line, and for any lines where it is one; times of a transcript are any times.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "DOCUMENTS",
    "ROOT",
    "Command",
    "blocks",
    "commands",
    "matches",
    "programs",
    "section",
    "sentences",
    "spans",
    "table",
    "with_commands",
]

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").glob("*.md"))))
"""README and all of docs/."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^    .*\n)+", re.MULTILINE)
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
_TIME = re.compile(r"^( +\d+) +\d+\.\d{4} ", re.MULTILINE)
_ANY = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command as it is typed, and what it shows."""

    typed: str
    shown: str


def blocks(text: str, language: str) -> list[str]:
    """Return the contents of the fenced blocks in ``language``."""
    return [content for name, content in _FENCE.findall(text) if name == language]


def with_commands() -> list[str]:
    """Return the names of the documents that have ``console`` blocks."""
    return [name for name in DOCUMENTS if blocks((ROOT / name).read_text(encoding="utf-8"), "console")]


def sentences(text: str) -> list[str]:
    """Return the sentences outside code blocks; a heading, a list's item and a table's cell end one, too.

    What stands between backticks is one word, and so is a link's target with the end of its text.
    """
    prose = _INDENTED.sub("\n", _FENCE.sub("\n", text))
    prose = re.sub(r"`[^`]+`", "`code`", re.sub(r"\]\([^)]*\)", "]", prose))
    parts = re.split(r"\n\s*\n|\n(?=[*#|-])|\s*\|\s*", prose)
    found = (re.split(r"(?<=[.!?])\s+", " ".join(part.split())) for part in parts)
    return [sentence for part in found for sentence in part if sentence]


def commands(block: str) -> list[Command]:
    """Return the commands of a ``console`` block."""
    found: list[Command] = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        first, *rest = part.splitlines()
        more = [line for line in rest if line.startswith("> ")]
        assert rest[: len(more)] == more, f"output and continuations are mixed: {part}"
        typed = "\n".join([first, *(line.removeprefix("> ") for line in more)])
        found.append(Command(typed=typed, shown="\n".join(rest[len(more) :])))
    return found


def programs(text: str) -> dict[str, str]:
    """Return the programs that readers are to save: blocks of Python whose first line is a comment with a file name."""
    named = ((re.match(r"# (\w+\.py)\n", content), content) for content in blocks(text, "python"))
    return {name[1]: content for name, content in named if name}


_NAMES = re.compile(r"^labserver: names come from .*\n", re.MULTILINE)
"""What ``check`` says where it may not make namespaces, as in containers."""


def matches(shown: str, printed: str) -> bool:
    """Tell whether ``printed`` is what the document shows, but for what depends on how this machine resolves names."""
    printed = _NAMES.sub("", printed)
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == _ANY else ".*".join(map(re.escape, line.split(_ANY))) + r"\n"
        for line in _comparable(shown).splitlines()
    )
    return re.fullmatch(pattern, _comparable(printed)) is not None


def _comparable(text: str) -> str:
    """Return the text with neither carriage returns nor spaces at line ends nor real times, and one last line end."""
    plain = re.sub(r"[ \t\r]+$", "", text.replace("\r\n", "\n"), flags=re.MULTILINE)
    return _TIME.sub(r"\g<1> 0.0000 ", plain).rstrip("\n") + "\n"


def section(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its rank."""
    rank = heading.partition(" ")[0]
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"there is no heading {heading!r}"
    return re.split(rf"^#{{1,{len(rank)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def spans(text: str) -> list[str]:
    """Return the code in a text: between backticks, in indented blocks, and typed in ``console`` blocks."""
    typed = [command.typed for block in blocks(text, "console") for command in commands(block)]
    prose = _FENCE.sub("", text)
    indented = [line.strip() for part in _INDENTED.findall(prose) for line in part.splitlines()]
    return [*typed, *indented, *re.findall(r"`([^`\n]+)`", prose)]


def table(text: str) -> list[list[str]]:
    """Return the rows of the first table, without its head, each cell without surrounding spaces."""
    found = _TABLE.search(text)
    assert found, "there is no table"
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[0].splitlines()[2:]]
