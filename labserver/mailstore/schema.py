"""The tables of a store file. ``user_version`` is the schema's version, ``application_id`` says whose file it is."""

__all__ = ["APPLICATION_ID", "SCHEMA", "SCHEMA_VERSION", "UPGRADES"]

APPLICATION_ID = 0x4C41424D
"""``LABM``."""
SCHEMA_VERSION = 3

SCHEMA = """
CREATE TABLE lab (last_uid_validity INTEGER NOT NULL);
INSERT INTO lab VALUES (0);
CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE mailbox (
    uid_validity INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    special_use TEXT,
    uid_next INTEGER NOT NULL DEFAULT 1,
    highest_modseq INTEGER NOT NULL DEFAULT 1,
    first_recent INTEGER NOT NULL DEFAULT 1,
    keywords TEXT NOT NULL DEFAULT '',
    UNIQUE (account, name)
);
CREATE TABLE container (account TEXT, name TEXT, PRIMARY KEY (account, name)) WITHOUT ROWID;
CREATE TABLE subscription (account TEXT, name TEXT, PRIMARY KEY (account, name)) WITHOUT ROWID;
CREATE TABLE content (
    id INTEGER PRIMARY KEY,
    octets BLOB NOT NULL,
    envelope TEXT
);
CREATE TABLE message (
    mailbox INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    flags TEXT NOT NULL,
    internal_date TEXT NOT NULL,
    size INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    content INTEGER NOT NULL,
    PRIMARY KEY (mailbox, uid)
) WITHOUT ROWID;
CREATE INDEX message_content ON message (content);
"""
_SINCE_2 = """
CREATE TABLE shelf (
    id INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    distance INTEGER NOT NULL,
    last INTEGER NOT NULL,
    modseq INTEGER NOT NULL
);
CREATE TABLE batch (
    place INTEGER PRIMARY KEY,
    id INTEGER NOT NULL UNIQUE,
    seen INTEGER NOT NULL,
    modseq INTEGER NOT NULL
);
CREATE TABLE task (
    batch INTEGER NOT NULL,
    number INTEGER NOT NULL,
    holder INTEGER NOT NULL,
    low INTEGER NOT NULL,
    high INTEGER NOT NULL,
    flags TEXT,
    PRIMARY KEY (batch, number)
) WITHOUT ROWID;
"""
"""What files of version 1 do not have: long changes, see :mod:`labserver.mailstore.staging`."""
_SINCE_3 = """
CREATE TABLE property (
    mailbox INTEGER NOT NULL,
    name TEXT NOT NULL,
    first INTEGER NOT NULL,
    value INTEGER,
    PRIMARY KEY (mailbox, name, first)
) WITHOUT ROWID;
"""
"""What files of version 2 do not have: from the UID ``first`` on, up to the next row's, messages have the property with
this ``value``, or with that of their internal date if it is NULL. Mail that is delivered has that, so that it adds
no row; messages before the first row do not have the property."""
UPGRADES = {1: _SINCE_2 + _SINCE_3, 2: _SINCE_3}
"""For each earlier version, what makes a file of this one of it."""
SCHEMA += UPGRADES[1]
"""Flags and keywords are atoms, so lists of them are kept with spaces between. Dates are ISO 8601 with their zone."""
