//! Notices from process to process that the data has changed.
//!
//! A notice only makes its readers look; it carries nothing. It is sent at the end of a run and with each command of an
//! operator, and not with each page: transactions that notify commit one after the other. Who misses a notice looks
//! after a second anyway, so a pooler, which passes none on, costs only that second.

use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

const CHANNEL: &str = "tributary_changes";

/// Notifies all processes once the current transaction commits.
pub async fn notify_of_change(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_notify($1, '')").bind(CHANNEL).execute(connection).await?;
    Ok(())
}

/// Calls `on_change` for each notice, and where some may have been missed, until `stop`.
pub async fn follow_changes(pool: PgPool, stop: CancellationToken, on_change: impl Fn()) {
    let follow = async {
        loop {
            if let Err(error) = listen(&pool, &on_change).await {
                tracing::debug!(%error, "notices of changes are not heard");
            }
            on_change();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! { () = stop.cancelled() => {} () = follow => {} }
}

async fn listen(pool: &PgPool, on_change: &impl Fn()) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        on_change();
        // `None`: the connection was lost and made again
        let _ = listener.try_recv().await?;
    }
}
