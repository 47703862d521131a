//! One stream, as a reader sees it.

use chrono::{DateTime, SecondsFormat, Utc};
use rust_decimal::Decimal;

use crate::api::formats::cell::Cell as Exact;
use crate::query::pollers::tasks::Tasks;
use crate::query::pollers::{FailingReason, LastError, Pause, Poller, PollerState};
use crate::query::runs::Run;
use crate::web::chart::{as_place, percent};
use crate::web::figure::{duration, grouped};
use crate::web::file::FileKind;
use crate::web::panel::{Panel, State};
use crate::web::table::{Cell, Mark, Strip, Table};
use crate::web::visit::Visit;
use crate::web::words;
use crate::web::zoned::Zoned;

/// Most runs of a strip.
pub(super) const RUNS: u8 = 48;
/// Height of a strip of runs, CSS pixels.
const HEIGHT: usize = 16;

/// One stream of one source.
pub(super) struct StreamItem {
    pub(super) source: String,
    pub(super) stream: String,
    pub(super) state: String,
    pub(super) is_failing: bool,
    pub(super) is_paused: bool,
    pub(super) can_run: bool,
    pub(super) runs_sentence: String,
    /// Address of its facts as CSV.
    pub(super) csv: String,
    /// What polling has written down of it.
    pub(super) lists: [(&'static str, String); 4],
    /// Its row in the table of all streams.
    pub(super) row: Vec<Cell>,
    /// All else, by name.
    pub(super) facts: Vec<(&'static str, Cell)>,
}

impl StreamItem {
    pub(super) fn of(visit: &Visit, poller: &Poller, runs: &[Run], zoned: Zoned) -> Self {
        Self {
            csv: visit.file_link(&id(poller), FileKind::Csv),
            lists: lists(visit, poller),
            source: poller.source.clone(),
            stream: poller.stream.clone(),
            state: poller.state.as_str().replace('_', " "),
            is_failing: poller.is_failing,
            is_paused: poller.paused.is_some(),
            can_run: !matches!(poller.state, PollerState::Disabled | PollerState::Paused),
            runs_sentence: sentence(runs),
            row: row(poller, runs, zoned),
            facts: facts(poller, zoned),
        }
    }

    /// Returns its facts as a panel, for a file of them.
    pub(super) fn panel(&self) -> Panel {
        let facts = std::iter::once(("State", Cell::text(&self.state))).chain(self.facts.iter().cloned());
        let rows = facts.map(|(name, value)| vec![Cell::text(name), value]).collect();
        let head = ["Fact", "Value"].map(Cell::text).into();
        let title = format!("{} · {}", self.source, self.stream);
        Panel::new(format!("{}-{}", self.source, self.stream), title, State::Table(Table { head, rows, ends: None }))
    }
}

/// Returns the lists of what polling has written down of a stream, with their addresses.
fn lists(visit: &Visit, poller: &Poller) -> [(&'static str, String); 4] {
    let of_source = visit.selection.with("source", Some(&poller.source));
    let of_stream = of_source.with("stream", Some(&poller.stream));
    [("runs", "Runs"), ("rejections", "Rejected records"), ("drift", "Unknown values"), ("commands", "Commands")].map(
        |(list, name)| {
            let selection = if list == "commands" { &of_source } else { &of_stream };
            (name, selection.link_with(&format!("/data-health/{list}"), &["stream"]))
        },
    )
}

/// Returns the id of the panel of a stream.
fn id(poller: &Poller) -> String {
    format!("{}-{}", poller.source, poller.stream)
}

/// Returns the table of streams.
pub(super) fn table(items: &[StreamItem]) -> Table {
    let head = [
        Cell::text("Stream"),
        Cell::text("State"),
        Cell::number("Lag"),
        Cell::text("Complete to"),
        Cell::text("State as of"),
        Cell::text("Next run"),
        Cell::text("Last runs"),
    ];
    Table { head: head.into(), rows: items.iter().map(|item| item.row.clone()).collect(), ends: None }
}

fn row(poller: &Poller, runs: &[Run], zoned: Zoned) -> Vec<Cell> {
    let is_list = poller.tasks.is_none();
    let minute = |at: Option<DateTime<Utc>>, none: &str| match at {
        Some(at) => zoned.minute_cell(at),
        None => Cell::text(if is_list { none } else { "–" }),
    };
    let lag = match poller.lag_seconds {
        Some(seconds) => Cell::number(duration(Decimal::from(seconds))).exactly(Exact::Integer(seconds)),
        None if is_list => Cell::number("nothing proven yet"),
        None => Cell::number("nothing due"),
    };
    let next_run = poller.next_run_at.map(|at| {
        let text = if zoned.since(at).is_some() { "due".to_owned() } else { zoned.distance(at) };
        Cell { text, ..zoned.cell(at) }
    });
    vec![
        Cell::link(format!("{} · {}", poller.source, poller.stream), format!("#{}", id(poller))),
        Cell { is_failing: poller.is_failing, ..Cell::text(poller.state.as_str().replace('_', " ")) },
        lag,
        minute(poller.complete_through, "nothing proven yet"),
        minute(poller.state_as_of, "unknown"),
        next_run.unwrap_or_else(|| Cell::text("–")),
        Cell::strip(strip(runs, zoned)),
    ]
}

/// Returns the runs, the oldest first.
fn strip(runs: &[Run], zoned: Zoned) -> Strip {
    let (step, width) = (1.0 / f64::from(RUNS), 0.8 / f64::from(RUNS));
    let mark = |(place, run): (usize, &Run)| {
        let verdict = run.verdict.as_deref().unwrap_or("running");
        let reason = run.reason.as_deref().or(run.error_class.as_deref());
        let reason = reason.map(|reason| format!(": {}", words::plain(reason))).unwrap_or_default();
        // what went wrong is also higher, so that colour alone says nothing
        let height = if verdict == "complete" { 7 } else { HEIGHT };
        Mark {
            class: colour(verdict).to_owned(),
            x: percent(as_place(place) * step),
            width: percent(width),
            y: HEIGHT - height,
            height,
            read: format!(
                "{} {}{reason}; {} new, {} changed",
                zoned.second(run.started_at),
                verdict.replace('_', " "),
                run.inserted_count,
                run.updated_count
            ),
        }
    };
    Strip { sentence: sentence(runs), height: HEIGHT, marks: runs.iter().rev().enumerate().map(mark).collect() }
}

/// Returns the class of a verdict; none is the colour of a provider.
fn colour(verdict: &str) -> &'static str {
    match verdict {
        "complete" => "c8",
        "incomplete" => "c7",
        "failed" => "bad",
        "rate_limited" => "c3",
        _ => "c0",
    }
}

fn sentence(runs: &[Run]) -> String {
    let complete = runs.iter().filter(|run| run.verdict.as_deref() == Some("complete")).count();
    match runs.len() {
        0 => "no run yet".to_owned(),
        1 => format!("the last run was {}complete", if complete == 1 { "" } else { "not " }),
        count => format!("{complete} of the last {count} runs were complete"),
    }
}

/// Returns a sentence with instants: as readers see them, and in UTC.
pub(super) fn dated(zoned: Zoned, write: impl Fn(&dyn Fn(DateTime<Utc>) -> String) -> String) -> Cell {
    let in_utc = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    Cell::text(write(&|at| zoned.minute(at))).exactly(Exact::Text(write(&in_utc)))
}

/// Returns a sentence with counts: as readers see them, and with plain digits.
fn counted(write: impl Fn(&dyn Fn(i64) -> String) -> String) -> Cell {
    Cell::text(write(&|count| grouped(Decimal::from(count), 0))).exactly(Exact::Text(write(&|count| count.to_string())))
}

fn facts(poller: &Poller, zoned: Zoned) -> Vec<(&'static str, Cell)> {
    let mut facts = Vec::new();
    let mut add = |name: &'static str, value: Option<Cell>| facts.extend(value.map(|value| (name, value)));
    let count = |count: i64| (count > 0).then(|| Cell { is_number: false, ..Cell::count(count) });
    let reasons: Vec<&str> = poller.failing_because.iter().copied().map(reason).collect();
    add("Look at it because", (!reasons.is_empty()).then(|| Cell::text(reasons.join("; "))));
    let paused = |pause: &Pause| dated(zoned, |at| format!("since {} by {}", at(pause.since), pause.by));
    add("Paused", poller.paused.as_ref().map(paused));
    let last = poller.last_success_at.map(|at| Cell { text: zoned.distance(at), ..zoned.cell(at) });
    add("Last complete run", last);
    add("Waits until", poller.parked_until.map(|at| zoned.minute_cell(at)));
    add("Last error", poller.last_error.as_ref().map(|error| last_error(error, zoned)));
    let windows = &poller.incomplete_windows;
    let first = |at: &dyn Fn(DateTime<Utc>) -> String| {
        let first = windows.first.first().map(|window| {
            let reason = words::plain(window.reason.as_deref().unwrap_or("not read yet"));
            format!(", first {} to {}: {reason}", at(window.from), at(window.to))
        });
        format!("{}{}", windows.count, first.unwrap_or_default())
    };
    add("Ranges not proven", (windows.count > 0).then(|| dated(zoned, first)));
    add("Accepted gaps", count(poller.accepted_windows.count));
    add("Rejected records", count(poller.open_reject_count));
    add("Unknown fields and values", count(poller.drift_count));
    let quota = poller.quota.as_ref().and_then(|quota| {
        let left = quota.remaining?;
        Some(counted(|count| {
            let whole = quota.quota.map(|whole| format!(" of {}", count(whole))).unwrap_or_default();
            format!("{}{whole} calls", count(left))
        }))
    });
    add("Quota left", quota);
    let tasks = poller.tasks.as_ref();
    add("Artifacts", tasks.map(|tasks| counted(|count| artifacts(tasks, count))));
    add("Will expire undrained", tasks.map(|tasks| Cell { is_number: false, ..Cell::count(tasks.will_expire) }));
    add("Advice", tasks.and_then(|tasks| tasks.advice).map(Cell::text));
    facts
}

/// Returns an error with its advice, which names keys of the configuration.
fn last_error(error: &LastError, zoned: Zoned) -> Cell {
    let sentence = |text: String| if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") };
    let detail = error.detail.as_deref().map(words::plain);
    let parts = [Some(words::plain(&error.class)), detail, error.advice.map(ToOwned::to_owned)];
    let parts: Vec<String> = parts.into_iter().flatten().map(sentence).collect();
    let text = words::capitalized(&parts.join(" "));
    Cell::text(zoned.instants(&text)).exactly(Exact::Text(text))
}

/// Returns the work list by state. What is due or owed is a part of what is pending.
fn artifacts(tasks: &Tasks, write: &dyn Fn(i64) -> String) -> String {
    let list = |states: &[(i64, &str)]| -> Vec<String> {
        let states = states.iter().filter(|(count, _)| *count > 0);
        states.map(|(count, state)| format!("{} {state}", write(*count))).collect()
    };
    let owed: i64 = tasks.owed.iter().map(|owed| owed.count).sum();
    let are_due = if tasks.due == 1 { "is due now" } else { "are due now" };
    let of_pending = list(&[(tasks.due, are_due), (owed, "owed because of errors")]).join(" and ");
    let pending = if of_pending.is_empty() { "pending".to_owned() } else { format!("pending (of which {of_pending})") };
    let states = list(&[
        (tasks.available, "available"),
        (tasks.pending, &pending),
        (tasks.empty, "empty"),
        (tasks.not_enabled, "not made"),
        (tasks.expired, "expired"),
        (tasks.failed, "given up"),
    ]);
    if states.is_empty() { "none".to_owned() } else { states.join(", ") }
}

fn reason(reason: FailingReason) -> &'static str {
    match reason {
        FailingReason::NoPoller => "no poller is alive",
        FailingReason::Stalled => "a run sends no sign of life, or none begins",
        FailingReason::FailedRuns => "runs failed since the last complete one",
        FailingReason::IncompleteWindows => "a range is not proven",
        FailingReason::ClockSkew => "a clock is off",
        FailingReason::Lag => "it is further behind than its source allows",
        FailingReason::Owed => "content is owed because of errors",
        FailingReason::GivenUp => "much content was given up",
    }
}
