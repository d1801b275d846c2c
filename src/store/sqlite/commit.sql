-- A commit is one INSERT into this view: condition, document, events and claims in one statement, which SQLite does
-- whole or not at all. So no transaction can be left open, and the thread of the connection is asked once.
-- View and trigger belong to the connection, not to the file: they change with the code that uses them.

CREATE TEMP VIEW tower_mfa_commit AS
SELECT NULL AS subject, NULL AS expected, NULL AS revision, NULL AS document,
       NULL AS events, -- JSON [[id, at, body, revokes], …]
       NULL AS claims  -- JSON [[kind, value in hex], …]
WHERE FALSE;

CREATE TEMP TRIGGER tower_mfa_commit_insert INSTEAD OF INSERT ON tower_mfa_commit
BEGIN
    SELECT RAISE(ABORT, 'tower_mfa: conflict')
    WHERE (SELECT revision FROM tower_mfa_account WHERE subject = new.subject) IS NOT new.expected;

    SELECT RAISE(ABORT, 'tower_mfa: claimed')
    FROM json_each(new.claims) AS wanted
    JOIN tower_mfa_claim AS held ON held.kind = wanted.value ->> 0 AND held.value = unhex(wanted.value ->> 1)
    WHERE held.subject <> new.subject;

    INSERT INTO tower_mfa_account (subject, revision, document) VALUES (new.subject, new.revision, new.document)
    ON CONFLICT (subject) DO UPDATE SET revision = excluded.revision, document = excluded.document;

    INSERT INTO tower_mfa_event (subject, id, at, body, revokes)
    SELECT new.subject, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(new.events) ORDER BY key;

    INSERT INTO tower_mfa_claim (kind, value, subject)
    SELECT value ->> 0, unhex(value ->> 1), new.subject FROM json_each(new.claims) WHERE TRUE
    ON CONFLICT (kind, value) DO NOTHING;
END;
