-- {name} is a table with its schema and prefix.

CREATE TABLE {schema_version} (
    version bigint NOT NULL
);

-- Compared byte by byte: with a collation of a language, two subjects could be one.
-- Every commit writes the row anew. In a page with room for one more of the usual size it finds its place beside the old
-- one, so no index changes with it: measured, of rows of 1.6 KB, 99.8 % at 75, all at 50 and half of them at 100.
-- Up to 4 KB they stay in it; PostgreSQL would put what is above 2 KB, as an account with a session is, into a table of its
-- own, and write twice as much WAL for each verification.
CREATE TABLE {account} (
    subject  text COLLATE "C" PRIMARY KEY, -- tenant, U+001F, id; or the id alone
    revision uuid  NOT NULL,               -- 128 random bits
    document jsonb NOT NULL
) WITH (fillfactor = 75, toast_tuple_target = 4080);

CREATE TABLE {claim} (
    kind    text COLLATE "C" NOT NULL,     -- credential_id, user_handle
    value   bytea NOT NULL,
    subject text COLLATE "C" NOT NULL,
    CONSTRAINT {.claim_once} PRIMARY KEY (kind, value)
);

-- One number for each commit. No CACHE: a number drawn is to be greater than any that was drawn before.
CREATE SEQUENCE {event_number} CACHE 1 NO CYCLE;

-- The body is text, byte for byte: an event's MAC is over its text.
CREATE TABLE {event} (
    number  bigint NOT NULL,
    part    bigint NOT NULL,               -- its place among the events of the commit
    subject text COLLATE "C" NOT NULL,
    id      text COLLATE "C" NOT NULL,
    at      bigint NOT NULL,               -- seconds since 1970
    body    text NOT NULL,                 -- JSON
    revokes text,                          -- JSON; whose tokens are believed no longer
    PRIMARY KEY (number, part)
);

CREATE INDEX {.event_revokes} ON {event} (number, part) WHERE revokes IS NOT NULL;

CREATE INDEX {.event_of_subject} ON {event} (subject, number, part);
CREATE INDEX {.event_at} ON {event} (at);

CREATE TABLE {sink} (
    name     text COLLATE "C" PRIMARY KEY,
    position text,
    holder   text,
    until    bigint                        -- seconds since 1970
);

-- For people with an SQL client, and safe to be granted to more of them than the tables: what is sealed or hashed,
-- public keys and open challenges are left out.

CREATE VIEW {authenticators} AS
SELECT CASE WHEN position(chr(31) IN account.subject) > 0 THEN split_part(account.subject, chr(31), 1) END AS tenant,
       CASE WHEN position(chr(31) IN account.subject) > 0 THEN split_part(account.subject, chr(31), 2)
            ELSE account.subject END AS subject,
       one ->> 'id' AS id,
       (SELECT min(kind) FROM jsonb_object_keys(one -> 'credential') AS kind) AS type,
       one ->> 'label' AS label,
       one ->> 'status' AS status,
       to_timestamp((one ->> 'created_at')::bigint) AS created_at,
       to_timestamp((one ->> 'last_used_at')::bigint) AS last_used_at,
       to_timestamp((one ->> 'expires_at')::bigint) AS expires_at,
       coalesce((one -> 'throttle' ->> 'consecutive')::bigint, 0) AS failures,
       to_timestamp((one -> 'throttle' ->> 'until')::bigint) AS locked_until
FROM {account} AS account, jsonb_array_elements(account.document -> 'authenticators') AS one;

CREATE VIEW {sessions} AS
SELECT CASE WHEN position(chr(31) IN account.subject) > 0 THEN split_part(account.subject, chr(31), 1) END AS tenant,
       CASE WHEN position(chr(31) IN account.subject) > 0 THEN split_part(account.subject, chr(31), 2)
            ELSE account.subject END AS subject,
       one ->> 'id' AS id,
       one -> 'seed' ->> 'client_id' AS client_id,
       one -> 'seed' ->> 'address' AS address,
       (SELECT array_agg(proof ->> 'type') FROM jsonb_array_elements(one -> 'evidence') AS proof) AS proved_by,
       to_timestamp((one -> 'seed' ->> 'login_at')::bigint) AS login_at,
       to_timestamp((one ->> 'created_at')::bigint) AS created_at,
       to_timestamp((one ->> 'last_seen')::bigint) AS last_seen,
       to_timestamp((one ->> 'until')::bigint) AS until
FROM {account} AS account, jsonb_array_elements(account.document -> 'sessions') AS one;

CREATE VIEW {events} AS
SELECT event.number, event.part,
       CASE WHEN position(chr(31) IN event.subject) > 0 THEN split_part(event.subject, chr(31), 1) END AS tenant,
       CASE WHEN position(chr(31) IN event.subject) > 0 THEN split_part(event.subject, chr(31), 2)
            ELSE event.subject END AS subject,
       event.id,
       to_timestamp(event.at) AS at,
       told.kind, told.type, told.authenticator_id, told.sid, told.client_id, told.address, told.action, told.count,
       to_timestamp(told.until) AS until,
       told.detail, told.actor, told.reason
FROM {event} AS event,
     json_to_record(event.body::json) AS told (
         kind text, type text, authenticator_id text, sid text, client_id text, address text, action text, count bigint,
         until bigint, detail text, actor text, reason text);

INSERT INTO {schema_version} (version) VALUES (1);
