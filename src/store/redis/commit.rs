//! A commit: one script, and around it the claims that live elsewhere.

use ::redis::Value;

use super::claims::{Attempt, Reserved};
use super::failure;
use super::layout::{Partition, claim_name};
use super::script::{COMMIT, Call};
use super::values::{self, NOT_UNDERSTOOD};
use super::{Inner, StoreError};
use crate::store::{Claim, Commit, Committed};

/// How often an attempt that was overtaken begins again.
const ATTEMPTS: usize = 8;

/// What `commit.lua` says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// With the server's time, in seconds, where it may be asked for it.
    Committed(Committed, Option<i64>),
    /// The permit is no longer good.
    Fenced,
    /// Claims to reserve, by their places in the list, and the permit to come again with.
    Reserve { permit: String, missing: Vec<usize> },
}

impl Said {
    fn read(value: Value) -> Result<Self, StoreError> {
        let value = match value {
            Value::Array(values) => return Self::read_reserve(values),
            value => values::text(value)?,
        };
        let (word, time) = value.split_once(' ').map_or((value.as_str(), None), |(word, time)| (word, Some(time)));
        let time = time.and_then(|time| time.parse().ok());
        match word {
            "done" => Ok(Self::Committed(Committed::Done, time)),
            "conflict" => Ok(Self::Committed(Committed::Conflict, time)),
            "fenced" => Ok(Self::Fenced),
            _ => Err(StoreError::corrupt(NOT_UNDERSTOOD)),
        }
    }

    fn read_reserve(values: Vec<Value>) -> Result<Self, StoreError> {
        let mut values = values.into_iter();
        let permit = values::text(values.next().unwrap_or_default())?;
        let missing = values.map(|value| match value {
            // Lua counts from one.
            Value::Int(at) => usize::try_from(at).ok().and_then(|at| at.checked_sub(1)),
            _ => None,
        });
        match missing.collect::<Option<Vec<_>>>() {
            Some(missing) => Ok(Self::Reserve { permit, missing }),
            None => Err(StoreError::corrupt(NOT_UNDERSTOOD)),
        }
    }
}

impl Inner {
    pub(super) async fn commit(&self, commit: Commit<'_>) -> Result<Committed, StoreError> {
        // One order for all: whoever has reserved one waits for none that comes before it.
        let mut claims: Vec<&Claim> = commit.claims().iter().collect();
        claims.sort_unstable();
        claims.dedup();
        for _ in 0..ATTEMPTS {
            let (permit, missing) = match self.run(&commit, &claims, "").await? {
                Said::Committed(committed, _) => return Ok(committed),
                Said::Reserve { permit, missing } => (permit, missing),
                Said::Fenced => return Err(StoreError::unknown(NOT_UNDERSTOOD)),
            };
            let missing: Vec<&Claim> = missing.iter().filter_map(|at| claims.get(*at).copied()).collect();
            let attempt = Attempt { subject: commit.subject(), permit: &permit };
            if let Some(committed) = self.with_permit(&attempt, &commit, &claims, &missing).await? {
                return Ok(committed);
            }
        }
        Err(StoreError::not_committed("other attempts of the same subject came in between"))
    }

    /// Reserves, commits, and settles or gives back; `None` to begin again.
    async fn with_permit(
        &self,
        attempt: &Attempt<'_>,
        commit: &Commit<'_>,
        claims: &[&Claim],
        missing: &[&Claim],
    ) -> Result<Option<Committed>, StoreError> {
        // The document is not written before all of them are reserved, whatever goes wrong.
        let reserved = self.reserve_all(attempt, missing).await.map_err(StoreError::not_committed);
        let said = match reserved {
            Ok(Reserved::Yes) => self.run(commit, claims, attempt.permit).await,
            Ok(Reserved::Foreign) => Ok(Said::Committed(Committed::Claimed, None)),
            Ok(Reserved::Overtaken) => Ok(Said::Fenced),
            Err(error) => Err(error),
        };
        match &said {
            Ok(Said::Committed(Committed::Done, _)) => {
                for claim in missing {
                    attempt.settle(self, claim).await;
                }
            }
            // What may have happened is left for whoever finds it to ask about.
            Err(error) if error.kind() != crate::store::StoreErrorKind::NotCommitted => {}
            _ => {
                for claim in missing {
                    attempt.give_back(self, claim).await;
                }
            }
        }
        match said? {
            Said::Committed(committed, _) => Ok(Some(committed)),
            Said::Fenced => Ok(None),
            Said::Reserve { .. } => Err(StoreError::unknown(NOT_UNDERSTOOD)),
        }
    }

    async fn reserve_all(&self, attempt: &Attempt<'_>, missing: &[&Claim]) -> Result<Reserved, StoreError> {
        for claim in missing {
            match attempt.reserve(self, claim).await? {
                Reserved::Yes => {}
                other => return Ok(other),
            }
        }
        Ok(Reserved::Yes)
    }

    async fn run(&self, commit: &Commit<'_>, claims: &[&Claim], permit: &str) -> Result<Said, StoreError> {
        let partition = self.names.of_subject(commit.subject());
        let call = self.call(commit, claims, permit);
        let asked = self.skew.now();
        let said = call.write(&self.servers, self.places.of(partition)).await.map_err(failure::of_write)?;
        // Something was done; what, is not understood.
        let said = Said::read(said).map_err(StoreError::unknown)?;
        if let Said::Committed(_, Some(theirs)) = said {
            self.skew.observe(partition.0, asked, theirs);
        }
        Ok(said)
    }

    fn call(&self, commit: &Commit<'_>, claims: &[&Claim], permit: &str) -> Call {
        let partition = self.names.of_subject(commit.subject());
        let subject = commit.subject().storage_key();
        let mut call = COMMIT
            .on(self.keys(commit, partition, &subject))
            .arg(commit.expected().map(ToString::to_string).unwrap_or_default())
            .arg(commit.revision().to_string())
            .arg(commit.document())
            .arg(subject)
            .arg(permit)
            .arg(claims.len().to_string())
            .args(claims.iter().map(|claim| claim_name(claim)));
        for event in commit.events() {
            call = call.arg(event.id().to_string()).arg(event.at().as_secs().to_string()).arg(event.body());
            // JSON is never empty.
            call = call.arg(event.revokes().unwrap_or_default());
        }
        call
    }

    /// What the commit touches, in the order of the script, and nothing else: a cluster that moves a slot refuses a
    /// script with one key that is there and one that is not.
    fn keys(&self, commit: &Commit<'_>, partition: Partition, subject: &str) -> Vec<String> {
        let mut keys = vec![self.names.document(partition, subject)];
        if commit.expected().is_none() {
            keys.push(self.names.subjects(partition));
        }
        if !commit.claims().is_empty() {
            keys.push(self.names.claims(partition, subject));
        }
        if !commit.events().is_empty() {
            keys.extend([self.names.events(partition), self.names.subject_events(partition, subject)]);
        }
        if commit.events().iter().any(|event| event.revokes().is_some_and(|what| !what.is_empty())) {
            keys.push(self.names.revocations(partition));
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_script_says_is_understood_and_nothing_else() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        assert_eq!(Said::read(text("done 17")).unwrap(), Said::Committed(Committed::Done, Some(17)));
        assert_eq!(Said::read(text("done")).unwrap(), Said::Committed(Committed::Done, None));
        assert_eq!(Said::read(text("conflict 17")).unwrap(), Said::Committed(Committed::Conflict, Some(17)));
        let reserve = Value::Array(vec![text("3 A"), Value::Int(1), Value::Int(3)]);
        let wanted = Said::Reserve { permit: "3 A".to_owned(), missing: vec![0, 2] };
        assert_eq!(Said::read(reserve).unwrap(), wanted);
        for bad in [Value::Nil, text("OK"), Value::Array(Vec::new()), Value::Array(vec![text("3 A"), Value::Int(0)])] {
            assert!(Said::read(bad.clone()).is_err(), "{bad:?}");
        }
    }
}
