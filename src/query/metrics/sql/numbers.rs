//! The numbers of a metric as SQL: value, rows behind it, and unknown rows.
//!
//! All of them follow from the definition of the metric. A row has a value, is unknown, is both (a part of its data is
//! missing), or is excluded.

use crate::query::catalog::Source;
use crate::query::metrics::column::prelude::*;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Known, Measure, Metric, Term};
use crate::query::metrics::plan::{Scan, is_session_untimed};
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::requires::Applicability;
use crate::query::metrics::sql::counted::Counted;
use crate::query::metrics::sql::statement::Statement;
use crate::query::metrics::time_column::Attribution;
use crate::query::number::Number;

/// Digits to which a sum of decimals is rounded: more than an answer has, so that it is rounded once.
const DIGITS: u32 = 12;

/// The SQL of the three numbers of a metric in a scan.
pub(super) struct Numbers {
    /// The value, or the numerator of a ratio; numeric.
    pub(super) value: String,
    /// The rows behind the value, or the denominator; numeric.
    pub(super) known: String,
    /// The rows without data; bigint.
    pub(super) unknown: String,
}

/// Returns the condition for rows that have a value; `None`: all rows do.
pub(super) fn is_known(metric: &Metric) -> Option<String> {
    let about = metric.about.map(|about| about.to_string());
    match metric.known {
        Known::All => about,
        Known::Has(of) => both(about, Some(format!("{of} is not null"))),
        Known::If(known) => Some(known.to_string()),
    }
}

/// Returns the condition for unknown rows; `None`: no row is unknown.
pub(super) fn is_unknown(metric: &Metric) -> Option<String> {
    unknown_rows(metric, &|expr| expr.to_string())
}

/// Returns the same, with expressions as `write` writes them.
pub(crate) fn unknown_rows(metric: &Metric, write: &impl Fn(Expr) -> String) -> Option<String> {
    let lacks = match metric.known {
        Known::All => None,
        Known::Has(of) => Some(format!("{} is null", write(of))),
        Known::If(known) => Some(format!("({}) is not true", write(known))),
    };
    let lacks = match (lacks, metric.is_partial.map(write)) {
        (Some(lacks), Some(partial)) => Some(format!("({lacks} or {partial})")),
        (lacks, partial) => lacks.or(partial),
    };
    lacks.and_then(|lacks| both(metric.about.map(write), Some(lacks)))
}

fn both(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => Some(format!("{one} and {other}")),
        (one, other) => one.or(other),
    }
}

impl Numbers {
    /// The count of unknown rows where no row can be unknown.
    pub(super) const NO_UNKNOWN: &str = "0::bigint";

    /// Returns the numbers of a metric over the rows of a scan.
    pub(super) fn of(metric: &Metric, scan: &Scan) -> Self {
        if scan.untimed.is_some() {
            return Self { unknown: count_untimed(metric), ..Self::none() };
        }
        let counted = Counted::of(scan);
        let numbers = Self {
            value: value(metric, counted),
            known: format!("({})::numeric", denominator(metric, counted)),
            unknown: count_unknown(metric, counted, ""),
        };
        if !scan.is_spread {
            return numbers;
        }
        let amount = match metric.measure {
            Measure::Total(Term::RowsIf(counted)) => format!("({counted})::int"),
            Measure::Total(Term::Sum(of) | Term::Decimals(of)) => of.to_string(),
            Measure::Total(Term::Minutes(of)) => format!("{of} / 60"),
            _ => "1".to_owned(),
        };
        // A session is unknown once, where it began.
        let unknown = count_unknown(metric, counted, "s.started_at >= b.bucket_start");
        // the parts of a session are added up over many buckets, and must still make the whole
        let digits = Number::QUOTIENT_DIGITS;
        Self { value: format!("round(sum(({amount}) * f.part), {digits})"), unknown, ..numbers }
    }

    /// Returns the numbers of sessions that are unknown because their data were never read or their time is unknown.
    pub(super) fn missed(metric: &Metric, attribution: Attribution, counted: Counted) -> Self {
        let Some(condition) = is_missed(metric, attribution) else { return Self::none() };
        let unknown = match metric.grain.unread_items() {
            None => counted.count(Some(&condition)),
            Some(items) => format!("coalesce(sum({items}) filter (where {condition}), 0)::bigint"),
        };
        Self { unknown, ..Self::none() }
    }

    fn none() -> Self {
        let [value, known, unknown] = ["null::numeric", "0::numeric", Self::NO_UNKNOWN].map(ToOwned::to_owned);
        Self { value, known, unknown }
    }

    /// Returns them as columns of a statement.
    pub(super) fn columns(&self) -> String {
        format!("{}, {}, {}", self.value, self.known, self.unknown)
    }
}

/// Returns the condition for sessions that are unknown at their start, because their rows were never read or their
/// time is unknown.
fn is_missed(metric: &Metric, attribution: Attribution) -> Option<String> {
    let untimed = is_session_untimed(metric, attribution);
    metric
        .grain
        .is_unread()
        .map(|unread| unread.to_string())
        .or(untimed.map(|untimed| untimed_and_about(metric, untimed)))
}

/// Returns the condition for rows without a time that the metric may be about. What depends on the time is not known.
fn untimed_and_about(metric: &Metric, untimed: Expr) -> String {
    match metric.about {
        Some(about) => format!("{untimed} and ({about}) is not false"),
        None => untimed.to_string(),
    }
}

/// Returns the condition for rows of a session, such as messages, that lack their time or the data of the metric;
/// `None`: no row does. If none lacks its time (`has_untimed`), only the data count.
pub(super) fn is_row_unknown(metric: &Metric, attribution: Attribution, has_untimed: bool) -> Option<String> {
    let untimed = metric.is_untimed(attribution).filter(|_| has_untimed);
    let untimed = untimed.map(|untimed| untimed_and_about(metric, untimed));
    match (untimed, is_unknown(metric)) {
        (Some(untimed), Some(unknown)) => Some(format!("{untimed} or {unknown}")),
        (untimed, unknown) => untimed.or(unknown),
    }
}

/// Returns the condition for sessions that began in the range and lack the data of a metric; `None`: no session does.
fn is_session_unknown(metric: &Metric, attribution: Attribution) -> Option<String> {
    let missed = is_missed(metric, attribution);
    let is_of_session = matches!(metric.grain, Grain::Sessions | Grain::Speakers);
    let Some(unknown) = is_unknown(metric).filter(|_| is_of_session) else { return missed };
    Some(match missed {
        // Only sessions that have the time are in a bucket.
        Some(missed) => {
            let at = metric.time_column_by(attribution).column(metric.grain);
            format!("{missed} or {at} is not null and {unknown}")
        }
        None => unknown,
    })
}

/// Returns the different conditions for sessions that lack the data for one of the metrics, each with the sources at
/// which it can be fulfilled.
fn all_lacking(query: &MetricQuery, sources: &[&Source]) -> Vec<(Vec<i32>, String)> {
    let mut all = Vec::new();
    for metric in &query.metrics {
        let Some(unknown) = is_session_unknown(metric, query.attribution) else { continue };
        let is_possible = |source: &&&Source| {
            metric.requires.of(source) == Applicability::Applicable && metric.grain.can_be_unknown_at(source)
        };
        let ids: Vec<i32> = sources.iter().filter(is_possible).map(|source| source.source_id).collect();
        let lacking = (ids, unknown);
        if !lacking.0.is_empty() && !all.contains(&lacking) {
            all.push(lacking);
        }
    }
    all
}

/// Returns the condition for sessions that lack the data for one of the metrics; `None`: no session can.
pub(crate) fn lacking(query: &MetricQuery, sources: &[&Source]) -> Option<Statement> {
    let lacks = |(ids, unknown): (Vec<i32>, String)| -> Statement {
        if ids.len() == sources.len() {
            return unknown.into();
        }
        let parts = [("ids", Statement::value(ids)), ("unknown", unknown.into())];
        Statement::fill("s.source_id = any({ids}) and ({unknown})", parts)
    };
    let either = |mut one: Statement, other: Statement| {
        one.push(" or ").append(other);
        one
    };
    all_lacking(query, sources).into_iter().map(lacks).reduce(either)
}

/// Returns the number of these sessions, of one source. A single condition is counted as the metric counts it, and the
/// source compared once.
pub(super) fn count_lacking(query: &MetricQuery, sources: &[&Source], counted: Counted) -> Statement {
    match &all_lacking(query, sources)[..] {
        [] => "0::bigint".into(),
        [(ids, unknown)] if ids.len() < sources.len() => Statement::fill(
            "case when s.source_id = any({ids}) then {count} else 0 end",
            [("ids", Statement::value(ids.clone())), ("count", counted.count(Some(unknown)).into())],
        ),
        _ => {
            let lacking = lacking(query, sources).unwrap_or_default();
            Statement::fill(&counted.count(Some("{lacking}")), [("lacking", lacking)])
        }
    }
}

/// Returns whether all sessions that lack data are without messages.
pub(super) fn lacks_messages_alone(query: &MetricQuery) -> bool {
    let mut metrics = query.metrics.iter().copied();
    metrics.all(|metric| metric.grain == Grain::Messages || is_session_unknown(metric, query.attribution).is_none())
}

fn count_unknown(metric: &Metric, counted: Counted, and: &str) -> String {
    let and = Some(and.to_owned()).filter(|and| !and.is_empty());
    let Some(condition) = is_unknown(metric) else { return Numbers::NO_UNKNOWN.to_owned() };
    let condition = both(and, Some(condition));
    match metric.missing_items {
        Some(items) => {
            format!("coalesce(sum({items}) filter (where {}), 0)::bigint", condition.unwrap_or_default())
        }
        None => counted.count(condition.as_deref()),
    }
}

fn count_untimed(metric: &Metric) -> String {
    match metric.about {
        Some(about) => format!("count(*) filter (where ({about}) is not false)"),
        None => "count(*)".to_owned(),
    }
}

/// Returns the number of rows that have a value.
pub(super) fn count_known(metric: &Metric, counted: Counted) -> String {
    match (counted, metric.known, metric.about) {
        (Counted::Rows(_), Known::Has(of), None) if metric.grain != Grain::Cohorts => format!("count({of})"),
        (Counted::Rows(_), Known::Has(of), Some(about)) => format!("count({of}) filter (where {about})"),
        _ => counted.count(is_known(metric).as_deref()),
    }
}

fn denominator(metric: &Metric, counted: Counted) -> String {
    match metric.measure {
        Measure::Ratio(_, below) => term(metric, below, counted),
        _ => count_known(metric, counted),
    }
}

fn value(metric: &Metric, counted: Counted) -> String {
    match metric.measure {
        Measure::Total(of) | Measure::Ratio(of, _) => match of {
            Term::Rows | Term::RowsIf(_) | Term::Sum(_) => format!("({})::numeric", term(metric, of, counted)),
            Term::Decimals(_) | Term::Minutes(_) => term(metric, of, counted),
        },
        Measure::Percentile(share, of) => {
            format!("round((percentile_cont({share}) within group (order by {of}){})::numeric, 6)", filter(metric, of))
        }
        Measure::Distinct(who, None) => format!("count(distinct {who})::numeric"),
        Measure::Distinct(who, Some(only)) => format!("count(distinct {who}) filter (where {only})::numeric"),
        Measure::State(only) => {
            format!("({})::numeric", counted.count(only.map(|is| is.to_string()).as_deref()))
        }
        Measure::Greatest(of) => format!("round(max({of}), 6)"),
        Measure::Peak | Measure::TimeAverage => "null::numeric".to_owned(),
    }
}

fn term(metric: &Metric, term: Term, counted: Counted) -> String {
    match term {
        Term::Rows => count_known(metric, counted),
        // Only rows that have a value fulfil it.
        Term::RowsIf(condition) => counted.count(Some(&condition.to_string())),
        Term::Sum(of) => format!("coalesce(sum({of}){}, 0)", filter(metric, of)),
        Term::Decimals(of) => format!("round(sum({of}){}, {DIGITS})", filter(metric, of)),
        Term::Minutes(of) => format!("round(sum({of}){} / 60, {DIGITS})", filter(metric, of)),
    }
}

/// Returns the filter of an aggregate over the rows that have a value. Aggregates skip nulls by themselves.
fn filter(metric: &Metric, of: Expr) -> String {
    let condition = match metric.known {
        Known::Has(known) if known == of => metric.about.map(|about| about.to_string()),
        _ => is_known(metric),
    };
    condition.map_or_else(String::new, |condition| format!(" filter (where {condition})"))
}

/// Returns the SQL of a row's own value in a percentile; null for rows without one.
pub(super) fn row_value(metric: &Metric, of: Expr) -> String {
    is_known(metric).map_or_else(|| of.to_string(), |known| format!("case when {known} then {of} end"))
}
