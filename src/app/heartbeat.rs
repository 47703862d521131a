//! The signs of life of this process: a write every ten seconds, independent of schedules, questions and polls.
//!
//! Its result also shows whether the database accepts writes, and if not, why. It changes a row in place, which
//! succeeds on a full disk. So each half minute a write that needs space is tried too; while the disk is full, each
//! time.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::service::Role;
use crate::db::{DatabaseTrouble, WriteState};
use crate::store::instance::{self, Instance};
use crate::store::server_check;
use crate::telemetry::{COMMIT, VERSION, instance_id, metrics};

/// Time between two signs of life; health counts a process as alive for three of them.
const EVERY: Duration = Duration::from_secs(10);
/// Time until the next one after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Time between two tries whether the disk has space.
const SPACE_EVERY: Duration = Duration::from_secs(30);
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
    let mut space_tried_at: Option<Instant> = None;
    let mut logged = None;
    loop {
        let noted = timeout(WITHIN, instance::note_alive(&pool, &instance, is_first)).await;
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
        writes.note(trouble);
        let is_space_due = space_tried_at.is_none_or(|at| at.elapsed() >= SPACE_EVERY);
        if trouble.is_none() && (is_space_due || writes.trouble().is_some()) {
            space_tried_at = Some(Instant::now());
            try_space(&pool, &writes).await;
        }
        let before = std::mem::replace(&mut logged, writes.trouble());
        match logged {
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
    let _ = timeout(Duration::from_secs(1), instance::note_stopped(&pool, &instance)).await;
}

/// Tries a write that needs space, and notes the result. A timeout shows nothing about the disk.
async fn try_space(pool: &PgPool, writes: &WriteState) {
    let Ok(tried) = timeout(WITHIN, server_check::try_space(pool)).await else { return };
    match tried.as_ref().err().map(|error| DatabaseTrouble::of(error)) {
        Some(Some(DatabaseTrouble::DiskFull)) => writes.note_space(true),
        Some(Some(_)) => {}
        // a limit of temporary files shows nothing either, and must not keep a full disk noted for ever
        Some(None) | None => writes.note_space(false),
    }
}
