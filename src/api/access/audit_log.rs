//! The audit log: commands are written before they are executed, reads while they are answered.
//!
//! Reads and refusals go through a bounded queue to one writer, which takes all that waits at once. A full queue makes
//! readers wait, and content that cannot be recorded is not answered. A process that is killed loses the reads of its
//! last moment, and never a command.

use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};

use crate::store::StoreError;
use crate::store::audit::{self, AuditEntry};

/// Entries that may wait.
const QUEUE: usize = 1_024;
/// Most entries in one statement.
const BATCH: usize = 256;
/// Longest wait for a place in the queue.
const QUEUE_TIME: Duration = Duration::from_secs(2);
/// Attempts to write a batch, a second apart.
const MAX_WRITES: u32 = 30;

enum Message {
    Entry(Box<AuditEntry>),
    /// Answered once all entries before it are written.
    Flush(oneshot::Sender<()>),
}

/// The audit log.
#[derive(Debug, Clone)]
pub struct AuditLog {
    pool: PgPool,
    queue: mpsc::Sender<Message>,
}

impl AuditLog {
    /// Starts the writer. It ends with the last clone of the log.
    pub fn start(pool: PgPool) -> Self {
        let (queue, mut waiting) = mpsc::channel(QUEUE);
        let writer = pool.clone();
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while waiting.recv_many(&mut batch, BATCH).await > 0 {
                let (mut entries, mut flushes) = (Vec::new(), Vec::new());
                for message in batch.drain(..) {
                    match message {
                        Message::Entry(entry) => entries.push(*entry),
                        Message::Flush(done) => flushes.push(done),
                    }
                }
                write(&writer, &entries).await;
                for done in flushes {
                    let _ = done.send(());
                }
            }
        });
        Self { pool, queue }
    }

    /// Queues an entry; returns whether it will be written.
    pub(super) async fn note(&self, entry: AuditEntry) -> bool {
        self.queue.send_timeout(Message::Entry(Box::new(entry)), QUEUE_TIME).await.is_ok()
    }

    /// Writes a command before it is executed; returns its number.
    pub(super) async fn begin(&self, entry: AuditEntry) -> Result<i64, StoreError> {
        audit::write(&self.pool, &[entry]).await
    }

    /// Writes the status of the answer to a command.
    pub(super) async fn complete(&self, audit_id: i64, status: u16) {
        if let Err(error) = audit::complete(&self.pool, audit_id, status).await {
            tracing::error!(audit_id, status, cause = error.cause(), "the outcome of a command could not be audited");
        }
    }

    /// Waits until all entries queued so far are written.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }
}

async fn write(pool: &PgPool, entries: &[AuditEntry]) {
    if entries.is_empty() {
        return;
    }
    for number in 1..=MAX_WRITES {
        match audit::write(pool, entries).await {
            Ok(_) => return,
            Err(error) if error.is_transient() && number < MAX_WRITES => {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(error) => {
                tracing::error!(count = entries.len(), cause = error.cause(), "entries of the audit log are lost");
                return;
            }
        }
    }
}
