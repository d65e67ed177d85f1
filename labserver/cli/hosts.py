"""``labserver hosts``: lines for /etc/hosts that give every scenario its names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.cli.catalogues import add_scenario_files, catalogue_from
from labserver.cli.loopback import ONE_ADDRESS, has_addresses
from labserver.scenario import DOMAINS

if TYPE_CHECKING:
    import argparse

__all__ = ["add_options", "run"]

_OWN_CA = "own CA"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver hosts``."""
    parser.add_argument(
        "--one-address",
        action="store_true",
        help="put all names on 127.0.0.1, as is done where loopback has one address; certificate and TLS scenarios "
        "still work, because clients send the name in TLS",
    )
    add_scenario_files(parser)


def run(options: argparse.Namespace) -> int:
    """Print the lines."""
    print("# labserver: add these lines to /etc/hosts, and remove them when the lab is gone")
    print(f"# {_OWN_CA}: clients have to trust that one's own CA, which labserver env --scenario ID tells")
    one_address = options.one_address or not has_addresses()
    print(f"{ONE_ADDRESS} {' '.join(DOMAINS)}")
    catalogue = catalogue_from(options)
    for identifier, scenario in catalogue.items():
        if names := scenario.hosts_entries:
            mark = (f"# {_OWN_CA}",) if scenario.own_anchor else ()
            print(ONE_ADDRESS if one_address else catalogue.address(identifier) or ONE_ADDRESS, *names, *mark)
    return 0
