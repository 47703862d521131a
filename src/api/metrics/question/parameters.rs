//! A metric query as URL parameters: the common cases, which can be linked to.
//!
//! Each condition is one parameter (`channel=whatsapp`). The parameters are made from the list of dimensions,
//! so that a new dimension needs no change here.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::api::formats::FormParameter;
use crate::api::metrics::question::raw_query::{CompareSaid, FilterSaid, RawQuery, TopSaid};
use crate::api::parameters::time::TimeParameters;
use crate::api::parameters::values::list;
use crate::api::parameters::{FaultLocation, Said, parameter_groups};
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::filter::is_filterable;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct GranularityParameter {
    /// Size of the buckets.
    #[param(example = "day")]
    granularity: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShapeParameters {
    /// Bucket in which a session across several buckets counts. Default: `start`. Messages, joins and completions
    /// count where they happened. With `end`, sessions without an end are in `unknown_count` where they began.
    #[param(example = "start")]
    attribution: Option<String>,
    /// Period to compare with: `previous_period` (as long as the range; for whole months, months),
    /// `previous_year` or `custom`, from `compare_from` to `compare_to`.
    #[param(example = "previous_period")]
    compare: Option<String>,
    /// First instant of a custom period, in the form of `from`.
    #[param(example = "2026-10-18")]
    compare_from: Option<String>,
    /// End of a custom period, exclusive, in the form of `to`.
    #[param(example = "2026-10-21")]
    compare_to: Option<String>,
    /// Counterparts of days. Default: `calendar`.
    #[param(example = "weekday")]
    align: Option<String>,
    /// Compared part of a range that is not over. Default: `same`.
    #[param(example = "same")]
    elapsed: Option<String>,
    /// Dimensions of the sub-totals over the whole range, some of `dimensions`.
    #[param(example = "provider")]
    totals_by: Option<String>,
    /// Number of groups to show separately, the others as one (`is_other`); 1 to 1000. Default: all.
    #[param(example = 5)]
    top: Option<String>,
    /// Dimension of the top groups; default: the only one.
    #[param(example = "provider")]
    top_dimension: Option<String>,
    /// Metric that ranks the groups; default: the first.
    top_by: Option<String>,
    /// `true`: sessions without a value of the dimension are a group of their own, and may take a place. Default: they
    /// are among the others.
    #[param(example = false)]
    top_missing: Option<String>,
    /// Order of the groups: a metric or dimension of the query; with `-` before it the greatest first. Missing values
    /// come last.
    #[param(example = "provider")]
    order_by: Option<String>,
    /// Most groups of the response, 1 to 1000; the totals are of all groups. Default: all.
    #[param(example = 10)]
    limit: Option<String>,
    /// `rows` (default), or `series`: labels and one array of values for each group and metric; as JSON only.
    #[param(example = "series")]
    shape: Option<String>,
    /// `true`: the response has the titles of meetings; only for keys with `content:read`.
    #[param(example = false)]
    titles: Option<String>,
    /// `true`: sessions that no longer exist at the provider count.
    #[param(example = false)]
    include_deleted: Option<String>,
    /// Largest allowed age of the data, an ISO 8601 duration; of older data the response is a 503.
    #[param(example = "PT15M")]
    require_fresh: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AsOfParameter {
    /// Instant (RFC 3339) as of whose knowledge the values are computed: sessions first seen later are left out, later
    /// changes are undone. Only for metrics whose session data has a history; see `is_kept` in `/v1/metrics`.
    #[param(example = "2026-11-19T12:00:00Z")]
    as_known_at: Option<String>,
}

impl AsOfParameter {
    pub(crate) fn said(&self) -> Option<Said> {
        self.as_known_at.as_ref().map(|text| Said::by_parameter("as_known_at", text))
    }
}

/// Conditions, one parameter for each field.
#[derive(Deserialize)]
pub(crate) struct FieldParameters {
    /// All parameters, including those that are no conditions.
    #[serde(flatten)]
    given: BTreeMap<String, String>,
}

parameter_groups! {
    /// Parameters of every metric query.
    MetricParameters {
        time: TimeParameters,
        cut: GranularityParameter,
        shape: ShapeParameters,
        as_of: AsOfParameter,
        fields: FieldParameters,
        form: FormParameter,
    }
}

/// Returns the fields that conditions can test.
fn fields() -> impl Iterator<Item = &'static str> {
    Dimension::ALL.into_iter().filter(|dimension| is_filterable(*dimension)).map(Dimension::as_str)
}

impl IntoParams for FieldParameters {
    fn into_params(within: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = |name: &str, description: String| {
            let text = ObjectBuilder::new().schema_type(Type::String);
            ParameterBuilder::new()
                .name(name)
                .parameter_in(within().unwrap_or(ParameterIn::Query))
                .description(Some(description))
                .schema(Some(text))
                .build()
        };
        let mut all = Vec::new();
        for field in fields() {
            all.push(parameter(field, format!("Only sessions whose `{field}` is one of these.")));
            let description = format!("Only sessions whose `{field}` is none of these, or missing.");
            all.push(parameter(&format!("{field}_not"), description));
        }
        all.push(parameter("missing", "Fields for which sessions must have no value.".to_owned()));
        all.push(parameter("present", "Fields for which sessions must have a value.".to_owned()));
        for (name, verb) in PARTS {
            let description = format!(
                "Only sessions whose field {verb} one of these, in any case of letters: `field:text`, comma-separated, or \
                 a JSON object of fields and their texts."
            );
            all.push(parameter(name, description));
        }
        all
    }
}

impl fmt::Debug for FieldParameters {
    /// Shows only the conditions: a cursor is bound to them, and not to itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.said()).finish()
    }
}

impl FieldParameters {
    pub(crate) fn said(&self) -> Vec<FilterSaid> {
        let mut filters = Vec::new();
        for field in fields() {
            for (name, op) in [(field.to_owned(), "in"), (format!("{field}_not"), "not_in")] {
                if let Some(text) = self.given.get(&name) {
                    let said =
                        |values: Vec<String>| values.iter().map(|value| Said::by_parameter(&name, value)).collect();
                    filters.push(filter(&name, field, op, values(text).map(said)));
                }
            }
        }
        for (name, op) in [("missing", "is_null"), ("present", "is_not_null")] {
            let named = list(self.given.get(name).map(String::as_str));
            filters.extend(named.iter().map(|field| filter(name, field, op, None)));
        }
        for (name, _) in PARTS {
            let Some(text) = self.given.get(name) else { continue };
            for (field, parts) in parts(text) {
                let said = |parts: Vec<String>| parts.iter().map(|part| Said::by_parameter(name, part)).collect();
                filters.push(filter(name, &field, name, parts.map(said)));
            }
        }
        filters
    }
}

fn filter(name: &str, field: &str, op: &str, values: Option<Vec<Said>>) -> FilterSaid {
    let said = |text| Said::by_parameter(name, text);
    FilterSaid { field: said(field), op: Some(said(op)), values, at: name.into() }
}

/// Returns the values of a condition: comma-separated, or a JSON array where a value holds a comma or outer blanks;
/// `None`: it begins like an array and is none.
fn values(text: &str) -> Option<Vec<String>> {
    if !text.trim_start().starts_with('[') {
        return Some(list(Some(text)));
    }
    serde_json::from_str::<Vec<String>>(text).ok().and_then(without_zero)
}

/// Returns the texts; `None`: one contains the character 0, which no stored text has.
fn without_zero(texts: Vec<String>) -> Option<Vec<String>> {
    Some(texts).filter(|texts| texts.iter().all(|text| !text.contains('\0')))
}

/// Conditions on parts of texts, and what they say of a field.
const PARTS: [(&str, &str); 2] = [("contains", "contains"), ("starts_with", "begins with")];

/// Returns the fields of a condition on parts of texts, each with its texts; `None`: they begin like an object and are
/// none.
fn parts(text: &str) -> Vec<(String, Option<Vec<String>>)> {
    if text.trim_start().starts_with('{') {
        let fields = serde_json::from_str::<BTreeMap<String, Vec<String>>>(text);
        return fields.map_or_else(
            |_| vec![(String::new(), None)],
            |fields| fields.into_iter().map(|(field, parts)| (field, without_zero(parts))).collect(),
        );
    }
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pair in list(Some(text)) {
        let (field, part) = pair.split_once(':').unwrap_or((&pair, ""));
        let parts = fields.entry(field.trim().to_owned()).or_default();
        parts.extend(Some(part.trim().to_owned()).filter(|part| !part.is_empty()));
    }
    fields.into_iter().map(|(field, parts)| (field, Some(parts))).collect()
}

/// Reads a comma-separated list.
pub(crate) fn texts(name: &str, text: Option<&str>) -> Vec<Said> {
    list(text).iter().map(|text| Said::by_parameter(name, text)).collect()
}

impl MetricParameters {
    /// Returns the query as given, without metrics and dimensions, which the caller adds.
    pub(crate) fn raw_query(&self) -> RawQuery {
        let said = |name: &str, text: &Option<String>| text.as_ref().map(|text| Said::by_parameter(name, text));
        let shape = &self.shape;
        let compare = [&shape.compare, &shape.compare_from, &shape.compare_to, &shape.align, &shape.elapsed];
        let top = [&shape.top, &shape.top_dimension, &shape.top_by, &shape.top_missing];
        RawQuery {
            is_body: false,
            time: self.time.said(),
            granularity: said("granularity", &self.cut.granularity),
            filters: self.fields.said(),
            includes_deleted: said("include_deleted", &shape.include_deleted),
            attribution: said("attribution", &shape.attribution),
            compare: compare.iter().any(|text| text.is_some()).then(|| CompareSaid {
                to: said("compare", &shape.compare),
                from: said("compare_from", &shape.compare_from),
                until: said("compare_to", &shape.compare_to),
                align: said("align", &shape.align),
                elapsed: said("elapsed", &shape.elapsed),
                at: FaultLocation::from("compare"),
            }),
            totals_by: texts("totals_by", shape.totals_by.as_deref()),
            top: top.iter().any(|text| text.is_some()).then(|| TopSaid {
                dimension: said("top_dimension", &shape.top_dimension),
                by: said("top_by", &shape.top_by),
                count: said("top", &shape.top),
                includes_missing: said("top_missing", &shape.top_missing),
                at: FaultLocation::from("top"),
            }),
            order_by: said("order_by", &shape.order_by),
            limit: said("limit", &shape.limit),
            shape: said("shape", &shape.shape),
            titles: said("titles", &shape.titles),
            require_fresh: said("require_fresh", &shape.require_fresh),
            as_known_at: self.as_of.said(),
            ..RawQuery::default()
        }
    }
}
