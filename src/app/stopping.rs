//! The signals that stop a process in order.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Returns a token that SIGINT or SIGTERM cancels; a second signal ends the process at once. SIGHUP, which loads the
/// configuration of a service again, needs a listener of its own.
pub fn on_signal() -> anyhow::Result<CancellationToken> {
    on_any(&[("SIGINT", SignalKind::interrupt()), ("SIGTERM", SignalKind::terminate())])
}

/// Returns the same token for a command that ends by itself: there SIGHUP, of a terminal that closes, stops it too.
pub fn on_signal_or_hangup() -> anyhow::Result<CancellationToken> {
    let kinds = [("SIGINT", SignalKind::interrupt()), ("SIGTERM", SignalKind::terminate())];
    on_any(&[kinds[0], kinds[1], ("SIGHUP", SignalKind::hangup())])
}

fn on_any(kinds: &[(&str, SignalKind)]) -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    for (name, kind) in kinds {
        let mut received = signal(*kind).with_context(|| format!("{name} cannot be handled"))?;
        let token = stop.clone();
        tokio::spawn(async move {
            while received.recv().await.is_some() {
                if token.is_cancelled() {
                    tracing::warn!("stopped at once by a second signal");
                    std::process::exit(130);
                }
                tracing::info!("stopping: finishing the page in flight");
                token.cancel();
            }
        });
    }
    Ok(stop)
}
