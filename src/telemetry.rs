//! Logs: one place that decides form and level. Messages read alone, and carry fields for queries.
//! What must never be logged: credentials, texts and contacts of people, bodies of answers.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging to standard error: lines for people on a terminal, JSON elsewhere. `filter` is in the
/// form of `TRIBUTARY_LOG`, for example `info,tributary=debug`; an unusable one falls back to `info`.
pub fn start(filter: Option<&str>, default: &str) {
    let filter = EnvFilter::try_new(filter.unwrap_or(default)).unwrap_or_else(|_| EnvFilter::new("info"));
    // the server's notices are about its own business: "already exists, skipping"
    let filter = match "sqlx::postgres::notice=error".parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start, as in tests, is refused and harmless.
    let _ = if std::io::stderr().is_terminal() {
        builder.with_target(false).compact().try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
}
