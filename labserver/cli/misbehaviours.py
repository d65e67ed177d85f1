"""``labserver misbehaviours``: the kinds that scenarios are made of, as text, as JSON, as a document or a schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError
from labserver.tables import unknown

if TYPE_CHECKING:
    import argparse

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver misbehaviours``."""
    parser.add_argument("kind", nargs="?", metavar="KIND", help="only this one, with everything about it")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print kinds, fields, conditions and examples as JSON")
    form.add_argument("--schema", action="store_true", help="print a JSON Schema of scenario files, for editors")
    form.add_argument("--markdown", action="store_true", help="print docs/MISBEHAVIOURS.md")


def run(options: argparse.Namespace) -> int:
    """Print what is asked for."""
    if options.schema:
        from labserver.catalogue.schema import file_schema  # noqa: PLC0415 -- only when it is asked for

        print(json.dumps(file_schema(), indent=2, ensure_ascii=False))
        return 0
    from labserver.misbehaviours.manual import kinds  # noqa: PLC0415 -- the same
    from labserver.report import kinds as report  # noqa: PLC0415 -- the same

    known = {kind.name: kind for kind in kinds()}
    if options.kind is not None and options.kind not in known:
        raise ConfigurationError(unknown(options.kind, known, what="kind of misbehaviour"))
    chosen = [kind for kind in known.values() if options.kind in {None, kind.name}]
    if options.json:
        print(json.dumps(report.kinds_json(chosen), indent=2, ensure_ascii=False))
    elif options.markdown:
        print(report.kinds_markdown(chosen), end="")
    else:
        print(report.kinds_text(chosen) if options.kind is None else report.kind_text(chosen[0]))
    return 0
