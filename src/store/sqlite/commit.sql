-- One commit in one round trip. $1 subject, $2 expected revision or NULL, $3 new revision, $4 document,
-- $5 events as JSON [[id, at, body], …], $6 claims as JSON [[kind, value in hex], …].
-- Returns one row if it was done. (Not ?1: of a statement that leaves a number out, sqlx takes the gap for a parameter,
-- counts it, and binds nothing to the last ones of the next statement.)

BEGIN IMMEDIATE;

INSERT INTO tower_mfa_account (subject, revision, document)
SELECT $1, $3, $4
WHERE (SELECT revision FROM tower_mfa_account WHERE subject = $1) IS $2
  AND NOT EXISTS (
      SELECT 1 FROM json_each($6) AS new
      JOIN tower_mfa_claim AS held ON held.kind = new.value ->> 0 AND held.value = unhex(new.value ->> 1)
      WHERE held.subject <> $1)
ON CONFLICT (subject) DO UPDATE SET revision = excluded.revision, document = excluded.document
RETURNING 1;

-- changes() is that of the statement above: 0 when the commit lost its race.
INSERT INTO tower_mfa_event (subject, id, at, body)
SELECT $1, value ->> 0, value ->> 1, value ->> 2 FROM json_each($5) WHERE changes() = 1 ORDER BY key;

INSERT INTO tower_mfa_claim (kind, value, subject)
SELECT value ->> 0, unhex(value ->> 1), $1 FROM json_each($6)
WHERE (SELECT revision FROM tower_mfa_account WHERE subject = $1) = $3
ON CONFLICT (kind, value) DO NOTHING;

COMMIT;
