//! The progress of a backfill: a bar on a terminal, and a line now and then elsewhere.
//!
//! It is read from the database, so that it includes the work of all processes.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sqlx::PgPool;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::query::backfills::{self, Backfill};

/// Interval between redraws of the bar.
const REDRAW_EVERY: Duration = Duration::from_millis(500);
/// Interval between lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// The display of progress.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    is_silent: bool,
}

impl Progress {
    /// Starts the display on standard error: a bar on a terminal, lines elsewhere; nothing where a program reads.
    pub fn start(is_silent: bool) -> Self {
        let is_terminal = std::io::stderr().is_terminal() && !is_silent;
        let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        // an invalid template leaves the default bar
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} units  {msg}") {
            bar.set_style(style);
        }
        Self { bar, is_terminal, is_silent }
    }

    /// Creates a display that shows nothing.
    pub fn silent() -> Self {
        Self::start(true)
    }

    /// Prints one line.
    pub fn say(&self, text: &str) {
        if self.is_terminal {
            self.bar.println(text);
        } else if !self.is_silent {
            super::remark(text);
        }
    }

    /// Shows the progress of the backfill, until dropped.
    pub(super) async fn follow(&self, pool: &PgPool, clock: Arc<dyn Clock>, backfill_id: i64) {
        let mut last: Option<(Instant, i64)> = None;
        let mut last_line = Instant::now();
        loop {
            tokio::time::sleep(REDRAW_EVERY).await;
            // a failed read is retried at the next redraw
            let Ok(Some(found)) = backfills::find(pool, backfill_id, clock.now()).await else { continue };
            let now = Instant::now();
            let read = |(at, count): (Instant, i64)| {
                let seconds = i64::try_from((now - at).as_millis()).unwrap_or(i64::MAX).max(1);
                (found.record_count - count).max(0) * 1000 / seconds
            };
            let rate = last.map_or(0, read);
            last = Some((now, found.record_count));
            let message = message(&found, rate);
            let ended = found.proven_count + found.doubtful_count + found.failed_count;
            self.bar.set_length(u64::try_from(found.unit_count).unwrap_or(0));
            self.bar.set_position(u64::try_from(ended).unwrap_or(0));
            self.bar.set_message(message.clone());
            if !self.is_terminal && now - last_line >= LINE_EVERY {
                last_line = now;
                self.say(&format!("{ended}/{} units  {message}", found.unit_count));
            }
        }
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn message(found: &Backfill, records_per_second: i64) -> String {
    let waits = found.waits_until.map(|until| format!(", the provider allows no call before {until}"));
    let eta = found.eta_seconds.map(|seconds| format!(", about {} left", span(seconds)));
    format!(
        "{} records, {records_per_second}/s, {} new{}",
        found.record_count,
        found.inserted_count,
        waits.or(eta).unwrap_or_default()
    )
}

fn span(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}
