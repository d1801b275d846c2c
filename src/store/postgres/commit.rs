//! A commit: one statement, which PostgreSQL does whole or not at all.

use std::collections::BTreeSet;

use sqlx::postgres::PgRow;

use super::rows;
use super::statement::Value;
use crate::store::{ClaimKind, Commit, Committed, StoreError};

/// The values that another subject holds, in what the statement sees when it begins.
const FOREIGN: &str = "
foreign_claim AS (
    SELECT FROM unnest($8::text[], $9::bytea[]) AS wanted (kind, value)
    JOIN {claim} AS held ON held.kind = wanted.kind AND held.value = wanted.value
    WHERE held.subject <> $1::text),";

const UPDATE: &str = "
changed AS (
    UPDATE {account} SET revision = $3::uuid, document = $4::jsonb
    WHERE subject = $1::text AND revision = $2::uuid{unless}
    RETURNING subject)";

/// Whoever creates the same document at the same time is waited for.
const CREATE: &str = "
changed AS (
    INSERT INTO {account} (subject, revision, document)
    SELECT $1::text, $3::uuid, $4::jsonb WHERE true{unless}
    ON CONFLICT (subject) DO NOTHING
    RETURNING subject)";

const UNLESS_FOREIGN: &str = " AND NOT EXISTS (SELECT FROM foreign_claim)";

/// No `ON CONFLICT`: a value that somebody has claimed since the statement began ends it, and undoes the document. The
/// subject itself cannot have done so, because then the document would be another one. In order, so that two commits
/// with several values wait for each other in one direction only.
const CLAIM: &str = ",
claimed AS (
    INSERT INTO {claim} (kind, value, subject)
    SELECT wanted.kind, wanted.value, changed.subject
    FROM changed CROSS JOIN unnest($8::text[], $9::bytea[]) AS wanted (kind, value)
    WHERE NOT EXISTS (SELECT FROM {claim} AS held WHERE held.kind = wanted.kind AND held.value = wanted.value)
    ORDER BY wanted.kind, wanted.value
    RETURNING subject)";

/// `outbox.rs` says why the place is told before the number is drawn. Both follow the document, on whose row commits of
/// one subject wait for each other, so that a subject's numbers grow; and the claims, which may have to wait, so that a
/// place is held for as long as it takes to write the events, and no longer.
const EVENTS: &str = ",
place AS MATERIALIZED (
    SELECT CASE WHEN pg_advisory_xact_lock_shared(
                         ('{event}'::regclass::oid::bigint << 32)
                         | ((SELECT last_value - (NOT is_called)::int FROM {event_number}) & 4294967295)) IS NOT NULL
                THEN nextval('{event_number}') END AS number,
           changed.subject
    FROM {after}),
written AS (
    INSERT INTO {event} (number, part, subject, id, at, body, revokes)
    SELECT place.number, event.part, place.subject, event.id, event.at, event.body, nullif(event.revokes, '')
    FROM place
    CROSS JOIN unnest($5::text[], $6::bigint[], $7::text[], $10::text[]) WITH ORDINALITY AS event (id, at, body, revokes, part))";

const AFTER_CHANGED: &str = "changed";
const AFTER_CLAIMED: &str = "changed WHERE (SELECT count(*) FROM claimed) >= 0";

/// That somebody else holds a value is an answer only where the revision fitted, in the same view of the data.
const IS_CLAIMED_UPDATE: &str = "EXISTS (SELECT FROM foreign_claim)
       AND EXISTS (SELECT FROM {account} WHERE subject = $1::text AND revision = $2::uuid)";
const IS_CLAIMED_CREATE: &str =
    "EXISTS (SELECT FROM foreign_claim) AND NOT EXISTS (SELECT FROM {account} WHERE subject = $1::text)";

/// Lifts `synchronous_commit` for this transaction where the host has set it to less: an answer that a crash takes
/// back, or a synchronous standby that takes over, makes a used code good again. The one stricter setting,
/// `remote_apply`, stays.
pub(super) const DURABLE: &str = "CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
            THEN set_config('synchronous_commit', 'on', true) END";

/// The statement for this commit. What it does not need is left out, which halves the time its planning takes.
pub(super) fn statement(commit: &Commit<'_>) -> String {
    let (has_claims, creates) = (!commit.claims().is_empty(), commit.expected().is_none());
    let change = if creates { CREATE } else { UPDATE };
    let claimed = match (has_claims, creates) {
        (false, _) => "false",
        (true, true) => IS_CLAIMED_CREATE,
        (true, false) => IS_CLAIMED_UPDATE,
    };
    let (unless, after) = if has_claims { (UNLESS_FOREIGN, AFTER_CLAIMED) } else { ("", AFTER_CHANGED) };
    let events = if commit.events().is_empty() { String::new() } else { EVENTS.replace("{after}", after) };
    [
        "WITH",
        if has_claims { FOREIGN } else { "" },
        &change.replace("{unless}", unless),
        if has_claims { CLAIM } else { "" },
        &events,
        "\nSELECT EXISTS (SELECT FROM changed),\n       ",
        claimed,
        ",\n       extract(epoch FROM clock_timestamp())::bigint,\n       ",
        DURABLE,
    ]
    .concat()
}

/// What [`statement`] is given, made ready to be borrowed.
pub(super) struct Given<'a> {
    commit: Commit<'a>,
    subject: String,
    expected: Option<String>,
    revision: String,
    ids: Vec<String>,
    claims: BTreeSet<(&'static str, &'a [u8])>,
}

impl<'a> Given<'a> {
    pub(super) fn by(commit: Commit<'a>) -> Self {
        Self {
            commit,
            subject: commit.subject().storage_key(),
            expected: commit.expected().map(rows::revision),
            revision: rows::revision(commit.revision()),
            ids: commit.events().iter().map(|event| event.id().to_string()).collect(),
            claims: commit.claims().iter().map(|claim| (ClaimKind::name(claim.kind()), claim.value())).collect(),
        }
    }

    pub(super) fn values(&self) -> [Value<'_>; 10] {
        let events = self.commit.events();
        [
            Value::Text(Some(&self.subject)),
            Value::Text(self.expected.as_deref()),
            Value::Text(Some(&self.revision)),
            Value::Text(Some(self.commit.document())),
            Value::Texts(self.ids.iter().map(String::as_str).collect()),
            Value::Numbers(events.iter().map(|event| rows::seconds(event.at())).collect()),
            Value::Texts(events.iter().map(|event| event.body()).collect()),
            Value::Texts(self.claims.iter().map(|(kind, _)| *kind).collect()),
            Value::ManyBytes(self.claims.iter().map(|(_, value)| *value).collect()),
            // JSON is never empty.
            Value::Texts(events.iter().map(|event| event.revokes().unwrap_or_default()).collect()),
        ]
    }
}

/// What the statement answers, and the time of the server.
pub(super) fn answer(row: &PgRow) -> Result<(Committed, i64), StoreError> {
    let committed = match (rows::truth(row, 0)?, rows::truth(row, 1)?) {
        (true, _) => Committed::Done,
        (false, true) => Committed::Claimed,
        (false, false) => Committed::Conflict,
    };
    Ok((committed, rows::number(row, 2)?))
}
