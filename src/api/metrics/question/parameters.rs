//! A question about figures as parameters of an address: the common cases, which can be linked to.
//!
//! Conditions are one parameter a field (`channel=whatsapp`), made from the list of dimensions, so that a new dimension
//! can be asked about without a word here.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::api::formats::FormParameter;
use crate::api::metrics::question::draft::{CompareSaid, Draft, FilterSaid, TopSaid};
use crate::api::parameters::time::TimeParameters;
use crate::api::parameters::values::list;
use crate::api::parameters::{Place, Said, parameter_groups};
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::filter::is_filterable;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct GranularityParameter {
    /// How finely the range is cut: `none`, `15_minutes`, `hour`, `day`, `week` (ISO), `month`, `quarter`, `year` or
    /// `auto` (up to 200 buckets).
    #[param(example = "day")]
    granularity: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShapeParameters {
    /// Where a session that reaches over several buckets is counted: `start` (default), `end`, or `spread` over all of
    /// them. Messages, joinings and completions are counted where they happened.
    #[param(example = "start")]
    attribution: Option<String>,
    /// The period to compare with: `previous_period` (as long as the range; of whole months: months), `previous_year`
    /// or `custom`, from `compare_from` to `compare_to`.
    #[param(example = "previous_period")]
    compare: Option<String>,
    /// First instant of a custom period, as `from`.
    #[param(example = "2026-10-18")]
    compare_from: Option<String>,
    /// First instant after it, as `to`.
    #[param(example = "2026-10-21")]
    compare_to: Option<String>,
    /// `calendar` (default), or `weekday`: each day is compared with one of the same day of the week.
    #[param(example = "weekday")]
    align: Option<String>,
    /// `full` (default), or `same`: of a range that is not over only as much is compared as has passed.
    #[param(example = "same")]
    elapsed: Option<String>,
    /// Dimensions by which sub-totals over the whole range are wanted, some of `dimensions`; comma list.
    #[param(example = "provider")]
    totals_by: Option<String>,
    /// How many groups are shown by themselves, the others as one (`is_other`); 1 to 1000. Default: all.
    #[param(example = 5)]
    top: Option<String>,
    /// Of which dimension; default: the only one.
    #[param(example = "provider")]
    top_dimension: Option<String>,
    /// Ranked by which of the metrics; default: the first.
    #[param(example = "sessions")]
    top_by: Option<String>,
    /// `true`: sessions count that are gone at the provider.
    #[param(example = false)]
    include_deleted: Option<String>,
    /// An ISO 8601 duration. Where a stream behind the answer is complete only up to longer ago than this, there is no
    /// answer but a 503.
    #[param(example = "PT15M")]
    require_fresh: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HindsightParameter {
    /// The figures as they were known at this instant (RFC 3339): sessions first seen later are left out, what changed
    /// later has its old value. Only for metrics made of what is kept of sessions; see `is_kept` in `/v1/metrics`.
    #[param(example = "2026-11-19T12:00:00Z")]
    as_known_at: Option<String>,
}

impl HindsightParameter {
    pub(crate) fn said(&self) -> Option<Said> {
        self.as_known_at.as_ref().map(|text| Said::by_parameter("as_known_at", text))
    }
}

/// Conditions, one parameter a field.
#[derive(Deserialize)]
pub(crate) struct FieldParameters {
    /// Other parameters are among them.
    #[serde(flatten)]
    given: BTreeMap<String, String>,
}

parameter_groups! {
    /// What every question about figures may say.
    MetricParameters {
        time: TimeParameters,
        cut: GranularityParameter,
        shape: ShapeParameters,
        hindsight: HindsightParameter,
        fields: FieldParameters,
        form: FormParameter,
    }
}

/// What conditions can be on.
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
            all.push(parameter(
                field,
                format!("Only sessions whose `{field}` is one of these; comma list, or a JSON array of texts."),
            ));
            let description =
                format!("Only sessions whose `{field}` is none of these, those without one included; as `{field}`.");
            all.push(parameter(&format!("{field}_not"), description));
        }
        all.push(parameter("missing", "Fields of which sessions must have no value; comma list.".to_owned()));
        all.push(parameter("present", "Fields of which sessions must have a value; comma list.".to_owned()));
        all
    }
}

impl fmt::Debug for FieldParameters {
    /// What was said of fields: a cursor is bound to that, and not to itself.
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
                    let values = values(text).iter().map(|value| Said::by_parameter(&name, value)).collect();
                    filters.push(filter(&name, field, op, Some(values)));
                }
            }
        }
        for (name, op) in [("missing", "is_null"), ("present", "is_not_null")] {
            let named = list(self.given.get(name).map(String::as_str));
            filters.extend(named.iter().map(|field| filter(name, field, op, None)));
        }
        filters
    }
}

fn filter(name: &str, field: &str, op: &str, values: Option<Vec<Said>>) -> FilterSaid {
    let said = |text| Said::by_parameter(name, text);
    FilterSaid { field: said(field), op: Some(said(op)), values, at: name.into() }
}

/// The values of a condition: a comma list, or, where a value holds a comma or begins or ends with a blank, a JSON array.
fn values(text: &str) -> Vec<String> {
    let array = serde_json::from_str::<Vec<String>>(text).ok();
    let array = array.filter(|values| !values.is_empty() && values.iter().all(|value| !value.contains('\0')));
    array.unwrap_or_else(|| list(Some(text)))
}

/// A comma list.
pub(crate) fn texts(name: &str, text: Option<&str>) -> Vec<Said> {
    list(text).iter().map(|text| Said::by_parameter(name, text)).collect()
}

impl MetricParameters {
    /// As it was said; what is measured, and by what, is said elsewhere.
    pub(crate) fn draft(&self) -> Draft {
        let said = |name: &str, text: &Option<String>| text.as_ref().map(|text| Said::by_parameter(name, text));
        let shape = &self.shape;
        let compare = [&shape.compare, &shape.compare_from, &shape.compare_to, &shape.align, &shape.elapsed];
        let top = [&shape.top, &shape.top_dimension, &shape.top_by];
        Draft {
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
                at: Place::from("compare"),
            }),
            totals_by: texts("totals_by", shape.totals_by.as_deref()),
            top: top.iter().any(|text| text.is_some()).then(|| TopSaid {
                dimension: said("top_dimension", &shape.top_dimension),
                by: said("top_by", &shape.top_by),
                count: said("top", &shape.top),
                at: Place::from("top"),
            }),
            require_fresh: said("require_fresh", &shape.require_fresh),
            as_known_at: self.hindsight.said(),
            ..Draft::default()
        }
    }
}
