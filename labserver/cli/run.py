"""``labserver run -- CMD``: start a lab on free ports, run a command with it, stop it, pass the exit code on."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from labserver.cli.catalogues import catalogue_from
from labserver.cli.command_words import command_words
from labserver.cli.examples import begin_with_examples
from labserver.cli.options import add_lab_options, add_output_options, settings_from

if TYPE_CHECKING:
    from labserver.cli.serving import Running

__all__ = ["add_options", "run"]

_EXAMPLES = {
    "labserver run -- pytest": "a lab for the time of a test run",
    "labserver run --transcript mail.ndjson -- make test": "keep the transcript",
    "labserver run --scenario expired -- ./test.sh": "with a bad server on ports of its own",
}
_NOT_EXECUTABLE = 126
_NOT_FOUND = 127
_SIGNALLED = 128


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver run``."""
    parser.usage = "%(prog)s [options] -- CMD [arguments]"  # each option is listed below, once
    begin_with_examples(parser, _EXAMPLES)
    add_lab_options(parser, any_ports=True, others=add_output_options)
    parser.add_argument("command_line", nargs=argparse.REMAINDER, metavar="-- CMD …", help="the command to run")


def run(options: argparse.Namespace) -> int:
    """Run the command; return its exit code, 128 + n if signal n ended it, 126 or 127 if it could not be run."""
    from labserver.cli.serving import serve  # noqa: PLC0415 -- after the options were found good

    logging.basicConfig(level=options.log.upper(), format="labserver: %(levelname)s: %(message)s")
    words = command_words(options.command_line, "run")
    catalogue = catalogue_from(options)
    settings = settings_from(options, catalogue)

    async def command(running: Running) -> int:
        from labserver.cli.sinks import follow  # noqa: PLC0415 -- only once the lab runs

        with follow(running.lab.transcript, options):
            return await _run(words, running)

    return serve(settings, catalogue, command)


async def _run(words: list[str], running: Running) -> int:
    from labserver.cli.env import variables  # noqa: PLC0415 -- only once the lab runs

    for notice in running.lab.notices:
        print(f"labserver: {notice}", file=sys.stderr)
    environment = os.environ | variables(running.record)
    environment["LABSERVER_READY_FILE"] = str(running.lab.run_directory / "ready.json")
    try:
        process = await asyncio.create_subprocess_exec(*words, env=environment)
    except OSError as error:
        print(f"labserver: cannot run {words[0]}: {error.strerror}", file=sys.stderr)
        return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
    ended = asyncio.ensure_future(process.wait())
    stopped = asyncio.ensure_future(running.stop.wait())
    await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        _pass_on(running.signal, process)
    stopped.cancel()
    code = await ended
    return code if code >= 0 else _SIGNALLED - code


def _pass_on(received: signal.Signals, process: asyncio.subprocess.Process) -> None:
    """Send the command the signal we got; a terminal's interrupt has reached it already, and twice might force it."""
    if received == signal.SIGINT and sys.stdin is not None and sys.stdin.isatty():
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(received)
