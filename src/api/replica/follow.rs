//! The observation of a replica: whether it serves, how far it has come, and which commands it holds.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::api::replica::handle::{Inner, Pools, Replica, Seen};
use crate::api::replica::progress::Progress;
use crate::db::{DbError, Purpose, UnprovenPool};
use crate::query::replication::{LogPosition, ReplicaTrouble, position};

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time until the next look after a command, or after a failure of the replica; it doubles from look to look.
const SOONEST: Duration = Duration::from_millis(50);
/// A server that does not answer within this time counts as lost.
const WITHIN: Duration = Duration::from_secs(1);

/// Observes a replica.
#[derive(Debug)]
pub struct Follower {
    inner: Arc<Inner>,
    primary: PgPool,
    /// Pools of the replica, until it was reached once: for answers, and for probes.
    unproven: [UnprovenPool; 2],
    /// The primary, as it was last seen.
    followed: Option<LogPosition>,
    progress: Progress,
    /// A number of commands, and a position of the primary after all of them.
    commands: (u64, i64),
}

impl Follower {
    /// An observer of the replica of this primary; `None`: no replica is configured.
    pub fn of(replica: &Replica, primary: PgPool) -> Option<Self> {
        let inner = Arc::clone(replica.0.as_ref()?);
        let settings = &inner.settings;
        let pool =
            |purpose, connections| UnprovenPool::new(settings.address.clone(), settings.route, purpose, connections);
        let unproven = [
            pool(Purpose::Answer(settings.departures.clone()), settings.max_connections),
            pool(Purpose::Probe(settings.departures.clone()), settings.probe_connections),
        ];
        Some(Self { inner, primary, unproven, followed: None, progress: Progress::default(), commands: (0, 0) })
    }

    /// Looks at the replica until `stop`.
    pub async fn follow(mut self, stop: CancellationToken) {
        let (inner, mut pause) = (Arc::clone(&self.inner), LOOK_EVERY);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = inner.wake.notified() => pause = SOONEST,
                () = sleep(pause) => pause = (pause * 2).min(LOOK_EVERY),
            }
            self.look().await;
            // requests that wake it do not make it look all the time
            sleep(SOONEST).await;
        }
        if let Some(pools) = inner.pools.get() {
            pools.answers.close().await;
            pools.probes.close().await;
        }
    }

    /// Looks once; returns why the replica does not serve.
    pub async fn look(&mut self) -> Option<ReplicaTrouble> {
        // before the primary is asked: what it answers lies after all of them
        let (commands, now) = (self.inner.commands.load(SeqCst), self.inner.settings.clock.now());
        if let Ok(Ok(primary)) = timeout(WITHIN, position(&self.primary)).await {
            self.note_primary(primary, commands, now);
        }
        let replica = match timeout(WITHIN, self.probes()).await {
            Ok(Ok(probes)) => {
                let found = timeout(WITHIN, position(&probes)).await.ok();
                found.and_then(|found| found.inspect_err(|error| tracing::debug!(?error, "the replica fails")).ok())
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "the replica cannot be used");
                None
            }
            Err(_) => None,
        };
        let trouble = match &replica {
            Some(replica) => self.followed.as_ref().and_then(|primary| replica.mismatch(primary)),
            None => Some(ReplicaTrouble::Unreachable),
        };
        let before = self.inner.health().trouble;
        let lsn = replica.and_then(|replica| replica.lsn).filter(|_| trouble.is_none());
        self.inner.seen.send_modify(|seen| {
            let held = lsn.filter(|lsn| *lsn >= self.commands.1).map(|_| self.commands.0);
            *seen = Seen {
                trouble,
                as_of: lsn.and_then(|lsn| self.progress.reached(lsn)).or(seen.as_of),
                commands: held.unwrap_or(seen.commands),
            };
        });
        match self.inner.health().trouble {
            now if now == before => {}
            Some(trouble) => {
                tracing::warn!(class = trouble.class(), advice = trouble.advice(), "{}", trouble.sentence());
            }
            None => tracing::info!("answers are read from the replica"),
        }
        trouble
    }

    fn note_primary(&mut self, primary: LogPosition, commands: u64, now: chrono::DateTime<chrono::Utc>) {
        let Some(lsn) = primary.lsn.filter(|_| !primary.is_standby) else { return };
        let is_same = |last: &LogPosition| (&last.database, last.timeline) == (&primary.database, primary.timeline);
        if !self.followed.as_ref().is_none_or(is_same) {
            // positions of another timeline cannot be compared, and may name lost commits
            self.progress = Progress::default();
            self.commands = (0, 0);
            self.inner.seen.send_modify(|seen| (seen.as_of, seen.commands) = (None, 0));
        }
        self.followed = Some(primary);
        self.progress.note_primary(now, lsn);
        if commands > self.commands.0 {
            self.commands = (commands, lsn);
        }
    }

    /// Returns the connections for probes; tries the replica where it was never reached.
    async fn probes(&self) -> Result<PgPool, DbError> {
        if let Some(pools) = self.inner.pools.get() {
            return Ok(pools.probes.clone());
        }
        let [answers, probes] = &self.unproven;
        let pools = Pools { answers: answers.prove().await?, probes: probes.prove().await? };
        Ok(self.inner.pools.get_or_init(|| pools).probes.clone())
    }
}
