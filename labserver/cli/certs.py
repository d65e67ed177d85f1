"""``labserver certs``: the certificates that a lab started with the same ``--state`` or ``--seed`` has."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.clock import SystemClock
from labserver.pki.material import IssuerName, Material, Wanted, obtain

if TYPE_CHECKING:
    import argparse

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver certs``."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    export = verbs.add_parser("export", help="write the CA and the server's chain and key in every format")
    export.add_argument("directory", type=Path, metavar="DIR")
    export.add_argument("--force", action="store_true", help="overwrite files that are not ours")
    show = verbs.add_parser("show", help="describe the chain in words")
    for verb in (export, show):
        verb.add_argument("--state", type=Path, metavar="DIR", help="the CA kept here (made if there is none)")
        verb.add_argument("--seed", metavar="TEXT", help="the CA that this text makes")
        verb.add_argument("--issuer", choices=tuple(IssuerName), default=IssuerName.LAB)
        verb.add_argument("--host-name", default="localhost", metavar="NAME")
        verb.add_argument("--permit", action="append", default=[], metavar="NAME")


def run(options: argparse.Namespace) -> int:
    """Export or describe."""
    material = _material(options)
    for notice in material.notices:
        print(f"labserver: {notice}", file=sys.stderr)
    if options.state is None and options.seed is None:
        print("labserver: this is a new CA, which no lab uses; --state or --seed means a lab's", file=sys.stderr)
    if options.verb == "show":
        from labserver.pki.describe import describe_chain  # noqa: PLC0415 -- only for this verb

        print(describe_chain(material.chain))
        return 0
    from labserver.pki.export import export  # noqa: PLC0415 -- only for this verb

    for path in export(material.chain, options.directory, force=options.force):
        print(path)
    return 0


def _material(options: argparse.Namespace) -> Material:
    return obtain(
        Wanted(
            host=options.host_name,
            permit=tuple(options.permit),
            issuer=IssuerName(options.issuer),
            seed=options.seed,
            state=options.state,
        ),
        clock=SystemClock(),
    )
