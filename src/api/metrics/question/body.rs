//! A metric query as a JSON body.
//!
//! It is read by hand: derived rules stop at the first fault and do not say where it is. Unknown fields are
//! faults, since ignoring a mistyped filter would answer a different query.

use serde_json::{Map, Value};

use crate::api::metrics::question::draft::{CompareSaid, Draft, FilterSaid, TopSaid};
use crate::api::parameters::time::TimeSaid;
use crate::api::parameters::{Faults, Place, Said};

/// Fields of the body.
pub(crate) const FIELDS: [&str; 11] = [
    "metrics",
    "dimensions",
    "time",
    "filters",
    "include_deleted",
    "attribution",
    "compare",
    "totals_by",
    "top",
    "require_fresh",
    "as_known_at",
];

/// Reads a body.
pub(crate) fn read(body: &Value, faults: &mut Faults) -> Draft {
    let mut draft = Draft { is_body: true, ..Draft::default() };
    let Some(question) = Object::of(body, String::new(), &FIELDS, faults) else { return draft };
    draft.metrics = question.texts("metrics", faults).unwrap_or_default();
    draft.dimensions = question.texts("dimensions", faults).unwrap_or_default();
    draft.totals_by = question.texts("totals_by", faults).unwrap_or_default();
    draft.includes_deleted = question.flag("include_deleted", faults);
    draft.attribution = question.text("attribution", faults);
    draft.require_fresh = question.text("require_fresh", faults);
    draft.as_known_at = question.text("as_known_at", faults);
    if let Some(time) = question.object("time", &["range", "from", "to", "zone", "granularity"], faults) {
        draft.granularity = time.text("granularity", faults);
        draft.time = TimeSaid {
            range: time.text("range", faults),
            from: time.text("from", faults),
            to: time.text("to", faults),
            zone: time.text("zone", faults),
        };
    }
    if let Some(compare) = question.object("compare", &["to", "range", "align", "elapsed"], faults) {
        let range = compare.object("range", &["from", "to"], faults);
        let end = |name, faults: &mut Faults| range.as_ref().and_then(|range| range.text(name, faults));
        draft.compare = Some(CompareSaid {
            to: compare.text("to", faults),
            from: end("from", faults),
            until: end("to", faults),
            align: compare.text("align", faults),
            elapsed: compare.text("elapsed", faults),
            at: compare.place("to"),
        });
    }
    if let Some(top) = question.object("top", &["dimension", "by", "n"], faults) {
        draft.top = Some(TopSaid {
            dimension: top.text("dimension", faults),
            by: top.text("by", faults),
            count: top.number("n", faults),
            at: Place::Pointer("/top".to_owned()),
        });
    }
    draft.filters = filters(&question, faults);
    draft
}

fn filters(question: &Object<'_>, faults: &mut Faults) -> Vec<FilterSaid> {
    let mut filters = Vec::new();
    for (place, value) in question.list("filters", faults).into_iter().flatten().enumerate() {
        let pointer = format!("/filters/{place}");
        let Some(filter) = Object::of(value, pointer.clone(), &["field", "op", "values"], faults) else { continue };
        let Some(field) = filter.text("field", faults) else {
            if !filter.map.contains_key("field") {
                faults.note(filter.place("field"), "missing_field", "The condition has no `field`; name a dimension.");
            }
            continue;
        };
        let (op, values) = (filter.text("op", faults), filter.texts("values", faults));
        filters.push(FilterSaid { field, op, values, at: Place::Pointer(pointer) });
    }
    filters
}

/// An object of the body.
struct Object<'v> {
    map: &'v Map<String, Value>,
    pointer: String,
}

impl<'v> Object<'v> {
    fn of(value: &'v Value, pointer: String, known: &[&str], faults: &mut Faults) -> Option<Self> {
        let Value::Object(map) = value else {
            faults.note(
                Place::Pointer(pointer),
                "wrong_type",
                format!("The value must be an object, not {}.", kind(value)),
            );
            return None;
        };
        for name in map.keys().filter(|name| !known.contains(&name.as_str())) {
            let escaped = name.replace('~', "~0").replace('/', "~1");
            let at = Place::Pointer(format!("{pointer}/{escaped}"));
            faults.note_unknown(at, "unknown_field", name, known.iter().copied());
        }
        Some(Self { map, pointer })
    }

    fn place(&self, name: &str) -> Place {
        Place::Pointer(format!("{}/{name}", self.pointer))
    }

    fn object(&self, name: &str, known: &[&str], faults: &mut Faults) -> Option<Self> {
        Self::of(self.map.get(name)?, format!("{}/{name}", self.pointer), known, faults)
    }

    fn list(&self, name: &str, faults: &mut Faults) -> Option<&'v Vec<Value>> {
        match self.map.get(name)? {
            Value::Array(values) => Some(values),
            other => {
                faults.note(self.place(name), "wrong_type", format!("The value must be a list, not {}.", kind(other)));
                None
            }
        }
    }

    /// Reads a list of texts and removes duplicates.
    fn texts(&self, name: &str, faults: &mut Faults) -> Option<Vec<Said>> {
        let mut texts: Vec<Said> = Vec::new();
        for (place, value) in self.list(name, faults)?.iter().enumerate() {
            let at = Place::Pointer(format!("{}/{name}/{place}", self.pointer));
            // a group value is a text in every response, even where it is a number
            let said = match value {
                Value::Number(number) => Some(Said { at, text: number.to_string() }),
                other => usable(at, other, faults),
            };
            texts.extend(said.filter(|said| !texts.iter().any(|other| other.text == said.text)));
        }
        Some(texts)
    }

    fn text(&self, name: &str, faults: &mut Faults) -> Option<Said> {
        usable(self.place(name), self.map.get(name)?, faults)
    }

    fn number(&self, name: &str, faults: &mut Faults) -> Option<Said> {
        match self.map.get(name)? {
            Value::Number(number) => Some(Said { at: self.place(name), text: number.to_string() }),
            other => {
                faults.note(
                    self.place(name),
                    "wrong_type",
                    format!("The value must be a number, not {}.", kind(other)),
                );
                None
            }
        }
    }

    fn flag(&self, name: &str, faults: &mut Faults) -> Option<Said> {
        match self.map.get(name)? {
            Value::Bool(flag) => Some(Said { at: self.place(name), text: flag.to_string() }),
            other => {
                let detail = format!("The value must be true or false, not {}.", kind(other));
                faults.note(self.place(name), "wrong_type", detail);
                None
            }
        }
    }
}

fn usable(at: Place, value: &Value, faults: &mut Faults) -> Option<Said> {
    match value {
        Value::String(text) if text.trim().is_empty() || text.contains('\0') => {
            faults.note(&at, "empty_value", "The value is not usable; omit it instead.");
            None
        }
        Value::String(text) => Some(Said { at, text: text.clone() }),
        other => {
            faults.note(&at, "wrong_type", format!("The value must be a text, not {}.", kind(other)));
            None
        }
    }
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
