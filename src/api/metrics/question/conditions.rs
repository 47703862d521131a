//! Conditions on sessions, turned into a filter.
//!
//! Platforms and accounts are checked against the configured ones, and closed lists against their words. Other
//! values are open lists, since providers invent them. Where all values are known, "none of these" becomes "one
//! of the others".

use crate::api::metrics::question::raw_query::FilterSaid;
use crate::api::parameters::{FaultLocation, Faults, Said};
use crate::model::session::{SessionKind, SessionState};
use crate::model::session_outcome::SessionOutcome;
use crate::query::catalog::Catalog;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::filter::{Condition, MetricFilter, Test, is_filterable};
use crate::query::metrics::measure::Metric;

/// Tests of a condition.
pub(crate) const OPS: [&str; 6] = ["in", "not_in", "is_null", "is_not_null", "contains", "starts_with"];

/// Reads the conditions of a query.
pub(crate) fn read(filters: &[FilterSaid], catalog: &Catalog, faults: &mut Faults) -> MetricFilter {
    let mut filter = MetricFilter::default();
    for said in filters {
        let takes_values = said.op.as_ref().is_some_and(|op| !matches!(op.text.as_str(), "is_null" | "is_not_null"));
        if takes_values && said.values.is_none() && matches!(said.at, FaultLocation::Parameter(_)) {
            let detail = "The value begins like JSON and is neither an array of texts, such as [\"a, b\",\"c\"], nor, for \
                          parts of texts, an object of fields and such arrays.";
            faults.note(&said.at, "not_json", detail);
            continue;
        }
        let (field, test) = (field(&said.field, faults), test(said, faults));
        let Some((field, test)) = field.zip(test) else { continue };
        let known = known_values(field, catalog);
        let test = match known {
            Some(known) => closed(said, test, &known, faults),
            None => Some(test),
        };
        match test {
            Some(Test::In(values)) if field == Dimension::Provider => {
                narrow(&mut filter.sources.providers, values, said, faults);
            }
            Some(Test::In(values)) if field == Dimension::Source => {
                narrow(&mut filter.sources.sources, values, said, faults);
            }
            Some(_) if matches!(field, Dimension::Provider | Dimension::Source) => {
                let detail = format!("Every session has a `{}`; use `in` or `not_in`.", field.as_str());
                faults.note(&said.at, "never_null", detail);
            }
            Some(test) => filter.conditions.push(Condition { field, test }),
            None => {}
        }
    }
    filter.sources.sources = catalog.access.filter(filter.sources.sources);
    filter
}

/// Refuses conditions on sessions for a metric that is not about sessions.
pub(super) fn check(filters: &[FilterSaid], metrics: &[&Metric], faults: &mut Faults) {
    let is_of_sessions = |field: Dimension| !matches!(field, Dimension::Provider | Dimension::Source);
    let chosen = filters.iter().filter(|said| Dimension::parse(&said.field.text).is_some_and(is_of_sessions));
    for said in chosen {
        for metric in metrics.iter().filter(|metric| !metric.is_of_sessions()) {
            let (id, name) = (metric.id, &said.field.text);
            let detail = format!(
                "`{id}` counts {}, which have no `{name}`; filter by provider or source, or query `{id}` separately.",
                metric.grain.as_str()
            );
            faults.note(&said.at, "not_of_sessions", detail);
        }
    }
}

fn field(said: &Said, faults: &mut Faults) -> Option<Dimension> {
    let field = Dimension::parse(&said.text);
    let is_usable = field.is_some_and(is_filterable);
    if !is_usable {
        let allowed: Vec<&str> =
            Dimension::ALL.into_iter().filter(|field| is_filterable(*field)).map(Dimension::as_str).collect();
        let code = if field.is_some() { "not_filterable" } else { "unknown_filter_field" };
        faults.note_unknown(&said.at, code, &said.text, allowed);
    }
    field.filter(|_| is_usable)
}

fn test(said: &FilterSaid, faults: &mut Faults) -> Option<Test> {
    let op = said.op.as_ref().map_or("in", |op| op.text.as_str());
    let values = || said.values.iter().flatten().map(|value| value.text.clone()).collect::<Vec<_>>();
    let test = match op {
        "in" => Test::In(values()),
        "not_in" => Test::NotIn(values()),
        "is_null" => Test::IsNull,
        "is_not_null" => Test::IsNotNull,
        "contains" => Test::Contains(values()),
        "starts_with" => Test::StartsWith(values()),
        other => {
            let at = said.op.as_ref().map_or(&said.at, |op| &op.at);
            faults.note_unknown(at, "unknown_op", other, OPS);
            return None;
        }
    };
    let wants_values = !matches!(test, Test::IsNull | Test::IsNotNull);
    if wants_values && test.values().is_empty() {
        let detail = match &said.at {
            FaultLocation::Parameter(name) => {
                format!("`{name}` needs a value; `missing` selects sessions without one.")
            }
            FaultLocation::Pointer(_) => {
                format!("`{op}` needs at least one of `values`; `is_null` selects sessions without a value.")
            }
        };
        faults.note(&said.at, "missing_values", detail);
        return None;
    }
    if !wants_values && said.values.is_some() {
        faults.note(&said.at, "unexpected_values", format!("`{op}` takes no `values`."));
        return None;
    }
    Some(test)
}

/// Returns all values of a field, where they are known.
fn known_values(field: Dimension, catalog: &Catalog) -> Option<Vec<String>> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Some(match field {
        Dimension::Provider => catalog.providers().into_iter().map(ToOwned::to_owned).collect(),
        Dimension::Source => catalog.sources.iter().map(|source| source.source.clone()).collect(),
        Dimension::Outcome => words(&SessionOutcome::ALL.map(SessionOutcome::as_str)),
        Dimension::SessionKind => words(&SessionKind::ALL.map(SessionKind::as_str)),
        Dimension::SessionState => words(&SessionState::ALL.map(SessionState::as_str)),
        _ => return None,
    })
}

/// Checks the values of a closed list, and turns "none of these" and parts of texts into "one of these".
fn closed(said: &FilterSaid, test: Test, known: &[String], faults: &mut Faults) -> Option<Test> {
    let chosen = |passes: &dyn Fn(&str) -> bool| known.iter().filter(|value| passes(value)).cloned().collect();
    let among = |parts: &[String], is: fn(&str, &str) -> bool| -> Vec<String> {
        let parts: Vec<String> = parts.iter().map(|part| part.to_lowercase()).collect();
        chosen(&|value| parts.iter().any(|part| is(&value.to_lowercase(), part)))
    };
    let left = match &test {
        Test::Contains(parts) => Some(among(parts, |value, part| value.contains(part))),
        Test::StartsWith(parts) => Some(among(parts, |value, part| value.starts_with(part))),
        _ => None,
    };
    if let Some(left) = left {
        if left.is_empty() {
            let detail = format!("No `{}` has this text; the values are {}.", said.field.text, known.join(", "));
            faults.note(&said.at, "nothing_left", detail);
        }
        return Some(left).filter(|left| !left.is_empty()).map(Test::In);
    }
    let mut is_known = true;
    for value in said.values.iter().flatten().filter(|value| !known.contains(&value.text)) {
        faults.note_unknown(&value.at, "unknown_value", &value.text, known.iter().map(String::as_str));
        is_known = false;
    }
    match test {
        _ if !is_known => None,
        Test::NotIn(values) => {
            let others: Vec<String> = known.iter().filter(|value| !values.contains(value)).cloned().collect();
            if others.is_empty() {
                faults.note(&said.at, "nothing_left", format!("The condition excludes every `{}`.", said.field.text));
            }
            Some(others).filter(|others| !others.is_empty()).map(Test::In)
        }
        test => Some(test),
    }
}

/// Intersects the values of several conditions on one field: all must be met.
fn narrow(chosen: &mut Vec<String>, values: Vec<String>, said: &FilterSaid, faults: &mut Faults) {
    if chosen.is_empty() {
        *chosen = values;
        return;
    }
    chosen.retain(|value| values.contains(value));
    if chosen.is_empty() {
        faults.note(&said.at, "nothing_left", format!("The conditions together exclude every `{}`.", said.field.text));
    }
}
