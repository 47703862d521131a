//! One metric value: a query about one metric, and one of its groups.
//!
//! An explanation of a value and a list of the rows behind it take the same parameters as the query that
//! returned the value. A group is the `dimensions` of its row as JSON, so that a null stays a null.

use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use crate::api::metrics::question::Understood;
use crate::api::metrics::question::parameters::{AsOfParameter, FieldParameters, texts};
use crate::api::metrics::question::raw_query::RawQuery;
use crate::api::parameters::time::TimeParameters;
use crate::api::parameters::{FaultLocation, Faults, Said, parameter_groups};
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::explain::{GroupValue, Subject};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FigureChoice {
    /// The metric.
    #[param(required = true, example = "resolution_rate")]
    metrics: Option<String>,
    /// The group: the `dimensions` of a row of `/v1/metrics/query`, as JSON. Default: all sessions.
    #[param(example = json!("{\"channel\":\"whatsapp\"}"))]
    group: Option<String>,
    /// `true`: sessions that no longer exist at the provider count.
    #[param(example = false)]
    include_deleted: Option<String>,
    /// Bucket in which a session across several buckets counts. Default: `start`. Messages, joins and completions
    /// count where they happened. With `end`, sessions without an end are in `unknown_count` where they began.
    #[param(example = "start")]
    attribution: Option<String>,
}

parameter_groups! {
    /// Parameters that identify a metric value.
    FigureParameters { choice: FigureChoice, time: TimeParameters, as_of: AsOfParameter, fields: FieldParameters }
}

/// The values of a group, in the order of its dimensions.
pub(crate) type Values = Vec<Option<String>>;

impl FigureParameters {
    /// Returns the query as it was given, and the values of the group.
    pub(crate) fn raw_query(&self, faults: &mut Faults) -> (RawQuery, Values) {
        let said = |name: &str, text: &Option<String>| text.as_ref().map(|text| Said::by_parameter(name, text));
        let mut raw_query = RawQuery {
            metrics: texts("metrics", self.choice.metrics.as_deref()),
            time: self.time.said(),
            filters: self.fields.said(),
            includes_deleted: said("include_deleted", &self.choice.include_deleted),
            attribution: said("attribution", &self.choice.attribution),
            as_known_at: self.as_of.said(),
            ..RawQuery::default()
        };
        let text = self.choice.group.as_deref();
        let group = text.map(|text| serde_json::from_str(text).unwrap_or(Value::Null));
        let values = choose(&mut raw_query, group.as_ref(), &"group".into(), faults);
        (raw_query, values)
    }
}

/// Restricts the query to one group of one metric; returns the values of the group.
pub(crate) fn choose(
    raw_query: &mut RawQuery,
    group: Option<&Value>,
    at: &FaultLocation,
    faults: &mut Faults,
) -> Values {
    if let [_, second, ..] = raw_query.metrics.as_slice() {
        faults.note(&second.at, "too_many_metrics", "One value at a time: name exactly one metric.");
    }
    let Some(group) = group else { return Vec::new() };
    let Value::Object(members) = group else {
        let detail = "`group` must be the `dimensions` of a row, as a JSON object such as {\"channel\":\"whatsapp\"}.";
        faults.note(at, "not_an_object", detail);
        return Vec::new();
    };
    let mut values = Vec::new();
    for (name, value) in members {
        raw_query.dimensions.push(Said { at: at.clone(), text: name.clone() });
        match value {
            Value::Null => values.push(None),
            Value::String(text) if !text.contains('\0') => values.push(Some(text.clone())),
            _ => faults.note(at, "wrong_type", format!("The value of `{name}` must be a text or null.")),
        }
    }
    values
}

/// Returns the metric value that a query identifies.
pub(crate) fn subject(understood: &Understood, values: Values) -> Option<Subject<'_>> {
    let Understood { query, catalog, .. } = understood;
    let group: Vec<GroupValue> = query.dimensions.iter().copied().zip(values).collect::<Vec<(Dimension, _)>>();
    query.metrics.first().map(|metric| Subject::new(catalog, query, metric, group))
}
