//! Metric queries: turns a query as given into a checked one, or into a list of all its faults.
//!
//! There is one way to read a query, for parameters ([`parameters`]) and for a body ([`body`]), and whether the caller
//! named everything or a shortcut named a part. The catalog is loaded on the way, since a source can be mistyped too.

pub(crate) mod body;
mod comparing;
pub(crate) mod conditions;
pub(crate) mod schema;
pub(crate) mod raw_query;
mod arrangement;
mod as_of;
pub(crate) mod parameters;
mod shape;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::api::metrics::question::raw_query::RawQuery;
use crate::api::parameters::time::When;
use crate::api::parameters::values::flag;
use crate::api::parameters::{Faults, Said, duration};
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::query::bucket::{Granularity, MAX_BUCKETS, cut};
use crate::query::catalog::Catalog;
use crate::query::metrics::compare::Pieces;
use crate::query::metrics::dimension::{Dimension, Level};
use crate::query::metrics::measure::Metric;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::registry;
use crate::query::metrics::time_column::Attribution;
use crate::query::range::TimeRange;

/// The default range.
const DEFAULT_RANGE: &str = "last_7_days";

pub(crate) use self::arrangement::{Arrangement, Shape};

/// A checked query.
#[derive(Debug)]
pub(crate) struct Understood {
    pub(crate) query: MetricQuery,
    /// The catalog when the query was read.
    pub(crate) catalog: Catalog,
    /// Largest allowed age of the data.
    pub(crate) require_fresh: Option<TimeDelta>,
    /// Current time.
    pub(crate) now: DateTime<Utc>,
    /// Shape of the answer.
    pub(crate) arrangement: Arrangement,
}

/// Reads a query; `granularity` is the default, `max_buckets` the largest number of buckets.
pub(crate) async fn understand(
    state: &ApiState,
    raw_query: &RawQuery,
    granularity: Granularity,
    max_buckets: usize,
    mut faults: Faults,
) -> Result<Understood, ApiError> {
    let now = state.clock.now();
    let When { range, zone } = raw_query.time.read(state.default_zone, now, &mut faults);
    let zone_name = zone_name(state, raw_query, zone, &mut faults).await?;
    let default_range = || TimeRange::named(DEFAULT_RANGE, now, zone).filter(|_| !raw_query.time.is_said());
    let range = range.or_else(default_range);
    let metrics = shape::metrics(raw_query, &mut faults);
    let dimensions = shape::dimensions(raw_query, &mut faults);
    shape::check_groups(raw_query, &metrics, &dimensions, &mut faults);
    let arrangement = arrangement::read(raw_query, &metrics, &dimensions, &mut faults);
    let totals_by = shape::totals_by(raw_query, &dimensions, &mut faults);
    let top = shape::top(raw_query, &metrics, &dimensions, &mut faults);
    let attribution =
        raw_query.attribution.as_ref().and_then(|said| attribution(said, &metrics, &dimensions, &mut faults));
    let require_fresh = raw_query.require_fresh.as_ref().and_then(|said| length(said, &mut faults));
    let granularity = self::granularity(raw_query, granularity, &mut faults);
    let cut = range.and_then(|range| pieces(raw_query, range, zone, granularity, max_buckets, &mut faults));
    let wanted = comparing::wanted(raw_query, range, zone, now, &mut faults);
    let asked = range.zip(cut.as_ref()).map(|(range, (granularity, buckets))| Pieces {
        range,
        buckets,
        granularity: *granularity,
        zone,
    });
    let comparison =
        asked.zip(wanted).and_then(|(asked, wanted)| comparing::comparison(raw_query, wanted, asked, now, &mut faults));
    let all = comparison.as_ref().map(|comparison| comparison.range).into_iter().chain(range);
    let all = all.reduce(|a, b| TimeRange { from: a.from.min(b.from), to: a.to.max(b.to) });
    let catalog = state.catalog(all).await?;
    let mut filter = conditions::read(&raw_query.filters, &catalog, &mut faults);
    conditions::check(&raw_query.filters, &metrics, &mut faults);
    filter.includes_deleted = raw_query.includes_deleted.as_ref().is_some_and(|said| flag(said, &mut faults));
    let told_by = dimensions.iter().copied().chain(filter.conditions.iter().map(|condition| condition.field));
    let as_known_at = as_of::read(raw_query, &metrics, told_by, (zone, now), &mut faults);
    let (Some(range), Some((granularity, buckets))) = (range, cut) else {
        return Err(faults.into_error()); // each has noted a fault
    };
    faults.refuse()?;
    let query = MetricQuery {
        metrics,
        dimensions,
        range,
        buckets,
        granularity,
        zone,
        zone_name,
        filter,
        as_known_at,
        attribution: attribution.unwrap_or_default(),
        totals_by,
        top,
        order: arrangement.order,
        limit: arrangement.limit,
        comparison,
        is_distributed: state.is_distributed,
    };
    Ok(Understood { query, catalog, require_fresh, now, arrangement })
}

/// Returns the database's name of the zone; notes a fault where it has no such zone.
async fn zone_name(
    state: &ApiState,
    raw_query: &RawQuery,
    zone: Tz,
    faults: &mut Faults,
) -> Result<&'static str, ApiError> {
    let name = state.zones.name(&state.pool, zone).await?;
    if name.is_none() {
        let at = raw_query.time.zone.as_ref().map_or_else(|| "zone".into(), |said| said.at.clone());
        let detail = format!("The database has no time zone that matches `{zone}`: install its time zone data.");
        faults.note(&at, "zone_not_in_database", detail);
    }
    Ok(name.unwrap_or("UTC"))
}

/// Reads the granularity; `None` means `auto`.
fn granularity(raw_query: &RawQuery, default: Granularity, faults: &mut Faults) -> Option<Granularity> {
    let Some(said) = &raw_query.granularity else { return Some(default) };
    if said.text == "auto" {
        return None;
    }
    let granularity = Granularity::parse(&said.text);
    if granularity.is_none() {
        let allowed = Granularity::ALL.map(Granularity::as_str).into_iter().chain(["auto"]);
        faults.note_unknown(&said.at, "unknown_value", &said.text, allowed);
    }
    Some(granularity.unwrap_or(Granularity::None))
}

/// Cuts the range into buckets, or proposes a granularity that is allowed.
fn pieces(
    raw_query: &RawQuery,
    range: TimeRange,
    zone: Tz,
    granularity: Option<Granularity>,
    max: usize,
    faults: &mut Faults,
) -> Option<(Granularity, Vec<TimeRange>)> {
    let granularity = granularity.unwrap_or_else(|| Granularity::auto(range, zone));
    let buckets = cut(range, zone, granularity, max);
    if buckets.is_none() {
        // where more buckets than usual are allowed, no other granularity helps
        if max > MAX_BUCKETS {
            let at = raw_query
                .time
                .range
                .as_ref()
                .or(raw_query.time.from.as_ref())
                .map_or_else(|| "range".into(), |s| s.at.clone());
            faults.note(&at, "range_too_long", format!("The range has more than {max} hours; request a shorter one."));
            return None;
        }
        let next = Granularity::finest_allowed(range, zone).as_str();
        let detail = format!("The range has more than {max} buckets; use granularity={next} or a coarser one.");
        faults.note_near(&raw_query.granularity_location(), "too_many_buckets", detail, vec![next.to_owned()]);
    }
    Some((granularity, buckets?))
}

fn attribution(said: &Said, metrics: &[&Metric], dimensions: &[Dimension], faults: &mut Faults) -> Option<Attribution> {
    let attribution = Attribution::parse(&said.text);
    if attribution.is_none() {
        faults.note_unknown(&said.at, "unknown_value", &said.text, Attribution::ALL.map(Attribution::as_str));
    }
    // rows with an instant of their own count there, regardless of the attribution
    let cannot = |metric: &&&Metric| {
        attribution.is_some_and(|wanted| !metric.has_own_time() && !metric.can_be_attributed(wanted))
    };
    for metric in metrics.iter().filter(cannot) {
        let can = |other: &&Metric| attribution.is_some_and(|wanted| other.can_be_attributed(wanted));
        let possible: Vec<&str> = registry::metrics().filter(can).map(|metric| metric.id).collect();
        let detail = format!(
            "`{}` does not support `attribution` = `{}`; omit `attribution`, or query {}.",
            metric.id,
            said.text,
            possible.join(", ")
        );
        faults.note(&said.at, "not_attributable", detail);
    }
    let of_clock = dimensions.iter().filter(|dimension| dimension.level() == Level::Clock);
    for dimension in of_clock.filter(|_| attribution == Some(Attribution::Spread)) {
        let name = dimension.as_str();
        let detail = format!("A session that is spread over time has no single `{name}`; omit one of the two.");
        faults.note(&said.at, "not_groupable", detail);
    }
    attribution
}

fn length(said: &Said, faults: &mut Faults) -> Option<TimeDelta> {
    let length = duration::parse(&said.text);
    if length.is_none() {
        let detail = format!("`{}` is not a duration such as PT15M, PT2H or P1D.", said.text);
        faults.note(&said.at, "invalid_duration", detail);
    }
    length
}
