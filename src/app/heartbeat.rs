//! The signs of life of this process: a write every ten seconds, independent of schedules, questions and polls.
//!
//! Its result also shows whether the database accepts writes, and if not, why.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::app::service::Role;
use crate::db::{DatabaseTrouble, WriteState};
use crate::store::instance::{self, Instance};
use crate::telemetry::{COMMIT, VERSION, instance_id, metrics};

/// Time between two signs of life; health counts a process as alive for three of them.
const EVERY: Duration = Duration::from_secs(10);
/// Time until the next one after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Time limit of one.
const WITHIN: Duration = Duration::from_secs(5);

/// Describes this process.
pub(super) fn this_instance(role: Role) -> Instance {
    let role = match role {
        Role::All => "all",
        Role::Api => "api",
        Role::Poller => "poller",
    };
    Instance { id: instance_id().to_owned(), role, version: VERSION, commit: COMMIT }
}

/// Writes signs of life until `stop`, and then that the process stops.
pub(super) async fn beat(pool: PgPool, instance: Instance, writes: WriteState, stop: CancellationToken) {
    let mut is_first = true;
    loop {
        let noted = tokio::time::timeout(WITHIN, instance::note_alive(&pool, &instance, is_first)).await;
        let trouble = match noted {
            Ok(Ok(())) => {
                is_first = false;
                None
            }
            Ok(Err(error)) => match DatabaseTrouble::of(&error) {
                Some(DatabaseTrouble::Slow) => Some(DatabaseTrouble::ask(&pool).await),
                trouble => Some(trouble.unwrap_or(DatabaseTrouble::Slow)),
            },
            Err(_) => Some(DatabaseTrouble::ask(&pool).await),
        };
        let before = writes.trouble();
        writes.note(trouble);
        match writes.trouble() {
            now if now == before => {}
            Some(trouble) => {
                tracing::error!(class = trouble.class(), advice = trouble.advice(), "{}", trouble.sentence());
            }
            None => tracing::info!("the database accepts writes again"),
        }
        metrics::tidy();
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = tokio::time::sleep(if trouble.is_none() { EVERY } else { RETRY_AFTER }) => {}
        }
    }
    // where this cannot be written, the row shows the last sign of life
    let _ = tokio::time::timeout(Duration::from_secs(1), instance::note_stopped(&pool, &instance)).await;
}
