//! One stream, as a reader sees it.

use rust_decimal::Decimal;

use crate::query::pollers::tasks::Tasks;
use crate::query::pollers::{FailingReason, Poller, PollerState};
use crate::query::runs::Run;
use crate::web::figure::{duration, grouped};
use crate::web::words;
use crate::web::zoned::Zoned;

/// A run of the strip: its verdict, and what a pointer reads there.
pub(super) struct RunItem {
    pub(super) x: usize,
    pub(super) verdict: String,
    pub(super) height: usize,
    pub(super) read: String,
}

/// One stream of one source.
pub(super) struct StreamItem {
    pub(super) source: String,
    pub(super) stream: String,
    pub(super) state: String,
    pub(super) is_failing: bool,
    pub(super) is_paused: bool,
    pub(super) can_run: bool,
    pub(super) lag: String,
    pub(super) complete_through: String,
    pub(super) state_as_of: String,
    pub(super) next_run: String,
    pub(super) runs: Vec<RunItem>,
    pub(super) runs_sentence: String,
    /// All else, by name.
    pub(super) facts: Vec<(&'static str, String)>,
}

impl StreamItem {
    pub(super) fn of(poller: &Poller, runs: &[Run], zoned: Zoned) -> Self {
        let minute = |at: Option<chrono::DateTime<chrono::Utc>>, none: &str| {
            at.map_or_else(|| none.to_owned(), |at| zoned.minute(at))
        };
        let is_list = poller.tasks.is_none();
        Self {
            source: poller.source.clone(),
            stream: poller.stream.clone(),
            state: poller.state.as_str().replace('_', " "),
            is_failing: poller.is_failing,
            is_paused: poller.paused.is_some(),
            can_run: !matches!(poller.state, PollerState::Disabled | PollerState::Paused),
            lag: match poller.lag_seconds {
                Some(seconds) => duration(Decimal::from(seconds)),
                None if is_list => "nothing proven yet".to_owned(),
                None => "nothing due".to_owned(),
            },
            complete_through: minute(poller.complete_through, if is_list { "nothing proven yet" } else { "–" }),
            state_as_of: minute(poller.state_as_of, if is_list { "unknown" } else { "–" }),
            next_run: poller.next_run_at.map_or_else(|| "–".to_owned(), |at| zoned.distance(at)),
            runs: strip(runs, zoned),
            runs_sentence: sentence(runs),
            facts: facts(poller, zoned),
        }
    }
}

/// Returns the runs, the oldest first.
fn strip(runs: &[Run], zoned: Zoned) -> Vec<RunItem> {
    let item = |(place, run): (usize, &Run)| {
        let verdict = run.verdict.as_deref().unwrap_or("running");
        let reason = run.reason.as_deref().or(run.error_class.as_deref());
        let reason = reason.map(|reason| format!(": {}", words::plain(reason))).unwrap_or_default();
        RunItem {
            x: place * 6,
            // what went wrong is also higher, so that colour alone says nothing
            height: if verdict == "complete" { 7 } else { 16 },
            read: format!(
                "{} {}{reason}; {} new, {} changed",
                zoned.second(run.started_at),
                verdict.replace('_', " "),
                run.inserted_count,
                run.updated_count
            ),
            verdict: verdict.to_owned(),
        }
    };
    runs.iter().rev().enumerate().map(item).collect()
}

fn sentence(runs: &[Run]) -> String {
    let complete = runs.iter().filter(|run| run.verdict.as_deref() == Some("complete")).count();
    format!("{complete} of the last {} runs were complete", runs.len())
}

fn facts(poller: &Poller, zoned: Zoned) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut add = |name: &'static str, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    let reasons: Vec<&str> = poller.failing_because.iter().copied().map(reason).collect();
    add("Look at it because", (!reasons.is_empty()).then(|| reasons.join("; ")));
    add("Paused", poller.paused.as_ref().map(|pause| format!("since {} by {}", zoned.minute(pause.since), pause.by)));
    add("Last complete run", poller.last_success_at.map(|at| zoned.distance(at)));
    add("Waits until", poller.parked_until.map(|at| zoned.minute(at)));
    let error = poller.last_error.as_ref().map(|error| {
        let detail = error.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
        let advice = error.advice.map(|advice| format!(" {advice}")).unwrap_or_default();
        format!("{}{detail}{advice}", words::plain(&error.class))
    });
    add("Last error", error);
    let windows = &poller.incomplete_windows;
    let first = windows.first.first().map(|window| {
        let reason = words::plain(window.reason.as_deref().unwrap_or("not read yet"));
        format!(", first {} to {}: {reason}", zoned.minute(window.from), zoned.minute(window.to))
    });
    let gaps = (windows.count > 0).then(|| format!("{}{}", windows.count, first.unwrap_or_default()));
    add("Ranges not proven", gaps);
    add("Accepted gaps", (poller.accepted_windows.count > 0).then(|| poller.accepted_windows.count.to_string()));
    add("Rejected records", (poller.open_reject_count > 0).then(|| poller.open_reject_count.to_string()));
    add("Unknown fields and values", (poller.drift_count > 0).then(|| poller.drift_count.to_string()));
    let quota = poller.quota.as_ref().and_then(|quota| {
        let left = grouped(Decimal::from(quota.remaining?), 0);
        let whole = quota.quota.map(|whole| format!(" of {}", grouped(Decimal::from(whole), 0))).unwrap_or_default();
        Some(format!("{left}{whole} calls"))
    });
    add("Quota left", quota);
    add("Artifacts", poller.tasks.as_ref().map(artifacts));
    add("Will expire undrained", poller.tasks.as_ref().map(|tasks| tasks.will_expire.to_string()));
    add("Advice", poller.tasks.as_ref().and_then(|tasks| tasks.advice).map(ToOwned::to_owned));
    facts
}

/// Returns the work list by state.
fn artifacts(tasks: &Tasks) -> String {
    let owed: i64 = tasks.owed.iter().map(|owed| owed.count).sum();
    let states = [
        (tasks.available, "available"),
        (tasks.pending, "pending"),
        (tasks.due, "due now"),
        (owed, "owed because of errors"),
        (tasks.empty, "empty"),
        (tasks.not_enabled, "not made"),
        (tasks.expired, "expired"),
        (tasks.failed, "given up"),
    ];
    let states = states.into_iter().filter(|(count, _)| *count > 0);
    let states: Vec<String> =
        states.map(|(count, state)| format!("{} {state}", grouped(Decimal::from(count), 0))).collect();
    if states.is_empty() { "none".to_owned() } else { states.join(", ") }
}

fn reason(reason: FailingReason) -> &'static str {
    match reason {
        FailingReason::NoPoller => "no poller is alive",
        FailingReason::Stalled => "a run sends no sign of life, or none begins",
        FailingReason::FailedRuns => "runs failed since the last complete one",
        FailingReason::IncompleteWindows => "a range is not proven",
        FailingReason::Lag => "it is further behind than its source allows",
        FailingReason::Owed => "content is owed because of errors",
        FailingReason::GivenUp => "much content was given up",
    }
}
