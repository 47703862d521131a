//! The figures of one session, and where each comes from.

use rust_decimal::Decimal;

use crate::api::formats::cell::Cell as Exact;
use crate::query::provenance::{Change, Provenance};
use crate::query::sessions::Session;
use crate::web::figure::{duration, grouped, short};
use crate::web::table::{Cell, Table};
use crate::web::zoned::Zoned;

/// Returns the figures of a session: name, value, and where it comes from.
pub(super) fn table(session: &Session, zoned: Zoned) -> Table {
    const STATED: &str = "stated by the provider";
    let mut rows = Vec::new();
    let mut add = |name: &str, value: Option<String>, origin: &str| {
        let value = value.unwrap_or_else(|| "unknown".to_owned());
        rows.push(vec![Cell::text(name), Cell::text(value), Cell::text(origin)]);
    };
    let at = |at: Option<chrono::DateTime<chrono::Utc>>| at.map(|at| zoned.second(at));
    let count = |count: Option<i32>| count.map(|count| grouped(Decimal::from(count), 0));
    add("Began", at(Some(session.started_at)), STATED);
    let end = match session.ended_at_source.as_deref() {
        Some("duration") => "computed: start plus length",
        _ if session.is_provisional => "not over: it may still change",
        _ => STATED,
    };
    add("Ended", at(session.ended_at), end);
    let of_length = if is_running(session) { "computed: from the start until now" } else { STATED };
    add("Length", Some(length(session, zoned)), of_length);
    let state = session
        .provider_status
        .as_ref()
        .map_or("no status was stated".to_owned(), |status| format!("from the provider's status “{status}”"));
    add("State", Some(session.session_state.replace('_', " ")), &state);
    if session.outcome != "not_applicable" {
        let flag = if session.is_flagged_unresolved == Some(true) { ", flagged as unresolved" } else { "" };
        let origin = format!("from completion and flag of the provider{flag}");
        add("Outcome", Some(session.outcome.clone()), &origin);
        add("Completed", at(session.completed_at), STATED);
    }
    match session.minutes_basis.as_deref() {
        Some(basis) => {
            let origin = format!("metered by the provider, by {}", basis.replace('_', " "));
            add("Minutes", session.minutes_consumed.map(|minutes| short(minutes.0)), &origin);
        }
        None => add("Minutes", Some("not applicable".to_owned()), "the provider meters none"),
    }
    if session.participant_count.is_some() {
        add("People", count(session.person_count), "counted from the stored presences");
        let minutes = session.participant_minutes.map(|minutes| short(minutes.0));
        add("Participant minutes", minutes, "sum of the lengths of the presences");
        let class = session.unexplained_minutes_class.as_deref().unwrap_or("none").replace('_', " ");
        let origin = format!("metered minutes less participant minutes; class: {class}");
        add("Unexplained minutes", session.unexplained_minutes.map(|minutes| short(minutes.0)), &origin);
    }
    if session.message_count.is_some() {
        add("Messages", count(session.message_count), "counted from the stored messages");
        let first = session.first_response_seconds.map(|seconds| duration(seconds.0));
        add("First response", first, "first message of the customer to the first reply");
    }
    Table { head: ["Figure", "Value", "Where it comes from"].map(Cell::text).into(), rows, ends: None }
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
