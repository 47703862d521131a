//! A metric query as a JSON body.
//!
//! It is read by hand: derived rules stop at the first fault and do not say where it is. Unknown fields are
//! faults, since ignoring a mistyped filter would answer a different query.

use serde_json::Value;

use crate::api::metrics::question::raw_query::{CompareSaid, FilterSaid, RawQuery, TopSaid};
use crate::api::metrics::question::schema::{
    MetricQuestion, QuestionComparison, QuestionFilter, QuestionPeriod, QuestionTime, QuestionTop,
};
use crate::api::parameters::time::TimeSaid;
use crate::api::parameters::{FaultLocation, Faults, Said, pointer_to};
use crate::model::request_body::{Given, RequestBody};

/// Reads the object at the pointer `within` of a body.
pub(crate) fn read(body: &Value, within: &str, faults: &mut Faults) -> RawQuery {
    match object::<MetricQuestion>(body, within, faults) {
        Some(question) => RawQuery { within: within.to_owned(), ..query(&question, faults) },
        None => RawQuery { is_body: true, within: within.to_owned(), ..RawQuery::default() },
    }
}

/// Reads the fields of a body.
pub(crate) fn query(question: &MetricQuestion, faults: &mut Faults) -> RawQuery {
    let mut raw_query = RawQuery {
        is_body: true,
        metrics: texts(&question.metrics, faults).unwrap_or_default(),
        dimensions: texts(&question.dimensions, faults).unwrap_or_default(),
        totals_by: texts(&question.totals_by, faults).unwrap_or_default(),
        includes_deleted: flag(&question.include_deleted, faults),
        attribution: text(&question.attribution, faults),
        require_fresh: text(&question.require_fresh, faults),
        as_known_at: text(&question.as_known_at, faults),
        order_by: text(&question.order_by, faults),
        limit: number(&question.limit, faults),
        shape: text(&question.shape, faults),
        titles: flag(&question.titles, faults),
        ..RawQuery::default()
    };
    if let Some(time) = object_in::<QuestionTime>(&question.time, faults) {
        raw_query.granularity = text(&time.granularity, faults);
        raw_query.time = TimeSaid {
            range: text(&time.range, faults),
            from: text(&time.from, faults),
            to: text(&time.to, faults),
            zone: text(&time.zone, faults),
        };
    }
    if let Some(compare) = object_in::<QuestionComparison>(&question.compare, faults) {
        let range = object_in::<QuestionPeriod>(&compare.range, faults);
        let end = |of: fn(&QuestionPeriod) -> &Given, faults: &mut Faults| text(of(range.as_ref()?), faults);
        raw_query.compare = Some(CompareSaid {
            to: text(&compare.to, faults),
            from: end(|range| &range.from, faults),
            until: end(|range| &range.to, faults),
            align: text(&compare.align, faults),
            elapsed: text(&compare.elapsed, faults),
            at: location(&compare.to),
        });
    }
    if let Some(top) = object_in::<QuestionTop>(&question.top, faults) {
        raw_query.top = Some(TopSaid {
            dimension: text(&top.dimension, faults),
            by: text(&top.by, faults),
            count: number(&top.n, faults),
            includes_missing: flag(&top.include_missing, faults),
            at: location(&question.top),
        });
    }
    raw_query.filters = filters(&question.filters, faults);
    raw_query
}

fn filters(given: &Given, faults: &mut Faults) -> Vec<FilterSaid> {
    let mut filters = Vec::new();
    for (place, value) in list(given, faults).into_iter().flatten().enumerate() {
        let pointer = format!("{}/{place}", given.pointer());
        let Some(filter) = object::<QuestionFilter>(value, &pointer, faults) else { continue };
        let Some(field) = text(&filter.field, faults) else {
            if filter.field.value.is_none() {
                let detail = "The condition has no `field`; name a dimension.";
                faults.note(location(&filter.field), "missing_field", detail);
            }
            continue;
        };
        let (op, values) = (text(&filter.op, faults), texts(&filter.values, faults));
        filters.push(FilterSaid { field, op, values, at: FaultLocation::Pointer(pointer) });
    }
    filters
}

/// Returns the location of a field.
pub(crate) fn location(given: &Given) -> FaultLocation {
    FaultLocation::Pointer(given.pointer())
}

/// Reads the object at `pointer`, and notes its unknown fields.
fn object<T: RequestBody>(value: &Value, pointer: &str, faults: &mut Faults) -> Option<T> {
    let Value::Object(map) = value else {
        let detail = format!("The value must be an object, not {}.", kind(value));
        faults.note(FaultLocation::Pointer(pointer.to_owned()), "wrong_type", detail);
        return None;
    };
    note_unknown_fields(map.keys(), pointer, T::FIELDS, faults);
    Some(T::of(map, pointer))
}

/// Notes those of the `fields` of the object at `pointer` that are not among the `known` ones.
pub(crate) fn note_unknown_fields<'n>(
    fields: impl Iterator<Item = &'n String>,
    pointer: &str,
    known: &[&str],
    faults: &mut Faults,
) {
    for name in fields.filter(|name| !known.contains(&name.as_str())) {
        let at = FaultLocation::Pointer(pointer_to(pointer, name));
        faults.note_unknown(at, "unknown_field", name, known.iter().copied());
    }
}

fn object_in<T: RequestBody>(given: &Given, faults: &mut Faults) -> Option<T> {
    object(given.value.as_ref()?, &given.pointer(), faults)
}

fn list<'v>(given: &'v Given, faults: &mut Faults) -> Option<&'v Vec<Value>> {
    let value = given.value.as_ref()?;
    value.as_array().or_else(|| wrong_type(location(given), "a list", value, faults))
}

/// Reads a list of texts and removes duplicates.
fn texts(given: &Given, faults: &mut Faults) -> Option<Vec<Said>> {
    let mut texts: Vec<Said> = Vec::new();
    for (place, value) in list(given, faults)?.iter().enumerate() {
        let at = FaultLocation::Pointer(format!("{}/{place}", given.pointer()));
        // a group value is a text in every response, even where it is a number
        let said = match value {
            Value::Number(number) => Some(Said { at, text: number.to_string() }),
            other => usable(at, other, faults),
        };
        texts.extend(said.filter(|said| !texts.iter().any(|other| other.text == said.text)));
    }
    Some(texts)
}

fn text(given: &Given, faults: &mut Faults) -> Option<Said> {
    usable(location(given), given.value.as_ref()?, faults)
}

fn number(given: &Given, faults: &mut Faults) -> Option<Said> {
    match given.value.as_ref()? {
        Value::Number(number) => Some(Said { at: location(given), text: number.to_string() }),
        other => wrong_type(location(given), "a number", other, faults),
    }
}

fn flag(given: &Given, faults: &mut Faults) -> Option<Said> {
    match given.value.as_ref()? {
        Value::Bool(flag) => Some(Said { at: location(given), text: flag.to_string() }),
        other => wrong_type(location(given), "true or false", other, faults),
    }
}

fn usable(at: FaultLocation, value: &Value, faults: &mut Faults) -> Option<Said> {
    match value {
        Value::String(text) if text.trim().is_empty() || text.contains('\0') => {
            faults.note(at, "empty_value", "The value is not usable; omit it instead.");
            None
        }
        Value::String(text) => Some(Said { at, text: text.clone() }),
        other => wrong_type(at, "a text", other, faults),
    }
}

fn wrong_type<T>(at: FaultLocation, wanted: &str, value: &Value, faults: &mut Faults) -> Option<T> {
    faults.note(at, "wrong_type", format!("The value must be {wanted}, not {}.", kind(value)));
    None
}

/// Names the type of a value; never the value itself, which may be long.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
