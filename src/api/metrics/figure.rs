//! One figure, named by parameters: its metric, its group, its range and its filter.
//!
//! Whoever explains a figure and whoever lists the rows behind it are asked in the same words as the question the figure
//! answered. A group is the `dimensions` of its row as JSON, so that a null stays a null.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::ApiState;
use crate::api::metrics::question::parameters::{FieldParameters, HindsightParameter};
use crate::api::metrics::question::{DEFAULT_RANGE, conditions, hindsight};
use crate::api::parameters::time::{TimeParameters, When};
use crate::api::parameters::{Faults, parameter_groups};
use crate::query::bucket::Granularity;
use crate::query::catalog::Catalog;
use crate::query::metrics::attribution::Attribution;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::explain::{GroupValue, Subject};
use crate::query::metrics::registry::{Metric, metric, metrics};
use crate::query::metrics::{MAX_DIMENSIONS, MetricQuery};
use crate::query::range::TimeRange;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FigureChoice {
    /// The metric; one of `/v1/metrics`.
    #[param(required = true, example = "resolution_rate")]
    metric: Option<String>,
    /// The group: the `dimensions` of a row of `/v1/metrics/query`, as JSON. Default: all sessions.
    #[param(example = json!("{\"channel\":\"whatsapp\"}"))]
    group: Option<String>,
}

parameter_groups! {
    /// What names a figure.
    FigureParameters {
        choice: FigureChoice,
        time: TimeParameters,
        filters: FieldParameters,
        hindsight: HindsightParameter,
    }
}

/// A figure as it was named, before sources are looked up.
pub(crate) struct Figure {
    metric: Option<&'static Metric>,
    group: Vec<GroupValue>,
    /// Its range; `None`: it was not understood.
    pub(crate) range: Option<TimeRange>,
    /// Whose calendar.
    pub(crate) zone: Tz,
    now: DateTime<Utc>,
}

impl FigureParameters {
    /// All that names the figure, as it was written: what else the address says is not among it.
    pub(crate) fn words(&self) -> String {
        let Self { choice, time, filters, hindsight } = self;
        format!("{choice:?} {time:?} {:?} {:?} {hindsight:?}", filters.said(), filters.includes_deleted())
    }

    /// What was named, at `now`.
    pub(crate) fn read(&self, state: &ApiState, now: DateTime<Utc>, faults: &mut Faults) -> Figure {
        let metric = self.choice.metric(faults);
        let group = self.choice.group(metric, faults);
        let When { range, zone } = self.time.read(state.default_zone, now, faults);
        let default_range = || TimeRange::named(DEFAULT_RANGE, now, zone).filter(|_| !self.time.is_said());
        Figure { metric, group, range: range.or_else(default_range), zone, now }
    }

    /// The figure over the sources there are; `None`: something was not understood, and is noted.
    pub(crate) fn subject<'a>(
        &self,
        figure: &Figure,
        range: Option<TimeRange>,
        catalog: &'a Catalog,
        faults: &mut Faults,
    ) -> Option<Subject<'a>> {
        let deleted = self.filters.includes_deleted();
        let filter = conditions::read(&self.filters.said(), deleted.as_ref(), catalog, faults);
        let dimensions: Vec<Dimension> = figure.group.iter().map(|(dimension, _)| *dimension).collect();
        let metrics: Vec<&'static Metric> = figure.metric.into_iter().collect();
        let as_known_at = self.hindsight.said();
        let as_known_at = as_known_at.and_then(|said| {
            hindsight::read(&said, (&metrics, &dimensions, &filter), (figure.zone, figure.now), faults)
        });
        let (metric, range) = figure.metric.zip(range)?;
        let query = MetricQuery {
            metrics,
            dimensions: Vec::new(),
            range,
            buckets: vec![range],
            granularity: Granularity::None,
            zone: figure.zone,
            filter,
            attribution: Attribution::default(),
            totals_by: Vec::new(),
            top: None,
            comparison: None,
            as_known_at,
        };
        Some(Subject::new(catalog, &query, metric, figure.group.clone()))
    }
}

impl FigureChoice {
    fn metric(&self, faults: &mut Faults) -> Option<&'static Metric> {
        let Some(id) = self.metric.as_deref() else {
            faults.note("metric", "missing_parameter", "Say which figure is meant by its `metric`; see /v1/metrics.");
            return None;
        };
        let found = metric(id);
        if found.is_none() {
            faults.note_unknown("metric", "unknown_metric", id, metrics().map(|metric| metric.id));
        }
        found
    }

    fn group(&self, metric: Option<&'static Metric>, faults: &mut Faults) -> Vec<GroupValue> {
        let Some(text) = self.group.as_deref() else { return Vec::new() };
        let Ok(serde_json::Value::Object(values)) = serde_json::from_str(text) else {
            let detail = "`group` is the `dimensions` of a row, as a JSON object such as {\"channel\":\"whatsapp\"}.";
            faults.note("group", "not_an_object", detail);
            return Vec::new();
        };
        if values.len() > MAX_DIMENSIONS {
            let detail = format!("Figures can be grouped by at most {MAX_DIMENSIONS} dimensions.");
            faults.note("group", "too_many_dimensions", detail);
        }
        values.into_iter().filter_map(|(name, value)| group_value(metric, &name, &value, faults)).collect()
    }
}

fn group_value(
    metric: Option<&'static Metric>,
    name: &str,
    value: &serde_json::Value,
    faults: &mut Faults,
) -> Option<GroupValue> {
    let Some(dimension) = Dimension::parse(name) else {
        faults.note_unknown("group", "unknown_dimension", name, Dimension::ALL.map(Dimension::as_str));
        return None;
    };
    if let Some(metric) = metric.filter(|metric| !metric.can_be_grouped_by(dimension)) {
        let detail = format!("`{}` cannot be grouped by `{name}`, so it has no such group.", metric.id);
        faults.note("group", "overlapping_dimension", detail);
    }
    match value {
        serde_json::Value::Null => Some((dimension, None)),
        serde_json::Value::String(text) if !text.contains('\0') => Some((dimension, Some(text.clone()))),
        _ => {
            faults.note("group", "wrong_type", format!("The value of `{name}` must be a text or null."));
            None
        }
    }
}
