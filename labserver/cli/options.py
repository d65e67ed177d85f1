"""The options of ``labserver up`` and ``labserver run``, and the settings they make."""

from __future__ import annotations

import argparse
import dataclasses
import ipaddress
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.cli.catalogues import MISBEHAVE, add_misbehave, add_scenario_files
from labserver.cli.users import VARIABLE, users_from
from labserver.errors import ConfigurationError, StoreError
from labserver.limits import HELP, SHOWN, Limits
from labserver.mailstore.account import USUAL_MAILBOXES, begun_with
from labserver.mailstore.directory import CATCH_ALL, DEFAULT_USERS, parse_user
from labserver.nearest import did_you_mean
from labserver.pki.material import IssuerName, Wanted
from labserver.private_files import real_path
from labserver.services import SERVICES
from labserver.settings import HTTP_PORT, TLS_ENGINES, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labserver.catalogue.catalogue import Catalogue

__all__ = ["add_lab_options", "add_output_options", "instant", "settings_from"]

_HIGHEST_PORT = 65_535
_LOG_LEVELS = ("error", "warning", "info", "debug")
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
"""Binary, as the documents count."""
_SIZE = re.compile(r"([0-9]{1,15})([KMGT]?)(?:(?<=[KMGT])I?B)?", re.IGNORECASE)


def _nothing_more(_: argparse.ArgumentParser) -> None:
    """Add nothing."""


def add_lab_options(
    parser: argparse.ArgumentParser,
    *,
    any_ports: bool,
    others: Callable[[argparse.ArgumentParser], object] = _nothing_more,
) -> None:
    """Add every option that shapes a lab, and ``others`` before the limits, which are many and come last.

    ``any_ports`` makes free ports the default (``labserver run``).
    """
    _add_listening(parser, any_ports=any_ports)
    _add_people(parser)
    _add_mail(parser)
    _add_certificates(parser)
    _add_protocols(parser)
    others(parser)
    _add_limits(parser)


def add_case_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that shape a lab which opens nothing but single cases (``labserver check``)."""
    _add_preload(parser.add_argument_group("mail"))
    _add_certificates(parser)
    _add_protocols(parser)
    _add_limits(parser)
    rest = argparse.ArgumentParser(add_help=False)
    _add_listening(rest, any_ports=True)
    _add_people(rest)
    _add_mail(rest)
    fixed = vars(rest.parse_args([])) | {"services": frozenset[str](), "users_variable": None}
    fixed.pop("preload")
    parser.set_defaults(**fixed)


def _add_limits(parser: argparse.ArgumentParser) -> None:
    limits = parser.add_argument_group("limits (each answers with the protocol's own error; sizes such as 10M)")
    for field in dataclasses.fields(Limits):
        told = str(field.metadata[HELP])
        kind: Callable[[str], object] = positive
        unit = "N"
        if isinstance(field.default, float):
            kind, unit = seconds, "S"
        elif told.startswith("octets"):
            kind, unit = size, "SIZE"
        limits.add_argument(
            f"--max-{field.name.replace('_', '-')}",
            dest=f"limit_{field.name}",
            type=kind,
            metavar=unit,
            help=f"{told} (default {field.metadata[SHOWN] or field.default})",
        )


def add_output_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the options about what a lab tells while it runs; return their group."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "--transcript", type=Path, metavar="FILE", help="append the transcript to this file (0600) as sessions go on"
    )
    group.add_argument("--show-secrets", action="store_true", help="do not mask credentials in --transcript")
    group.add_argument("--log", choices=_LOG_LEVELS, default="warning", help="how much to log (default: %(default)s)")
    return group


def _add_listening(parser: argparse.ArgumentParser, *, any_ports: bool) -> None:
    group = parser.add_argument_group("listening")
    asked_for = [service.name for service in SERVICES.values() if not service.default]
    group.add_argument(
        "--services",
        type=lambda text: _names(_text(text)),
        metavar="NAME,…",
        help=f"open only these, of {', '.join(SERVICES)} (default: all but {' and '.join(asked_for)})",
    )
    group.add_argument(
        "--ports",
        choices=("default", "any"),
        default="any" if any_ports else "default",
        help="any: free ports, printed when ready (default: %(default)s)",
    )
    group.add_argument("--port-offset", type=int, default=0, metavar="N", help="add N to every default port")
    for service in SERVICES.values():
        group.add_argument(
            f"--{service.name}-port",
            dest=f"port_{service.name}",
            type=_port,
            metavar="PORT",
            help=f"default {service.port}; 0 for any" + ("" if service.default else "; opens the service"),
        )
    group.add_argument(
        "--http-port",
        type=_port,
        metavar="PORT",
        help=f"where CRLs, CA certificates and OCSP responses are, on 127.0.0.1 only (default {HTTP_PORT}; 0 for any)",
    )
    group.add_argument(
        "--scenario",
        action="append",
        default=[],
        metavar="GLOB",
        help="also open the scenarios whose id matches, on free ports of their own; may be repeated",
    )
    add_scenario_files(group)
    add_misbehave(group)
    group.add_argument(
        "--bind",
        action="append",
        metavar="ADDRESS",
        help="listen on this address, more than once for several (default: 127.0.0.1 and ::1); "
        "any other than loopback exposes the lab to other machines",
    )


def _add_people(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("accounts")
    defaults = " and ".join(f"{user.name}:{user.password}" for user in DEFAULT_USERS)
    group.add_argument(
        "--user",
        action="append",
        default=[],
        metavar="NAME[@DOMAIN]:PASSWORD",
        help=f"an account instead of the usual ones, more than once for several (default: {defaults}); "
        "visible to everybody in ps",
    )
    group.add_argument(
        "--users-file",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="read accounts from this file, one a line, # for comments; only its owner may read it; the variable "
        f"{VARIABLE} takes the same lines",
    )
    parser.set_defaults(users_variable=VARIABLE)
    group.add_argument(
        "--accept-any", action="store_true", help="accept any name and password; each pair is an account of its own"
    )
    group.add_argument(
        "--catch-all", default=CATCH_ALL, metavar="NAME", help="the account for other recipients (default: %(default)s)"
    )
    group.add_argument("--strict-recipients", action="store_true", help="refuse other recipients with 550")


def _add_mail(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("mail")
    group.add_argument("--store", type=Path, metavar="FILE", help="keep mail in this SQLite file (default: in memory)")
    group.add_argument("--durable", action="store_true", help="wait for the disk at every change to --store")
    _add_preload(group)
    group.add_argument(
        "--folders",
        type=_text,
        metavar="NAME,…",
        help="the mailboxes a new account begins with besides INBOX, or none (default: "
        f"{','.join(name for name in USUAL_MAILBOXES if name != 'INBOX')})",
    )
    group.add_argument(
        "--keep-line-ends", action="store_true", help="store lines that end with LF only as they come (default: CRLF)"
    )
    group.add_argument(
        "--trace-headers", action="store_true", help="prepend Return-Path, Delivered-To and Received to delivered mail"
    )


def _add_preload(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--preload",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="load .eml files, mboxes and Maildirs from here at start",
    )


def _add_certificates(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("certificates and TLS")
    group.add_argument(
        "--host-name", default="localhost", metavar="NAME", help="the server's name in greetings and certificate"
    )
    group.add_argument("--state", type=Path, metavar="DIR", help="keep the CA here (default: a new one per run)")
    group.add_argument(
        "--issuer",
        choices=tuple(map(str, IssuerName)),
        default=IssuerName.LAB,
        help="the CA that issues the certificate",
    )
    group.add_argument(
        "--permit",
        action="append",
        default=[],
        metavar="NAME",
        help="let the CA also issue for this domain, address or network",
    )
    group.add_argument(
        "--seed",
        type=_text,
        metavar="TEXT",
        help="derive every key and certificate from this text; no key is secret then",
    )
    group.add_argument(
        "--now", type=instant, metavar="TIME", help="make certificates as if it were this time (ISO 8601; UTC if none)"
    )
    group.add_argument("--cert", type=Path, metavar="FILE", help="serve your own certificate chain (PEM)")
    group.add_argument("--key", type=Path, metavar="FILE", help="its private key, if it is in another file")
    group.add_argument(
        "--tls-engine",
        choices=TLS_ENGINES,
        default=TLS_ENGINES[0],
        help="openssl: the cryptography package's, stdlib: Python's own (default: %(default)s)",
    )
    group.add_argument("--key-log", type=Path, metavar="FILE", help="append TLS secrets here, for Wireshark")
    group.add_argument(
        "--client-certificates", action="store_true", help="ask clients for a certificate of the CA (SASL EXTERNAL)"
    )


def _add_protocols(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("protocols")
    group.add_argument(
        "--allow-cleartext-auth", action="store_true", help="accept credentials without TLS (never by default)"
    )
    group.add_argument("--mechanisms", type=_names, metavar="NAME,…", help="offer only these SASL mechanisms")
    group.add_argument("--anonymous", action="store_true", help="offer SASL ANONYMOUS too")
    group.add_argument("--imap-without", type=_names, metavar="NAME,…", help="leave these IMAP extensions out")
    group.add_argument("--apop", action="store_true", help="offer POP3's APOP")
    group.add_argument("--no-pop3-lock", action="store_true", help="let several POP3 sessions share a maildrop")
    group.add_argument(
        "--strict-smtp-syntax",
        action="store_true",
        help="refuse addresses that RFC 5321 does not allow (default: take what Postfix takes, and note it)",
    )


def settings_from(options: argparse.Namespace, catalogue: Catalogue) -> Settings:
    """Return the settings; raises ConfigurationError for what the options' own types could not refuse."""
    limits = {
        field.name: value
        for field in dataclasses.fields(Limits)
        if (value := getattr(options, f"limit_{field.name}")) is not None
    }
    ports = _ports(options)
    return Settings(
        ports=ports,
        http_port=_http_port(options, ports),
        addresses=_addresses(options.bind),
        certificates=Wanted(
            host=options.host_name,
            permit=tuple(options.permit),
            issuer=IssuerName(options.issuer),
            seed=options.seed,
            now=options.now,
            state=options.state,
            certificate=options.cert,
            key=options.key,
        ),
        users=users_from(options),
        accept_any=options.accept_any,
        catch_all=None if options.strict_recipients else _catch_all(options.catch_all),
        trace_headers=options.trace_headers,
        keep_line_ends=options.keep_line_ends,
        folders=_folders(options.folders),
        preload=_preload(options),
        store=options.store,
        durable=options.durable,
        tls_engine=options.tls_engine,
        key_log=options.key_log,
        client_certificates=options.client_certificates,
        cleartext_auth=options.allow_cleartext_auth,
        mechanisms=_mechanisms(options),
        imap_without=_imap_without(options.imap_without),
        apop=options.apop,
        pop3_lock=not options.no_pop3_lock,
        strict_smtp_syntax=options.strict_smtp_syntax,
        scenarios=_scenarios(options.scenario, catalogue),
        usual=MISBEHAVE if options.misbehave else "",
        limits=Limits(**limits),
    )


def _scenarios(wanted: list[str], catalogue: Catalogue) -> tuple[str, ...]:
    """Return the ids that are named or match, once each, in the order of the options."""
    if not any(set("*?[") & set(one) for one in wanted):
        return tuple(dict.fromkeys(wanted))
    return tuple(dict.fromkeys(identifier for one in wanted for identifier in catalogue.matching(one)))


def _ports(options: argparse.Namespace) -> dict[str, int]:
    wanted = options.services
    if wanted is not None:
        _known("--services", wanted, SERVICES)
    ports: dict[str, int] = {}
    for service in SERVICES.values():
        chosen: int | None = getattr(options, f"port_{service.name}")
        if service.name not in wanted if wanted is not None else not service.default and chosen is None:
            continue
        port = chosen if chosen is not None else 0 if options.ports == "any" else service.port + options.port_offset
        if not 0 <= port <= _HIGHEST_PORT:
            raise ConfigurationError(f"--port-offset {options.port_offset}: {service.name} would be on port {port}")
        ports[service.name] = port
    taken: dict[int, str] = {}
    for name, port in ports.items():
        if port and taken.setdefault(port, name) != name:
            raise ConfigurationError(f"{taken[port]} and {name} cannot both be on port {port}")
    return ports


def _http_port(options: argparse.Namespace, ports: Mapping[str, int]) -> int:
    chosen: int | None = options.http_port
    port = chosen if chosen is not None else 0 if options.ports == "any" else HTTP_PORT + options.port_offset
    if not 0 <= port <= _HIGHEST_PORT:
        raise ConfigurationError(f"--port-offset {options.port_offset}: http would be on port {port}")
    for name, taken in ports.items():
        if port and port == taken:
            raise ConfigurationError(f"{name} and http cannot both be on port {port}")
    return port


def _catch_all(name: str) -> str:
    if ":" in name:
        name = name.partition(":")[0]  # what follows may be a password
        raise ConfigurationError(f"--catch-all {name!r}: an account without a password of its own, NAME or NAME@DOMAIN")
    return parse_user(f"{name}:-", option="--catch-all").address


def _folders(text: str | None) -> dict[str, str | None]:
    if text is None:
        return USUAL_MAILBOXES
    try:
        return begun_with([] if text.lower() == "none" else [name.strip() for name in text.split(",")])
    except StoreError as error:
        raise ConfigurationError(f"--folders {text}: {error}") from error


def _preload(options: argparse.Namespace) -> tuple[Path, ...]:
    """Return what to load; the store's own file must not be among it: reading it would break its lock."""
    for path in options.preload:
        if options.store is not None and real_path(options.store).is_relative_to(real_path(path)):
            raise ConfigurationError(f"--store {options.store} lies in --preload {path}; keep it somewhere else")
    return tuple(options.preload)


def _addresses(given: list[str] | None) -> tuple[str, ...]:
    if not given:
        return ("127.0.0.1", "::1")
    for address in given:
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise ConfigurationError(f"--bind {address}: not an IP address") from error
    return tuple(dict.fromkeys(given))


def _mechanisms(options: argparse.Namespace) -> frozenset[str] | None:
    from labserver.sasl.table import MECHANISMS  # noqa: PLC0415 -- loads hashes that other commands do not need

    if options.mechanisms is None:
        if not options.anonymous:
            return None
        return frozenset(name for name, one in MECHANISMS.items() if not one.by_request or name == "ANONYMOUS")
    names = frozenset(name.upper() for name in options.mechanisms)
    _known("--mechanisms", names, MECHANISMS)
    return names | {"ANONYMOUS"} if options.anonymous else names


def _imap_without(names: frozenset[str] | None) -> frozenset[str]:
    if not names:
        return frozenset()
    from labserver.imap.extensions.table import EXTENSIONS  # noqa: PLC0415 -- only when it is asked for

    upper = frozenset(name.upper() for name in names)
    _known("--imap-without", upper, EXTENSIONS)
    return upper


def _known(option: str, names: frozenset[str], known: object) -> None:
    if not isinstance(known, dict):
        raise TypeError(option)
    unknown = sorted(names - set(known))
    if unknown:
        near = did_you_mean(unknown[0], known)
        raise ConfigurationError(f"{option} {unknown[0]}: unknown{near or ';'} choose from {', '.join(known)}")


def _text(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("it is empty")  # a script's variable, unset
    return text


def instant(text: str) -> datetime:
    """Return a time that is written as in ISO 8601; an argument type."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time such as 2026-11-23 or 2026-11-23T12:00:00Z"
        ) from error


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a valid port (0 to {_HIGHEST_PORT})")
    return int(text)


def positive(text: str) -> int:
    """Return a positive integer; an argument type."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def size(text: str) -> int:
    """Return a number of octets: a positive integer, which a unit (K, M, G, T) multiplies; an argument type."""
    found = _SIZE.fullmatch(text)
    if found is None or not int(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: a positive integer, or one with a unit, such as 10M")
    return int(found[1]) << _UNITS[found[2].upper()]


def seconds(text: str) -> float:
    """Return a number of seconds above 0; an argument type."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:  # noqa: PLR2004 -- 30 years are forever
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return value
