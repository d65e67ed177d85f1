"""The tables of a store file. ``user_version`` is the schema's version, ``application_id`` says whose file it is."""

__all__ = ["APPLICATION_ID", "SCHEMA", "SCHEMA_VERSION", "SINCE_2"]

APPLICATION_ID = 0x4C41424D
"""``LABM``."""
SCHEMA_VERSION = 2

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
SINCE_2 = """
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
SCHEMA += SINCE_2
"""Flags and keywords are atoms, so lists of them are kept with spaces between. Dates are ISO 8601 with their zone."""
