//! The figures of one session, and where each comes from.

use rust_decimal::Decimal;

use crate::api::formats::cell::Cell as Exact;
use crate::query::number::Number;
use crate::query::provenance::{Change, Provenance};
use crate::query::sessions::Session;
use crate::web::figure::{duration, grouped, short};
use crate::web::table::{Cell, Table};
use crate::web::zoned::Zoned;

const STATED: &str = "stated by the provider";

/// The figures of a session: name, value, and where it comes from.
struct Facts(Vec<Vec<Cell>>);

impl Facts {
    fn add(&mut self, name: &str, value: Option<Cell>, origin: &str) {
        let value = value.unwrap_or_else(|| Cell::text("unknown"));
        self.0.push(vec![Cell::text(name), value, Cell::text(origin)]);
    }
}

fn count(count: i32) -> Cell {
    Cell::text(grouped(Decimal::from(count), 0)).exactly(Exact::Integer(count.into()))
}

fn minutes(minutes: Number) -> Cell {
    Cell::text(short(minutes.0)).exactly(Exact::Decimal(minutes.0))
}

/// Returns the figures of a session: name, value, and where it comes from.
pub(super) fn table(session: &Session, zoned: Zoned) -> Table {
    let mut facts = Facts(Vec::new());
    times(&mut facts, session, zoned);
    for (name, text) in [
        ("Channel", &session.channel),
        ("Skill", &session.skill_type),
        ("Avatar", &session.avatar_id),
        ("Meeting", &session.meeting_id),
    ] {
        if let Some(text) = text {
            facts.add(name, Some(Cell::text(text)), STATED);
        }
    }
    parts(&mut facts, session);
    Table { head: ["Figure", "Value", "Where it comes from"].map(Cell::text).into(), rows: facts.0, ends: None }
}

/// Adds when a session began and ended, and its state.
fn times(facts: &mut Facts, session: &Session, zoned: Zoned) {
    let at = |at: Option<chrono::DateTime<chrono::Utc>>| at.map(|at| zoned.cell(at));
    facts.add("Began", at(Some(session.started_at)), STATED);
    let end = match session.ended_at_source.as_deref() {
        Some("duration") => "computed: start plus length",
        _ if session.is_provisional => "not over: it may still change",
        _ => STATED,
    };
    let not_yet = || session.is_provisional.then(|| Cell::text("not yet"));
    facts.add("Ended", at(session.ended_at).or_else(not_yet), end);
    let of_length = if is_running(session) { "computed: from the start until now" } else { STATED };
    let text = Cell::text(length(session, zoned));
    let exact = session.duration_seconds.map(|seconds| Exact::Decimal(seconds.0));
    facts.add("Length", Some(Cell { exact, ..text }), of_length);
    let state = session
        .provider_status
        .as_ref()
        .map_or("no status was stated".to_owned(), |status| format!("from the provider's status “{status}”"));
    facts.add("State", Some(Cell::text(session.session_state.replace('_', " "))), &state);
    if session.outcome != "not_applicable" {
        let flag = if session.is_flagged_unresolved == Some(true) { ", flagged as unresolved" } else { "" };
        let origin = format!("from completion and flag of the provider{flag}");
        facts.add("Outcome", Some(Cell::text(&session.outcome)), &origin);
        facts.add("Completed", at(session.completed_at), STATED);
    }
}

/// Adds what is metered, and what is counted from the parts of a session.
fn parts(facts: &mut Facts, session: &Session) {
    match session.minutes_basis.as_deref() {
        Some(basis) => {
            let origin = format!("metered by the provider, by {}", basis.replace('_', " "));
            facts.add("Minutes", session.minutes_consumed.map(minutes), &origin);
        }
        None => facts.add("Minutes", Some(Cell::text("not applicable")), "the provider meters none"),
    }
    if session.participant_count.is_some() {
        facts.add("People", session.person_count.map(count), "counted from the stored presences");
        let sum = "sum of the lengths of the presences";
        facts.add("Participant minutes", session.participant_minutes.map(minutes), sum);
        let class = session.unexplained_minutes_class.as_deref().unwrap_or("none").replace('_', " ");
        let origin = format!("metered minutes less participant minutes; class: {class}");
        facts.add("Unexplained minutes", session.unexplained_minutes.map(minutes), &origin);
    }
    if session.message_count.is_some() {
        facts.add("Messages", session.message_count.map(count), "counted from the stored messages");
        let length = |seconds: Number| Cell::text(duration(seconds.0)).exactly(Exact::Decimal(seconds.0));
        let first = session.first_response_seconds.map(length);
        facts.add("First response", first, "first message of the customer to the first reply");
    }
}

fn is_running(session: &Session) -> bool {
    session.is_provisional && session.duration_seconds.is_none()
}

/// Returns the length of a session. One that runs has a length so far, which is not the same as an unknown one.
pub(super) fn length(session: &Session, zoned: Zoned) -> String {
    match session.duration_seconds {
        Some(seconds) => duration(seconds.0),
        None if is_running(session) => zoned
            .since(session.started_at)
            .map_or_else(|| "in progress".to_owned(), |so_far| format!("{so_far} so far")),
        None => "unknown".to_owned(),
    }
}

/// Returns the record that the figures come from.
pub(super) fn record(found: &Provenance, zoned: Zoned) -> Table {
    let text = |value: Option<String>| value.map(Cell::text);
    let at = |at: Option<chrono::DateTime<chrono::Utc>>| at.map(|at| zoned.cell(at));
    let facts = [
        ("Record", text(Some(format!("SHA-256 {}…", found.content_hash)))),
        ("First stored", at(Some(found.first_seen_at))),
        ("Last changed here", at(Some(found.last_changed_at))),
        ("Fetched by run", text(found.content_run_id.map(|run| run.to_string()))),
        ("Requested", at(found.fetched_at)),
        ("Changed at the provider", at(found.provider_updated_at)),
        ("Version of the rules", text(found.mapping_version.map(|version| version.to_string()))),
        ("Not found since", at(found.first_missed_at)),
    ];
    let rows = facts.into_iter().filter_map(|(name, value)| Some(vec![Cell::text(name), value?])).collect();
    Table { head: ["Fact", "Value"].map(Cell::text).into(), rows, ends: None }
}

/// Returns the changes of a session.
pub(super) fn changes(changes: &[Change], zoned: Zoned) -> Table {
    let row = |change: &Change| {
        let field = change.field.trim_end_matches("_seconds");
        let is_length = field != change.field;
        let value = |stored: &Option<String>| {
            let Some(stored) = stored else { return Cell::text("unknown") };
            let length = stored.parse::<Decimal>().ok().filter(|_| is_length).map(duration);
            Cell::text(length.unwrap_or_else(|| zoned.instants(stored))).exactly(Exact::Text(stored.clone()))
        };
        vec![
            zoned.cell(change.changed_at),
            Cell::text(field.replace('_', " ")).exactly(Exact::Text(change.field.replace('_', " "))),
            value(&change.old),
            value(&change.new),
            Cell::text(change.run_id.to_string()),
        ]
    };
    let head = ["Stored", "Field", "Before", "After", "Run"].map(Cell::text).into();
    Table { head, rows: changes.iter().map(row).collect(), ends: None }
}
