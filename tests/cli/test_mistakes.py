"""What a new user mistypes: each is one line, names what is wrong, and says what may have been meant."""

from __future__ import annotations

import shlex

import pytest

from labserver.cli.parser import run
from labserver.pki.environment import Format

_TABLE = [
    ("upp", "unknown command 'upp'; did you mean up? see labserver --help"),
    ("scenario", "did you mean scenarios?"),
    ("transcripts", "did you mean transcript?"),
    ("Check -- true", "did you mean check?"),
    ("expain expired", "did you mean explain?"),
    ("start", "did you mean up?"),
    ("serve --port 3000", "did you mean up?"),
    ("logs", "did you mean transcript?"),
    ("list", "did you mean scenarios?"),
    ("dance", "unknown command 'dance'; see labserver --help"),
    ("up --port 3143", "did you mean --imap-port, --imaps-port, --smtp-port, --port-offset or --ports?"),
    ("up --port=3143", "unknown option --port; did you mean --imap-port"),
    ("up --host 0.0.0.0", "unknown option --host; did you mean --host-name or --bind?"),
    ("up --verbose", "unknown option --verbose; did you mean --log info?"),
    ("up -v", "unknown option -v; did you mean --log info?"),
    ("up --debug", "did you mean --log debug?"),
    ("--verbose up", "unknown option --verbose; did you mean --log info?"),
    ("up --ready_file x", "did you mean --ready-file?"),
    ("up --scenarios expired", "did you mean --scenario?"),
    ("up --imap-prot 1143", "did you mean --imap-port or --imaps-port?"),
    ("up --max-mesage-size 5", "did you mean --max-message-size?"),
    ("up --password secret", "did you mean --user?"),
    ("run --scenari x -- true", "did you mean --scenario?"),
    ("run --verbose -- true", "did you mean --log info?"),
    ("check --polcy x -- true", "did you mean --policy?"),
    ("check --services imap -- true", "did you mean --service?"),
    ("env --scenari x", "did you mean --scenario?"),
    ("env --shell fish", "did you mean --format?"),
    ("transcript -f", "did you mean --follow?"),
    ("certs show --sed x", "labserver certs show: unknown option --sed; did you mean --seed?"),
    ("certs shw", "did you mean show?"),
    ("up --no-such-thing", "unknown option --no-such-thing; see labserver up --help"),
    ("up stray", "unexpected argument 'stray'"),
    ("hosts x", "unexpected argument 'x'"),
    ("explain expird", "unknown scenario expird; did you mean expired? labserver scenarios lists them"),
    ("explain bounded-tim", "unknown scenario or rule bounded-tim; did you mean bounded-time?"),
    ("explain Expired@imaps", "did you mean expired?"),
    ("explain self_signed", "did you mean self-signed?"),
    ("explain stripped", "did you mean starttls-stripped"),
    ("explain expired@imps", "did you mean imaps?"),
    ("explain starttls-stripped@imaps", "starttls-stripped is not available on imaps"),
    ("scenarios expird", "did you mean expired?"),
    ("scenarios --group tsl", "did you mean tls?"),
    ("scenarios --service impa", "did you mean imap"),
    ("certs show expird --seed x", "did you mean expired?"),
    ("certs export /nowhere/x --scenario expird --seed x", "did you mean expired?"),
    ("check --scenario expird -- true", "did you mean expired?"),
    ("up --ports any --scenario expird", "did you mean expired?"),
    ("up --scenario 'expird*'", "--scenario expird*: unknown scenario expird*"),
    ("up --services imp", "--services imp: unknown; did you mean imap?"),
    ("up --services smtps", "did you mean smtp?"),
    ("check --service imap2 -- true", "did you mean imap"),
    ("check --policy oportunistic -- true", "did you mean opportunistic?"),
    ("check --policy required -- true", "did you mean tls-required-starttls or tls-required-implicit?"),
    ("up --mechanisms SCRAM-SHA256", "did you mean SCRAM-SHA-256?"),
    ("up --imap-without MOV", "did you mean MOVE?"),
    ("up --tls-engine opensl", "did you mean openssl?"),
    ("up --issuer trustm", "did you mean trustme?"),
    ("env --format jsn", "did you mean json?"),
    ("up --log inf", "did you mean info?"),
    ("up --ports anny", "did you mean any?"),
    ("up --imap-port imap", "'imap' is not a valid port (0 to 65535)"),
    ("up --max-message-size lots", "'lots' is not a size"),
    ("up --user alice", "--user: there is no colon; write NAME:PASSWORD"),
    ("up --user 'al ice:x'", 'all characters are allowed but blanks, control characters and @ : " < > \\'),
    ("up --state /etc/passwd", "--state /etc/passwd: it is a file, not a directory"),
    ("up --now tomorrow", "2026-11-23T12:00:00Z"),
    ("run", "no command given: labserver run [options] -- CMD [arguments]"),
    ("run -- 'pytest -q'", "'pytest -q' is one word"),
    ("check", "no command given: labserver check [options] -- CMD [arguments]"),
    ("check -- 'curl {url}'", "'curl {url}' is one word"),
    ("check -- curl '{hsot}'", "did you mean host?"),
    ("transcript --session x", "--session: not an integer: 'x'"),
]


def _code(words: str) -> int | str | None:
    try:
        return run(shlex.split(words))
    except SystemExit as stopped:
        return stopped.code


@pytest.mark.parametrize(("words", "said"), _TABLE, ids=[words for words, _ in _TABLE])
def test_mistakes(words: str, said: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake is exit code 2 and one line (seeds are warned of on another), before anything listens."""
    monkeypatch.setattr("labserver.servers.listeners.listen", None)
    assert _code(words) == 2
    out, err = capfd.readouterr()
    assert out == ""
    lines = [line for line in err.splitlines() if "WARNING: --seed" not in line]
    assert len(lines) == 1, err
    assert lines[0].startswith("labserver")
    assert said in lines[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("help", "usage: labserver [-h]"),
        ("help up", "usage: labserver up "),
        ("help certs show", "usage: labserver certs show "),
        ("version", "labserver 0."),
        ("--version", "labserver 0."),
    ],
)
def test_words_that_everybody_tries(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Help and version are commands, too."""
    assert _code(words) == 0
    assert capsys.readouterr().out.startswith(said)


def test_no_words(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command the help is printed, and the exit code says that nothing was done."""
    assert _code("") == 2
    out, err = capsys.readouterr()
    assert out.startswith("usage: labserver [-h]")
    assert err == "labserver: no command given\n"


@pytest.mark.parametrize("name", ["bash", "zsh", "dash", "ksh", "powershell", "env", *Format])
def test_formats_by_their_usual_names(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A shell is known by its name: what is missing is the lab, not the format."""
    assert _code(f"env --format {name} --ready-file /nonexistent/file") == 2
    assert "cannot read /nonexistent/file" in capsys.readouterr().err
