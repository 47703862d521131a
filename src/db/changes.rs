//! Notices from process to process that the data has changed.
//!
//! A notice only makes its readers look, and says whether it is of an operator's command. It is sent at the end of a
//! run and with each command, and not with each page: transactions that notify commit one after the other. A reader
//! that misses a notice looks after a second anyway, so a pooler, which passes none on, costs only that second.

use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

const CHANNEL: &str = "tributary_changes";

/// The notice of an operator's command.
const COMMAND: &str = "command";

/// Notifies all processes once the current transaction commits.
pub async fn notify_of_change(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    notify(connection, "").await
}

/// Notifies all processes of an operator's command once the current transaction commits.
pub async fn notify_of_command(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    notify(connection, COMMAND).await
}

async fn notify(connection: &mut PgConnection, notice: &str) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(notice).execute(connection).await?;
    Ok(())
}

/// Calls `on_change` for each notice, and where some may have been missed, until `stop`; says whether a command may be
/// among them.
pub async fn follow_changes(pool: PgPool, stop: CancellationToken, on_change: impl Fn(bool)) {
    let follow = async {
        loop {
            if let Err(error) = listen(&pool, &on_change).await {
                tracing::debug!(%error, "notices of changes are not heard");
            }
            on_change(true);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! { () = stop.cancelled() => {} () = follow => {} }
}

async fn listen(pool: &PgPool, on_change: &impl Fn(bool)) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    on_change(true);
    loop {
        // `None`: the connection was lost and made again
        let notice = listener.try_recv().await?;
        on_change(notice.is_none_or(|notice| notice.payload() == COMMAND));
    }
}
