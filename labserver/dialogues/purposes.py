"""What a command is for, whatever its protocol calls it: STARTTLS and STLS have one purpose."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labserver.dialogues.exchange import Command

__all__ = ["Purpose", "purpose_of"]


class Purpose(StrEnum):
    """The use of a command."""

    DISCOVERY = "discovery"
    """What can the server do: EHLO, CAPABILITY, CAPA, and POP3's AUTH without an argument."""
    UPGRADE = "upgrade"
    """STARTTLS, STLS."""
    CREDENTIALS = "credentials"
    """AUTH, AUTHENTICATE, LOGIN, USER, PASS, APOP."""
    MAIL = "mail"
    """Sending a message: MAIL, RCPT, DATA, BDAT."""
    MAILBOX = "mailbox"
    """Reading or changing stored mail: SELECT, FETCH, APPEND, RETR, DELE and everything like them."""
    IDENTITY = "identity"
    """Who is there: IMAP's ID, SMTP's VRFY and EXPN."""
    NOTHING = "nothing"
    """NOOP, RSET in SMTP, HELP and the like."""
    FAREWELL = "farewell"
    """QUIT, LOGOUT."""
    UNKNOWN = "unknown"
    """No command of these protocols."""


_WORDS: dict[Purpose, str] = {
    Purpose.DISCOVERY: "EHLO HELO LHLO CAPABILITY CAPA NAMESPACE",
    Purpose.UPGRADE: "STARTTLS STLS",
    Purpose.CREDENTIALS: "AUTH AUTHENTICATE LOGIN USER PASS APOP RPOP UNAUTHENTICATE",
    Purpose.MAIL: "MAIL RCPT DATA BDAT BURL SEND SOML SAML ATRN ETRN TURN",
    Purpose.MAILBOX: """
        APPEND CANCELUPDATE CHECK CLOSE CONVERT COPY CREATE DELETE DELETEACL ESEARCH EXAMINE EXPUNGE FETCH GETACL
        GETMETADATA GETQUOTA GETQUOTAROOT IDLE LIST LISTRIGHTS LSUB MOVE MYRIGHTS NOTIFY RENAME REPLACE RLIST RLSUB
        SEARCH SELECT SETACL SETMETADATA SETQUOTA SORT STATUS STORE SUBSCRIBE THREAD UIDBATCHES UNSELECT UNSUBSCRIBE
        CONVERSIONS GENURLAUTH GETJMAPACCESS JMAPACCESS MESSAGELIMIT RESETKEY URLFETCH XAPPLEPUSHSERVICE XLIST
        DELE LAST RETR STAT TOP UIDL XTND
        """,
    Purpose.IDENTITY: "ID VRFY EXPN XCLIENT XFORWARD",
    Purpose.NOTHING: "NOOP RSET HELP ENABLE LANG LANGUAGE UTF8 COMPRESS",
    Purpose.FAREWELL: "QUIT LOGOUT",
}
_PURPOSES = {word: purpose for purpose, words in _WORDS.items() for word in words.split()}


def purpose_of(command: Command) -> Purpose:
    """Return what a command is for; ``UID FETCH`` is for what FETCH is."""
    if command.verb == "AUTH" and not command.argument:
        return Purpose.DISCOVERY
    return _PURPOSES.get(command.verb.removeprefix("UID "), Purpose.UNKNOWN)
