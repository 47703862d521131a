//! Types of parameters and fields, where their texts are more than texts.
//!
//! Parameters are read as texts, so that all faults are reported at once; here stands what each text is. A list is
//! comma-separated: for clients it is an array.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{
    AnyOfBuilder, Array, ArrayBuilder, ArrayItems, KnownFormat, Object, ObjectBuilder, OneOfBuilder, RefBuilder,
    SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{RefOr, Schema};

use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::filter::is_filterable;
use crate::query::metrics::query::{MAX_DIMENSIONS, MAX_METRICS, MAX_TOP};

/// What a parameter takes.
enum Takes {
    /// A word of a closed list.
    Word(&'static str),
    /// Words of a closed list, at most so many.
    Words(&'static str, Option<usize>),
    /// Texts.
    Texts,
    /// A date or an instant.
    Time,
    /// An instant.
    Instant,
    /// A named range.
    Range,
    /// An ISO 8601 duration.
    Duration,
    /// `true` or `false`.
    Flag,
    /// A number of groups.
    Top,
    /// Texts, each with its field: `field:text`.
    Parts,
}

/// Names of ranges; `MAX_LAST` bounds the number.
const RANGE: &str =
    "^(today|yesterday|last_([1-9][0-9]{0,3}|[12][0-9]{4})_(days|hours)|(this|previous)_(week|month|quarter|year))$";
/// Durations that are read.
const DURATION: &str = "^P([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+S)?)?$";

fn taken(operation: &str, name: &str) -> Option<Takes> {
    use Takes::{Duration, Flag, Instant, Parts, Range, Texts, Time, Top, Word, Words};
    Some(match (operation, name) {
        ("query_metrics" | "read_minutes" | "read_resolution" | "read_concurrency", "limit") | (_, "top") => Top,
        ("rename_source" | "merge_source", _)
        | (
            _,
            "order_by" | "limit" | "cursor" | "q" | "zone" | "group" | "strict" | "latest" | "dry_run"
            | "has_transcript",
        ) => {
            return None;
        }
        ("list_windows", "stream") => Words("ListStream", None),
        ("list_runs", "verdict") => Words("Verdict", None),
        ("list_drift", "kind") => Words("DriftKind", None),
        ("search_texts", "kind") => Words("HitKind", None),
        ("list_actions", "kind") => Words("ActionKind", None),
        ("list_audit", "kind") => Words("AuditKind", None),
        ("list_windows", "state") => Words("WindowState", None),
        ("list_backfills", "state") => Words("BackfillState", None),
        ("list_reconciliations", "state") => Words("ReconciliationState", None),
        ("list_actions", "state") => Words("ActionState", None),
        ("read_explanation" | "list_rows", "metrics") | (_, "top_by") => Word("MetricId"),
        ("pause_source" | "resume_source" | "start_runs", "stream") => Word("Stream"),
        ("read_concurrency", "by") => Words("ConcurrencyGroup", None),
        (_, "metrics") => Words("MetricId", Some(MAX_METRICS)),
        (_, "dimensions") => Words("Dimension", Some(MAX_DIMENSIONS)),
        (_, "totals_by" | "drivers") => Words("Dimension", None),
        (_, "missing" | "present") => Words("FilterField", None),
        (_, "top_dimension") => Word("Dimension"),
        (_, "contains" | "starts_with") => Parts,
        (_, "granularity") => Word("Granularity"),
        (_, "attribution") => Word("Attribution"),
        ("read_explanation", "compare") => Word("ExplainedPeriod"),
        (_, "compare") => Word("CompareTo"),
        (_, "align") => Word("Align"),
        (_, "elapsed") => Word("Elapsed"),
        (_, "format") => Word("Form"),
        (_, "sort") => Word("SessionOrder"),
        (_, "resolved") => Word("Resolved"),
        (_, "stream") => Words("Stream", None),
        (_, "scope") => Words("Scope", None),
        (_, "minutes_kind") => Words("MinutesKind", None),
        (_, "outcome" | "outcome_not") => Words("SessionOutcome", None),
        (_, "session_kind" | "session_kind_not") => Words("SessionKind", None),
        (_, "session_state" | "session_state_not") => Words("SessionState", None),
        (_, "shape") => Word("Shape"),
        (_, "numbers") => Word("Numbers"),
        (_, "include_deleted" | "titles" | "top_missing") => Flag,
        (_, "range") => Range,
        (_, "from" | "to" | "compare_from" | "compare_to" | "started_from" | "started_to" | "changed_since") => Time,
        (_, "as_known_at") => Instant,
        (_, "require_fresh") => Duration,
        _ => Texts,
    })
}

/// Returns whether several values may be given by repeating the parameter.
pub(crate) fn takes_several(name: &str) -> bool {
    matches!(taken("", name), Some(Takes::Words(..) | Takes::Texts))
}

/// Gives a parameter its type.
pub(super) fn typed(operation: &str, parameter: Parameter) -> Parameter {
    let takes = taken(operation, &parameter.name).filter(|_| parameter.parameter_in == ParameterIn::Query);
    let Some(takes) = takes else { return parameter };
    let of_words = |word, most| several(word_of(word, None)).max_items(most);
    let schema: RefOr<Schema> = match takes {
        Takes::Word(word) => word_of(word, None),
        Takes::Words(word, most) => of_words(word, most).into(),
        Takes::Texts => word_of("Texts", None),
        Takes::Parts => word_of("FieldTexts", None),
        Takes::Time => word_of("DateOrInstant", None),
        Takes::Instant => formatted(KnownFormat::DateTime),
        Takes::Range => text().pattern(Some(RANGE)).into(),
        Takes::Duration => text().pattern(Some(DURATION)).into(),
        Takes::Flag => ObjectBuilder::new().schema_type(Type::Boolean).into(),
        Takes::Top => ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(MAX_TOP)).into(),
    };
    let is_list = matches!(takes, Takes::Words(..) | Takes::Texts | Takes::Parts);
    let example = serde_json::to_value(&parameter).ok().and_then(|parameter| parameter.get("example").cloned());
    let example = example.map(|example| match example.as_str().filter(|_| is_list) {
        Some(texts) => texts.split(',').collect::<Value>(),
        None => example,
    });
    let typed = ParameterBuilder::from(parameter).schema(Some(schema)).example(example);
    if is_list { typed.explode(Some(false)).build() } else { typed.build() }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn formatted(format: KnownFormat) -> RefOr<Schema> {
    text().format(Some(SchemaFormat::KnownFormat(format))).into()
}

fn several(items: impl Into<RefOr<Schema>>) -> ArrayBuilder {
    ArrayBuilder::new().items(items.into()).min_items(Some(1))
}

/// Returns the types to which many parameters refer, by name.
pub(super) fn schemas() -> [(String, RefOr<Schema>); 4] {
    let number = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Number, Type::Null]));
    let time = AnyOfBuilder::new().item(formatted(KnownFormat::Date)).item(formatted(KnownFormat::DateTime));
    [
        ("Texts".to_owned(), several(text().min_length(Some(1))).into()),
        ("FieldTexts".to_owned(), several(text().pattern(Some(part()))).into()),
        ("DateOrInstant".to_owned(), time.into()),
        ("NumberOrNull".to_owned(), number.description(Some("As `Number`, or null.")).into()),
    ]
}

/// Returns the pattern of a field and a text.
fn part() -> String {
    let fields = Dimension::ALL.into_iter().filter(|field| is_filterable(*field)).map(Dimension::as_str);
    format!("^({}):[^,]*[^,\\s][^,]*$", fields.collect::<Vec<_>>().join("|"))
}

fn word_of(list: &str, description: Option<&str>) -> RefOr<Schema> {
    let list = RefBuilder::new().ref_location_from_schema_name(list);
    list.description(description.map(ToOwned::to_owned)).build().into()
}

/// Returns the closed list whose words a field of a schema holds.
fn list_of(schema: &str, field: &str) -> Option<&'static str> {
    Some(match (schema, field) {
        ("Figure", "reason") => "Reason",
        ("Figure", "previous_reason") => "PreviousReason",
        ("Drift", "kind") => "DriftKind",
        ("Action", "kind") => "ActionKind",
        ("AuditItem", "kind") => "AuditKind",
        ("Action", "state") => "ActionState",
        ("Backfill", "state") => "BackfillState",
        ("Reconciliation", "state") => "ReconciliationState",
        ("QuestionComparison" | "CompareEcho", "to") => "CompareTo",
        ("QuestionFilter" | "FilterEcho", "field") => "FilterField",
        ("QuestionFilter" | "FilterEcho", "op") => "FilterOp",
        ("QuestionTop" | "TopEcho", "by") | ("MetricDefinition", "id") | ("Explanation", "metric") | (_, "metrics") => {
            "MetricId"
        }
        ("MetricDefinition", "attributions") | (_, "attribution") => "Attribution",
        ("ReplayAnswer", "outcome") => return None,
        (_, "dimension" | "dimensions" | "overlapping_dimensions" | "totals_by" | "drivers") => "Dimension",
        (_, "granularity") => "Granularity",
        (_, "shape") => "Shape",
        (_, "align") => "Align",
        (_, "elapsed") => "Elapsed",
        (_, "outcome") => "SessionOutcome",
        (_, "session_kind") => "SessionKind",
        (_, "session_state") => "SessionState",
        (_, "minutes_kind") => "MinutesKind",
        (_, "stream") => "Stream",
        (_, "verdict") => "Verdict",
        (_, "scope" | "scopes") => "Scope",
        _ => return None,
    })
}

/// Types that are used by themselves and as parts of others.
const PARTS: [&str; 4] = ["Availability", "MetricQuestion", "RateCardBody", "Rejection"];

fn is_type_or_fields(part: &RefOr<Schema>) -> bool {
    match part {
        RefOr::Ref(part) => part.ref_location.rsplit('/').next().is_some_and(|name| PARTS.contains(&name)),
        RefOr::T(part) => matches!(part, Schema::Object(_)),
    }
}

/// Makes one object of an object and those that are flattened into it, unless they are types of their own: of other
/// parts, clients would make types of parts.
pub(super) fn flatten(schema: &mut RefOr<Schema>, all: &BTreeMap<String, RefOr<Schema>>) {
    fn merge(whole: &mut Object, part: &RefOr<Schema>, all: &BTreeMap<String, RefOr<Schema>>) {
        match part {
            RefOr::T(Schema::Object(part)) => {
                whole.properties.extend(part.properties.clone());
                whole.required.extend(part.required.clone());
                whole.description = part.description.clone().or(whole.description.take());
            }
            // an optional part: none of its fields is required
            RefOr::T(Schema::OneOf(either)) => {
                let required = whole.required.clone();
                either.items.iter().for_each(|part| merge(whole, part, all));
                whole.required = required;
            }
            RefOr::Ref(part) => {
                let name = part.ref_location.rsplit('/').next().unwrap_or_default();
                all.get(name).into_iter().for_each(|part| merge(whole, part, all));
            }
            RefOr::T(_) => {}
        }
    }
    if let RefOr::T(Schema::AllOf(parts)) = &*schema
        && !parts.items.iter().all(is_type_or_fields)
    {
        let mut whole = ObjectBuilder::new().description(parts.description.clone()).build();
        parts.items.iter().for_each(|part| merge(&mut whole, part, all));
        *schema = whole.into();
    }
}

/// Returns the fields of a schema that it has besides those of other types.
pub(super) fn fields(schema: &mut RefOr<Schema>) -> impl Iterator<Item = (&String, &mut RefOr<Schema>)> {
    let parts = match schema {
        RefOr::T(Schema::AllOf(parts)) => &mut parts.items[..],
        whole => std::slice::from_mut(whole),
    };
    let objects = parts.iter_mut().filter_map(|part| match part {
        RefOr::T(Schema::Object(object)) => Some(object),
        _ => None,
    });
    objects.flat_map(|object| object.properties.iter_mut())
}

/// Lets the fields of a schema refer to the closed lists of their words.
pub(super) fn refer_to_lists(name: &str, schema: &mut RefOr<Schema>) {
    for (field, schema) in fields(schema) {
        if let Some((item, RefOr::T(Schema::Array(list)))) = name.strip_prefix("List_").zip(Some(&mut *schema)) {
            // derived, a page would repeat the schema of its items
            list.items = word_of(item, None).into();
        }
        if let Some(list) = list_of(name, field) {
            refer(schema, list);
        }
        if let RefOr::T(Schema::OneOf(either)) = &*schema
            && let [RefOr::Ref(number), RefOr::T(_)] = &either.items[..]
            && number.ref_location == "#/components/schemas/Number"
        {
            *schema = word_of("NumberOrNull", Some(&number.description));
        }
    }
}

fn refer(schema: &mut RefOr<Schema>, list: &str) {
    match schema {
        RefOr::T(Schema::Array(Array { items: ArrayItems::RefOrSchema(items), .. })) => refer(items, list),
        RefOr::T(Schema::Object(Object { description, schema_type, .. })) => {
            let word = word_of(list, description.as_deref());
            let null = ObjectBuilder::new().schema_type(Type::Null);
            match schema_type {
                SchemaType::Type(Type::String) => *schema = word,
                SchemaType::Array(types) if types.contains(&Type::String) => {
                    *schema = OneOfBuilder::new().item(word).item(null).into();
                }
                _ => {}
            }
        }
        _ => {}
    }
}
