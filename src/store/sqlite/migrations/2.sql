-- Which events revoke something, for those who look for these alone: there are few, and they look often.
ALTER TABLE tower_mfa_event ADD COLUMN revokes TEXT; -- JSON

CREATE INDEX tower_mfa_event_revokes ON tower_mfa_event (number) WHERE revokes IS NOT NULL;

UPDATE tower_mfa_schema SET version = 2;
