-- Every name begins with tower_mfa_, so that the tables may stand in a file of the host's own.

CREATE TABLE tower_mfa_schema (
    version INTEGER NOT NULL
) STRICT;

-- A rowid table: at this size of row, WITHOUT ROWID would put most of each document on an overflow page of its own.
CREATE TABLE tower_mfa_account (
    subject  TEXT NOT NULL PRIMARY KEY, -- tenant, U+001F, id; or the id alone
    revision BLOB NOT NULL,             -- 16 random bytes
    document TEXT NOT NULL              -- JSON
) STRICT;

CREATE TABLE tower_mfa_claim (
    kind    TEXT NOT NULL,              -- credential_id, user_handle
    value   BLOB NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (kind, value)
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: without it the number of a pruned event is given again, and a reader behind it would skip the new one.
-- SQLite has one writer at a time, so the numbers appear in the order of the commits.
CREATE TABLE tower_mfa_event (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    at      INTEGER NOT NULL,           -- seconds since 1970
    body    TEXT    NOT NULL            -- JSON
) STRICT;

CREATE INDEX tower_mfa_event_subject ON tower_mfa_event (subject);

CREATE TABLE tower_mfa_sink (
    name     TEXT NOT NULL PRIMARY KEY,
    position TEXT,
    holder   TEXT,
    until    INTEGER                    -- seconds since 1970
) STRICT, WITHOUT ROWID;

INSERT INTO tower_mfa_schema (version) VALUES (1);
