//! `tributary reconcile`: compares the stored data with the providers' own counts, and repairs differences.
//!
//! Sources are compared concurrently, so that one provider's trouble does not affect another. The results are
//! stored; this module prints them.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::app::backfilling::{check_past, check_range, parse_instant};
use crate::app::sources::connect_sources;
use crate::db::Purpose;
use crate::ingest::backfill::{self, Ended};
use crate::ingest::reconcile::planning::{self, SETTLED_AFTER, States};
use crate::ingest::{Poller, Source};
use crate::model::time::Window;
use crate::query::reconciliations::{self, Reconciliation, ReconciliationFilter};
use crate::store::operation::Operator;

/// Arguments of `tributary reconcile`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ReconcileArgs {
    /// Only this source
    #[arg(long)]
    pub source: Option<String>,
    /// First instant of the range: a date (midnight UTC) or an RFC 3339 instant [default: all that is proven]
    #[arg(long, value_name = "DATE", value_parser = parse_instant)]
    pub from: Option<DateTime<Utc>>,
    /// First instant after the range
    #[arg(long, value_name = "DATE", value_parser = parse_instant)]
    pub to: Option<DateTime<Utc>>,
    /// Print the comparisons as JSON
    #[arg(long)]
    pub json: bool,
}

/// The result of one source.
#[derive(Debug, Serialize)]
pub struct SourceReport {
    /// Slug of the source.
    pub source: String,
    /// Whether every window is equal, at once or after the repair.
    pub is_equal: bool,
    /// Reason why the comparison stopped early.
    pub detail: Option<String>,
    /// Number of compared windows.
    pub window_count: usize,
    /// Sessions that were missing.
    pub missing_count: i64,
    /// Missing sessions that were fetched again.
    pub healed_count: i64,
    /// Stored sessions that the provider does not list.
    pub surplus_count: i64,
    /// Sessions whose state had changed since they were last read, and was updated.
    pub stale_count: i64,
    /// Windows that were not equal at first, oldest first.
    pub windows: Vec<Reconciliation>,
}

/// Runs the command that `args` give; succeeds only if all is equal now.
pub async fn run(app: &App, args: &ReconcileArgs, user: &str, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    let reports = reconcile(app, args, user, stop).await?;
    super::say(&if args.json { serde_json::to_string_pretty(&reports)? + "\n" } else { text(&reports) })?;
    Ok(if reports.iter().all(|report| report.is_equal) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Compares the sources and ranges that `args` name; returns a report for each source.
pub async fn reconcile(
    app: &App,
    args: &ReconcileArgs,
    user: &str,
    stop: CancellationToken,
) -> anyhow::Result<Vec<SourceReport>> {
    check_range(args.from, args.to)?;
    args.from.map_or(Ok(()), |from| check_past("--from", from, app.clock.now()))?;
    let pool = app.pool_unless_stopped(Purpose::Poll, &stop).await?;
    app.migrate(&pool).await?;
    let mut sources = connect_sources(app, &pool).await?;
    if let Some(wanted) = &args.source {
        sources.retain(|source| source.slug.as_str() == wanted);
        if sources.is_empty() {
            let known: Vec<&str> = app.config.sources.iter().map(|source| source.slug.as_str()).collect();
            bail!("--source: there is no source `{wanted}`; the configured sources are: {}", known.join(", "));
        }
    }
    let poller = Arc::new(app.poller(pool, stop).await?);
    let operator = Arc::new(Operator { requested_by: user.to_owned(), request_id: None });
    let mut running = Vec::new();
    for source in sources {
        let (poller, operator, args) = (Arc::clone(&poller), Arc::clone(&operator), args.clone());
        let slug = source.slug.to_string();
        let task = tokio::spawn(async move { one(&poller, &source, &args, &operator).await });
        running.push((slug, task));
    }
    let mut reports = Vec::with_capacity(running.len());
    for (slug, task) in running {
        let report = task.await.map_err(anyhow::Error::from).and_then(|report| report);
        reports.push(report.unwrap_or_else(|error| unanswered(&slug, format!("{error:#}"))));
    }
    Ok(reports)
}

fn unanswered(slug: &str, detail: String) -> SourceReport {
    SourceReport {
        source: slug.to_owned(),
        is_equal: false,
        detail: Some(detail),
        window_count: 0,
        missing_count: 0,
        healed_count: 0,
        surplus_count: 0,
        stale_count: 0,
        windows: Vec::new(),
    }
}

async fn one(
    poller: &Poller,
    source: &Source,
    args: &ReconcileArgs,
    operator: &Operator,
) -> anyhow::Result<SourceReport> {
    let slug = source.slug.as_str();
    let settled = poller.clock.now() - SETTLED_AFTER;
    let proven = planning::reconcilable(poller, source).await?;
    let Some((first, last)) = proven.first().zip(proven.last()) else {
        return Ok(unanswered(slug, "no range of the source is proven complete yet: poll the source first".to_owned()));
    };
    let range = Window { from: args.from.unwrap_or(first.from), to: args.to.unwrap_or(last.to).min(settled) };
    if range.from >= range.to {
        let detail = "--from, --to: nothing in this range is both proven and settled; choose another range";
        return Ok(unanswered(slug, detail.to_owned()));
    }
    // a range given by the user is compared as a whole, even the parts that were never read
    let ranges = if args.from.is_none() && args.to.is_none() { proven } else { vec![range] };
    let Some(planned) = planning::plan_reconciliation(poller, source, &ranges, States::All, operator).await? else {
        let is_stopped = poller.stop.is_cancelled();
        let detail = if is_stopped { "stopped before the end" } else { "there is nothing to compare" };
        return Ok(unanswered(slug, detail.to_owned()));
    };
    let detail = match backfill::work_off(poller, source, &planned, 1, true).await? {
        Ended::Over(_) => None,
        Ended::Stopped => Some("stopped before the end".to_owned()),
        Ended::StreamPaused => Some("the whole stream is paused; resume the stream first".to_owned()),
        Ended::GaveUp(reason) => Some(reason),
    };
    let filter = ReconciliationFilter { backfill_id: Some(planned.backfill_id), ..ReconciliationFilter::default() };
    let mut windows = reconciliations::list(&poller.pool, &filter, i64::from(i32::MAX)).await?;
    windows.sort_by_key(|window| window.window_from);
    let is_equal = |window: &Reconciliation| window.state == "match" || window.state == "healed";
    let sum = |of: fn(&Reconciliation) -> i64| windows.iter().map(of).sum();
    Ok(SourceReport {
        source: slug.to_owned(),
        is_equal: detail.is_none() && !windows.is_empty() && windows.iter().all(is_equal),
        detail,
        window_count: windows.len(),
        missing_count: sum(|window| window.missing_count),
        healed_count: sum(|window| window.healed_count),
        surplus_count: sum(|window| window.surplus_count),
        stale_count: sum(|window| window.stale_state_count),
        windows: windows.into_iter().filter(|window| window.state != "match").collect(),
    })
}

/// Formats the reports for people.
fn text(reports: &[SourceReport]) -> String {
    let mut text = String::new();
    for report in reports {
        let verdict = if report.is_equal { "equal" } else { "NOT EQUAL" };
        // writing to a string cannot fail
        let _ = writeln!(
            text,
            "{}: {verdict}, {} windows, {} found missing, {} fetched again, {} not listed by the provider, {} had changed",
            report.source,
            report.window_count,
            report.missing_count,
            report.healed_count,
            report.surplus_count,
            report.stale_count
        );
        for window in &report.windows {
            let counted = window.provider_sessions.map_or_else(|| "no count".to_owned(), |count| count.to_string());
            let _ = writeln!(
                text,
                "  {} [{}, {}): provider {counted}, stored {} before, {} now{}",
                window.state,
                window.window_from.format("%Y-%m-%dT%H:%MZ"),
                window.window_to.format("%Y-%m-%dT%H:%MZ"),
                window.stored_sessions_before,
                window.stored_sessions,
                window.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()
            );
            let named = [
                ("fetched again", &window.missing),
                ("not listed", &window.surplus),
                ("had changed", &window.stale_state),
            ];
            for (what, ids) in named {
                if !ids.is_empty() {
                    let _ = writeln!(text, "    {what}: {}", ids.join(", "));
                }
            }
        }
        if let Some(detail) = &report.detail {
            let _ = writeln!(text, "  {detail}");
        }
    }
    text
}
