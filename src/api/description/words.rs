//! Closed lists of words: one schema each, to which the parameters and fields that take these words refer.
//!
//! The words come from where they are read, so that the description cannot differ from what is accepted.

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

use crate::api::metrics::explain::COMPARED;
use crate::api::metrics::question::conditions::OPS;
use crate::model::action::ActionKind;
use crate::model::api_key::Scope;
use crate::model::session::{SessionKind, SessionState};
use crate::model::session_outcome::SessionOutcome;
use crate::model::stream::Stream;
use crate::query::bucket::Granularity;
use crate::query::metrics::compare::CompareTo;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::filter::is_filterable;
use crate::query::metrics::registry::metrics;
use crate::query::metrics::status::BucketStatus;
use crate::query::metrics::time_column::Attribution;
use crate::query::sessions::list::SessionOrder;
use crate::query::{actions, audit, backfills, drift, ledger, reconciliations, runs, windows};

/// Returns the closed lists: the name of the schema, its description, and the words.
fn lists() -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    let reasons = ["not_applicable", "not_fetched", "handoff_mapping_missing", "unknown", "no_data"];
    let reasons = reasons.into_iter().chain(BucketStatus::ALL.map(BucketStatus::as_str)).collect::<Vec<_>>();
    let previous = reasons.iter().copied().chain(["no_counterpart"]).collect();
    let dimensions = || Dimension::ALL.into_iter();
    let fields = dimensions().filter(|dimension| is_filterable(*dimension));
    let grouping = dimensions().map(Dimension::as_str).chain(["hour_of_week"]).collect();
    let granularities = Granularity::ALL.map(Granularity::as_str).into_iter().chain(["auto"]).collect();
    vec![
        ("MetricId", "A metric; `/v1/metrics` states its meaning.", metrics().map(|metric| metric.id).collect()),
        ("Dimension", "An attribute to group by.", dimensions().map(Dimension::as_str).collect()),
        ("FilterField", "A dimension of sessions, which conditions can test.", fields.map(Dimension::as_str).collect()),
        ("ConcurrencyGroup", "A dimension, or the hour of the week.", grouping),
        ("Granularity", "Size of the buckets; `auto`: up to 200 of them.", granularities),
        (
            "Attribution",
            "Bucket in which a session across several buckets counts; `spread`: all of them, in parts.",
            Attribution::ALL.map(Attribution::as_str).to_vec(),
        ),
        ("CompareTo", "A kind of period to compare with.", CompareTo::NAMES.to_vec()),
        ("ExplainedPeriod", "A period to compare with.", COMPARED.to_vec()),
        ("Align", "`weekday`: each day is compared with one of the same day of the week.", vec!["calendar", "weekday"]),
        ("Elapsed", "`same`: of a range that is not over, only the elapsed part is compared.", vec!["full", "same"]),
        ("FilterOp", "A test; `not_in` keeps sessions without a value.", OPS.to_vec()),
        ("Form", "Form of the response.", vec!["json", "csv", "ndjson", "parquet"]),
        ("Reason", "Reason for a missing value; besides five of its own, the status of its bucket.", reasons),
        ("PreviousReason", "As `Reason`; `no_counterpart`: the previous period has no such bucket.", previous),
        ("Stream", "A kind of record polled from a source.", Stream::ALL.map(Stream::as_str).to_vec()),
        ("ListStream", "A stream that lists sessions.", Stream::LISTING.map(Stream::as_str).to_vec()),
        ("Verdict", "The end of a run; `complete` means proven.", runs::VERDICTS.to_vec()),
        ("DriftKind", "What was unknown or unreadable.", drift::KINDS.to_vec()),
        (
            "WindowState",
            "Proof of a range; `accepted`: doubtful, and accepted by an operator.",
            windows::STATES.to_vec(),
        ),
        ("BackfillState", "State of a backfill; `done`: every unit is proven.", backfills::STATES.to_vec()),
        ("ReconciliationState", "Result of a comparison with the provider's counts.", reconciliations::STATES.to_vec()),
        ("ActionKind", "A call that starts something.", ActionKind::ALL.map(ActionKind::as_str).to_vec()),
        ("ActionState", "Outcome of a call; `unknown`: it may have been started.", actions::STATES.to_vec()),
        ("AuditKind", "Kind of an audit entry.", audit::KINDS.to_vec()),
        ("Scope", "What a key may do.", Scope::ALL.map(Scope::as_str).to_vec()),
        (
            "SessionOutcome",
            "Outcome of a session; `not_applicable`: its provider has no outcomes.",
            SessionOutcome::ALL.map(SessionOutcome::as_str).to_vec(),
        ),
        ("SessionKind", "Kind of a session.", SessionKind::ALL.map(SessionKind::as_str).to_vec()),
        ("SessionState", "State of a session.", SessionState::ALL.map(SessionState::as_str).to_vec()),
        ("SessionOrder", "Sort order; `-`: the greatest first.", SessionOrder::WORDS.to_vec()),
        ("Shape", "Shape of a JSON response.", vec!["rows", "series"]),
        ("Numbers", "Type of numbers in Parquet.", vec!["double", "decimal"]),
        ("MinutesKind", "Kind of minutes.", ledger::KINDS.to_vec()),
        ("Resolved", "Which rejected records.", vec!["true", "false", "all"]),
    ]
}

/// Returns the schemas of all closed lists, by name.
pub(super) fn schemas() -> impl Iterator<Item = (String, RefOr<Schema>)> {
    lists().into_iter().map(|(name, description, words)| {
        let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words));
        (name.to_owned(), schema.description(Some(description)).into())
    })
}
