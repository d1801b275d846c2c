-- JSON may hold U+0000 as an escape, which PostgreSQL has in no text: one event with it, in a reason that an operator
-- gave, would end every query that meets its row. It is shown as U+FFFD. An escape has an odd number of backslashes:
-- behind an even one the letters are letters.
CREATE OR REPLACE VIEW {events} AS
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
     json_to_record(
         regexp_replace(event.body, E'(?<!\\\\)((?:\\\\\\\\)*)\\\\u0000', E'\\1\\\\ufffd', 'g')::json
     ) AS told (
         kind text, type text, authenticator_id text, sid text, client_id text, address text, action text, count bigint,
         until bigint, detail text, actor text, reason text);

UPDATE {schema_version} SET version = 2;
