//! *Data health*: each stream of each source, how far it is proven, its last runs, its work list and its quota, and
//! what differs from the providers' counts.
//!
//! The facts are those of `/v1/health/pollers`, `/v1/sync/runs` and `/v1/reconciliation`, read by the same code.

pub(crate) mod actions;
mod stream;

use askama::Template;
use axum::response::Response;
use rust_decimal::Decimal;

use crate::api::health::{criteria, probe};
use crate::api::problem::ApiError;
use crate::model::api_key::Scope;
use crate::query::pollers::service::ServiceProblem;
use crate::query::pollers::{self, Health};
use crate::query::reconciliations::{self, Reconciliation, ReconciliationFilter};
use crate::query::runs::{self, Run, RunFilter};
use crate::web::data_health::stream::StreamItem;
use crate::web::figure::grouped;
use crate::web::layout::Section;
use crate::web::panel::{Cell, Table};
use crate::web::reading::{Reading, Trouble};
use crate::web::visit::Visit;
use crate::web::zoned::Zoned;

/// Runs of a strip.
const RUNS: i64 = 48;
/// Comparisons that are shown.
const COMPARISONS: i64 = 20;

#[derive(Template)]
#[template(path = "data_health.html")]
struct DataHealth {
    health: Result<Streams, Trouble>,
    comparisons: Result<Table, Trouble>,
    zone: &'static str,
    can_operate: bool,
}

/// The streams, and what concerns all.
struct Streams {
    problems: Vec<ServiceProblem>,
    processes: String,
    items: Vec<StreamItem>,
}

/// Answers with the section.
pub(crate) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let reading = Reading::open(&visit).await?;
    let zoned = Zoned::of(&visit);
    let body = DataHealth {
        health: reading.part(&[Scope::HealthRead], streams(&visit, zoned)).await,
        comparisons: reading.part(&[Scope::HealthRead], comparisons(&visit, zoned)).await,
        zone: zoned.name(),
        can_operate: visit.state.caller.has_any(&[Scope::SyncOperate]),
    };
    visit.respond(Section::DataHealth, &reading, &body)
}

/// Returns whether the caller may see a source, and the filter of the page names it.
fn is_shown(visit: &Visit, source: &str) -> bool {
    let chosen = visit.selection.get("source");
    visit.state.caller.sources.allows(source)
        && chosen.is_none_or(|chosen| chosen.split(',').any(|one| one.trim() == source))
}

async fn streams(visit: &Visit, zoned: Zoned) -> Result<Streams, ApiError> {
    let state = &visit.state;
    let criteria = criteria(state);
    let read = pollers::read(&state.probes, &criteria);
    let Health { service, mut pollers } = probe(state, state.health.probe_timeout, read).await?;
    pollers.retain(|poller| is_shown(visit, &poller.source));
    let mut items = Vec::with_capacity(pollers.len());
    for poller in pollers {
        let filter = RunFilter {
            sources: vec![poller.source.clone()],
            streams: vec![poller.stream.clone()],
            ..RunFilter::default()
        };
        let runs: Vec<Run> = runs::list(&state.pool, &filter, RUNS).await?;
        items.push(StreamItem::of(&poller, &runs, zoned));
    }
    let alive = service.instances.iter().filter(|instance| instance.is_alive).count();
    let database = service.database;
    let writes = if database.is_writable { "accepts writes" } else { "accepts no writes" };
    let processes = format!(
        "{alive} of {} processes seen within a day are alive. The database {writes}; {} of {} connections are in use.",
        service.instances.len(),
        database.connection_count,
        database.connection_limit
    );
    Ok(Streams { problems: service.problems, processes, items })
}

async fn comparisons(visit: &Visit, zoned: Zoned) -> Result<Table, ApiError> {
    let sources = visit.state.catalog(None).await?;
    let named = sources.sources.iter().map(|source| source.source.clone());
    let filter = ReconciliationFilter {
        sources: named.filter(|source| is_shown(visit, source)).collect(),
        only_latest: true,
        ..ReconciliationFilter::default()
    };
    // an empty list of sources would mean all
    let found = if filter.sources.is_empty() {
        Vec::new()
    } else {
        reconciliations::list(&visit.state.pool, &filter, COMPARISONS).await?
    };
    let head = [
        Cell::text("Source"),
        Cell::text("Window"),
        Cell::text("Result"),
        Cell::number("Provider"),
        Cell::number("Stored"),
        Cell::number("Missing"),
        Cell::number("Surplus"),
        Cell::text("Reason"),
    ];
    Ok(Table { head: head.into(), rows: found.iter().map(|one| comparison(one, zoned)).collect() })
}

fn comparison(one: &Reconciliation, zoned: Zoned) -> Vec<Cell> {
    let count = |count: i64| Cell::number(grouped(Decimal::from(count), 0));
    vec![
        Cell::text(&one.source),
        Cell::text(format!("{} to {}", zoned.minute(one.window_from), zoned.minute(one.window_to))),
        Cell::text(&one.state),
        one.provider_sessions.map_or_else(|| Cell::number("not stated"), count),
        count(one.stored_sessions),
        count(one.missing_count - one.healed_count),
        count(one.surplus_count),
        Cell::text(one.reason.clone().unwrap_or_default()),
    ]
}
