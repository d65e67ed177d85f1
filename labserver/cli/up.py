"""``labserver up``: start the lab and keep it running."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.cli.catalogues import catalogue_from
from labserver.cli.examples import begin_with_examples
from labserver.cli.options import add_lab_options, add_output_options, settings_from
from labserver.errors import ConfigurationError
from labserver.private_files import write_named
from labserver.services import SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labserver.cli.serving import Running

__all__ = ["add_options", "banner", "run"]

_STANDARD_ERROR = 2
_NAME = 12
"""Characters for a name in front of its value."""
_EXAMPLES = {
    "labserver up": "the known-good lab on its usual ports",
    "labserver up --ports any --ready-file ready.json": "free ports, written to a file for programs",
    "labserver up --scenario 'starttls-*'": "bad servers on ports of their own, too",
    "labserver up --user carol:pa55 --preload mails/": "an account of your own, with mail",
    "labserver up --store mail.db --state ca/": "keep the mail and the CA",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver up``."""
    parser.usage = "%(prog)s [options]"  # each option is listed below, once
    begin_with_examples(parser, _EXAMPLES)
    add_lab_options(parser, any_ports=False, others=_add_telling)


def _add_telling(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("for programs")
    group.add_argument("--ready-file", type=Path, metavar="FILE", help="write the ready record here, in one step")
    group.add_argument(
        "--ready-fd", type=_descriptor, metavar="N", help="write it to this open file descriptor and close it"
    )
    group.add_argument("--env-file", type=Path, metavar="FILE", help="write the variables of labserver env (dotenv)")
    group.add_argument(
        "--exit-with-parent", action="store_true", help="stop when the process that started the lab is gone"
    )
    add_output_options(parser).add_argument("--quiet", action="store_true", help="print the ready line only")


def run(options: argparse.Namespace) -> int:
    """Run the lab until a signal."""
    from labserver.cli.serving import serve  # noqa: PLC0415 -- after the options were found good

    logging.basicConfig(level=options.log.upper(), format="labserver: %(levelname)s: %(message)s")
    catalogue = catalogue_from(options)
    settings = settings_from(options, catalogue)

    async def command(running: Running) -> int:
        from labserver.cli.sinks import follow  # noqa: PLC0415 -- only once the lab runs

        with follow(running.lab.transcript, options):
            _announce(options, running)
            await _until_stopped(options, running)
        return 0

    return serve(settings, catalogue, command)


async def _until_stopped(options: argparse.Namespace, running: Running) -> None:
    from labserver.cli.serving import parent_gone  # noqa: PLC0415 -- loaded already

    waits: list[asyncio.Future[object]] = [asyncio.ensure_future(running.stop.wait())]
    if options.exit_with_parent:
        waits.append(asyncio.ensure_future(parent_gone()))
    done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for task in done:
        task.result()  # raises what kept it from waiting


def _announce(options: argparse.Namespace, running: Running) -> None:
    """Say that the lab is ready, to everybody who asked to be told."""
    line = json.dumps(running.record)
    people = sys.stdout if sys.stdout.isatty() else sys.stderr
    for notice in running.lab.notices:
        print(f"labserver: {notice}", file=sys.stderr)
    if options.env_file is not None:
        from labserver.cli.env import variables  # noqa: PLC0415 -- only when it is asked for
        from labserver.pki.environment import Format, render  # noqa: PLC0415 -- the same

        write_named(options.env_file, render(variables(running.record), Format.DOTENV).encode())
    if options.ready_file is not None:
        write_named(options.ready_file, line.encode() + b"\n")
    if options.ready_fd is not None:
        _tell(options.ready_fd, line)
    if not options.quiet:
        print(banner(running.record), file=people, flush=True)
    if not sys.stdout.isatty() or options.quiet:
        print(f"labserver ready {line}", flush=True)


def _descriptor(text: str) -> int:
    """Return an open file descriptor that can be written to; nothing of ours has been opened yet."""
    try:
        import fcntl  # noqa: PLC0415 -- not on every system, and only this option wants it

        number = int(text)
        writable = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    except (ImportError, OSError, ValueError, OverflowError):
        writable = False
    if not writable:
        raise argparse.ArgumentTypeError(f"{text!r} is no open file descriptor to write to")
    return number


def _tell(descriptor: int, line: str) -> None:
    """Write the line; close the descriptor, so that its reader need not look for the end, unless it is standard."""
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", closefd=descriptor > _STANDARD_ERROR) as stream:
            stream.write(line + "\n")
    except OSError as error:
        raise ConfigurationError(f"--ready-fd {descriptor}: {error.strerror}") from error


def banner(record: Mapping[str, object]) -> str:
    """Return what people want to know: ports, accounts, the CA, and three commands to copy."""
    ports = record["ports"]
    accounts = record["accounts"]
    ca = record["ca"]
    if not isinstance(ports, dict) or not isinstance(accounts, list) or not isinstance(ca, dict):
        raise TypeError("a ready record has ports, accounts and a CA")
    host, name = record["host"], record["server_name"]
    rows = [f"labserver is ready on {host} as {name}", ""]
    wide = max(_NAME, *map(len, ports))
    rows += [f"  {name:<{wide}} {port:>5}   {SERVICES[name].security}" for name, port in ports.items()]
    urls = record.get("urls")
    if isinstance(urls, dict):
        rows += [f"  {name:<{wide}}  {url}" for name, url in urls.items()]
    rows += ["", "  accounts     " + ", ".join(f"{one['user']} (password {one['password']})" for one in accounts)]
    rows += [f"  CA           {ca.get('pem', 'none: the certificate is your own')}", ""]
    scenarios = record.get("scenarios")
    if isinstance(scenarios, list) and scenarios:
        rows += ["  scenarios on ports of their own"]
        rows += [f"    {one['id']:<28}" + " ".join(f"{s} {p}" for s, p in one["ports"].items()) for one in scenarios]
        rows += [""]
    examples = _examples(ports, accounts[0], ca["pem"], str(name)) if "pem" in ca else []
    rows += ["  try:", *(f"    {example}" for example in examples)] if examples else []
    rows += ["", "  more: labserver env, scenarios, transcript --follow; stop with Ctrl-C"]
    return "\n".join(rows)


def _examples(ports: Mapping[str, int], account: Mapping[str, str], ca: str, name: str) -> list[str]:
    user = shlex.quote(f"{account['user']}:{account['password']}")
    trust = f"--cacert {shlex.quote(ca)}"
    commands = {
        "smtp": f"printf 'Subject: hello\\n\\nHello!\\n' | curl -sS --crlf --ssl-reqd {trust} "
        f"--mail-from me@example.org --mail-rcpt {account['address']} -T - smtp://{name}:{{port}}",
        "imaps": f"curl {trust} -u {user} 'imaps://{name}:{{port}}/INBOX;UID=1'",
        "imap": f"openssl s_client -crlf -starttls imap -CAfile {shlex.quote(ca)} -connect {name}:{{port}}",
    }
    return [command.format(port=ports[service]) for service, command in commands.items() if service in ports]
