"""``labserver certs``: the certificates of the running lab, or of one with the same ``--state`` or ``--seed``."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.cli.run_directory import find_ready
from labserver.clock import SystemClock
from labserver.errors import ConfigurationError
from labserver.pki.material import IssuerName, Material, Wanted, obtain
from labserver.pki.portable import unpacked

if TYPE_CHECKING:
    import argparse

    from labserver.pki.chain import Chain

__all__ = ["add_options", "run"]

_HOST = "localhost"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver certs``."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    export = verbs.add_parser("export", help="write the CA and the server's chain and key in every format")
    client = verbs.add_parser("client", help="issue a certificate for an account (SASL EXTERNAL), in every format")
    client.add_argument("account", metavar="ACCOUNT", help="its name or address")
    for verb in (export, client):
        verb.add_argument("directory", type=Path, metavar="DIR")
        verb.add_argument("--force", action="store_true", help="overwrite files that are not ours")
    show = verbs.add_parser("show", help="describe the chain in words")
    for verb in (export, client, show):
        verb.add_argument(
            "--ready-file", type=Path, metavar="FILE", help="the lab's ready file (default: the newest lab)"
        )
        verb.add_argument("--state", type=Path, metavar="DIR", help="the CA kept here (made if there is none)")
        verb.add_argument("--seed", metavar="TEXT", help="the CA that this text makes")
        verb.add_argument("--issuer", choices=tuple(map(str, IssuerName)), help="who issues, without --ready-file")
        verb.add_argument("--host-name", metavar="NAME", help=f"the server's name (default: {_HOST})")
        verb.add_argument("--permit", action="append", default=[], metavar="NAME", help="as for labserver up")


def run(options: argparse.Namespace) -> int:
    """Export, issue or describe."""
    chain = _from_options(options) if _describes_a_lab(options) else _from_lab(options)
    if options.verb == "show":
        from labserver.pki.describe import describe_chain  # noqa: PLC0415 -- only for this verb

        print(describe_chain(chain))
        return 0
    from labserver.pki.export import client_files, export, server_files  # noqa: PLC0415 -- only for these verbs

    own = client_files if options.verb == "client" else server_files
    for path in export(chain, options.directory, own=own, force=options.force):
        print(path)
    return 0


def _describes_a_lab(options: argparse.Namespace) -> bool:
    """Return whether the options say what the lab is like, so that no running one is meant."""
    asked = (options.state, options.seed, options.issuer, options.host_name, options.permit or None)
    told = any(one is not None for one in asked)
    if told and options.ready_file is not None:
        raise ConfigurationError("--ready-file means a running lab, whose certificates are made: leave out the others")
    return told


def _from_lab(options: argparse.Namespace) -> Chain:
    control = str(find_ready(options.ready_file).get("control", ""))
    request = f"client {json.dumps(options.account)}" if options.verb == "client" else "server"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(control)
        except OSError as error:
            raise ConfigurationError(f"the lab does not answer: {error.strerror}; is it still running?") from error
        connection.sendall(f"certificate {request}\n".encode())
        with connection.makefile("r", encoding="utf-8") as stream:
            answer = stream.readline()
    try:
        return unpacked(answer)
    except (LookupError, ValueError) as error:
        raise ConfigurationError(_refusal(answer)) from error


def _refusal(answer: str) -> str:
    try:
        return str(json.loads(answer)["error"])
    except (LookupError, ValueError):
        return "the lab gave no certificate; is it of another version?"


def _from_options(options: argparse.Namespace) -> Chain:
    material = _material(options)
    for notice in material.notices:
        print(f"labserver: {notice}", file=sys.stderr)
    if options.state is None and options.seed is None:
        print("labserver: this is a new CA, which no lab uses; --state or --seed means a lab's", file=sys.stderr)
    return material.issuer.issue_client(options.account) if options.verb == "client" else material.chain


def _material(options: argparse.Namespace) -> Material:
    return obtain(
        Wanted(
            host=options.host_name or _HOST,
            permit=tuple(options.permit),
            issuer=IssuerName(options.issuer or IssuerName.LAB),
            seed=options.seed,
            state=options.state,
        ),
        clock=SystemClock(),
    )
