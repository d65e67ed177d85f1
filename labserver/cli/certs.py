"""``labserver certs``: the certificates of the running lab, or of one with the same ``--state`` or ``--seed``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.cli.catalogues import add_scenario_files, catalogue_from
from labserver.cli.chain_sources import ImaginedLab, RunningLab
from labserver.cli.options import instant
from labserver.cli.run_directory import NoLabError, find_ready
from labserver.errors import ConfigurationError
from labserver.pki.material import IssuerName, Wanted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping

    from labserver.cli.chain_sources import Source

__all__ = ["add_options", "run"]

_HOST = "localhost"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver certs``."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    export = verbs.add_parser("export", help="write the CA, chains and keys in every format")
    export.add_argument(
        "--scenario",
        action="append",
        default=[],
        metavar="GLOB",
        help="the chains of scenarios whose id matches, a folder each, with an index; more than once for several"
        " (default: the lab's own chain)",
    )
    export.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="host name of the server that will use them, more than once for several (default: each scenario's names)",
    )
    client = verbs.add_parser("client", help="issue a certificate for an account (SASL EXTERNAL), in every format")
    client.add_argument("account", metavar="ACCOUNT", help="its name or address")
    for verb in (export, client):
        verb.add_argument("directory", type=Path, metavar="DIR")
        verb.add_argument("--force", action="store_true", help="overwrite files that are not ours")
    show = verbs.add_parser("show", help="print a chain field by field")
    show.add_argument("name", nargs="?", metavar="SCENARIO", help="show this scenario's chain (default: the lab's own)")
    for verb in (export, show):
        add_scenario_files(verb)
    for verb in (export, client, show):
        verb.add_argument(
            "--ready-file", type=Path, metavar="FILE", help="the lab's ready file (default: the newest lab)"
        )
        verb.add_argument("--state", type=Path, metavar="DIR", help="the CA kept here (made if there is none)")
        verb.add_argument("--seed", metavar="TEXT", help="the CA that this text makes")
        verb.add_argument("--now", type=instant, metavar="TIME", help="as if made at this time (ISO 8601)")
        verb.add_argument("--issuer", choices=tuple(map(str, IssuerName)), help="which CA issues, without --ready-file")
        verb.add_argument("--host-name", metavar="NAME", help=f"the server's name (default: {_HOST})")
        verb.add_argument("--permit", action="append", default=[], metavar="NAME", help="as for labserver up")


def run(options: argparse.Namespace) -> int:
    """Export, issue or describe."""
    globs: list[str] = options.scenario if options.verb == "export" else []
    name: str | None = options.name if options.verb == "show" else None
    if options.verb == "export" and options.host and not globs:
        raise ConfigurationError("--host is for chains of scenarios: add --scenario; the lab's own has --host-name")
    source, ports = _source(options, any_lab=bool(globs or name))
    if name is not None:
        from labserver.cli.scenario_chains import shown  # noqa: PLC0415 -- the catalogue, only when it is asked for

        print(shown(name, catalogue_from(options), source, ports))
    elif globs:
        from labserver.cli.scenario_chains import Selection, export_scenarios  # noqa: PLC0415 -- the same

        wanted = Selection(globs=tuple(globs), hosts=tuple(options.host), public=options.seed is not None)
        _print_paths(export_scenarios(wanted, catalogue_from(options), source, options.directory, force=options.force))
    elif options.verb == "show":
        from labserver.pki.describe import describe_chain  # noqa: PLC0415 -- only for this verb

        print(describe_chain(source.server(), now=source.now()))
    else:
        from labserver.pki.export import client_files, export, server_files  # noqa: PLC0415 -- only for these verbs

        client = options.verb == "client"
        chain = source.client(options.account) if client else source.server()
        own = client_files if client else server_files
        _print_paths(export(chain, options.directory, own=own, force=options.force))
    return 0


def _print_paths(paths: Iterable[Path]) -> None:
    for path in paths:
        print(path)


def _source(options: argparse.Namespace, *, any_lab: bool) -> tuple[Source, Mapping[str, int]]:
    """Return the lab that is meant, and its ports if it runs.

    With ``any_lab`` a new one will do where none runs: what it issues is complete in itself.
    """
    if _describes_a_lab(options):
        return _imagined(options), {}
    try:
        record = find_ready(options.ready_file)
    except NoLabError:
        if not any_lab:
            raise
        return _imagined(options), {}
    ports = record["ports"]
    return RunningLab(record), ports if isinstance(ports, dict) else {}


def _describes_a_lab(options: argparse.Namespace) -> bool:
    """Return whether the options say what the lab is like, so that no running one is meant."""
    asked = (options.state, options.seed, options.now, options.issuer, options.host_name, options.permit or None)
    told = any(one is not None for one in asked)
    if told and options.ready_file is not None:
        raise ConfigurationError("--ready-file means a running lab, whose certificates are made: leave out the others")
    return told


def _imagined(options: argparse.Namespace) -> Source:
    imagined = ImaginedLab(
        catalogue_from(options),
        Wanted(
            host=options.host_name or _HOST,
            permit=tuple(options.permit),
            issuer=IssuerName(options.issuer or IssuerName.LAB),
            seed=options.seed,
            now=options.now,
            state=options.state,
        ),
    )
    for notice in imagined.material.notices:
        print(f"labserver: {notice}", file=sys.stderr)
    if options.state is None and options.seed is None:
        print("labserver: this is a new CA, which no lab uses; --state or --seed means a lab's", file=sys.stderr)
    return imagined
