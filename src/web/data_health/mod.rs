//! *Data health*: each stream of each source, how far it is proven, its last runs, its work list and its quota, and
//! what differs from the providers' counts.
//!
//! The facts are those of `/v1/health/pollers`, `/v1/sync` and `/v1/reconciliation`, read by the same code.

pub(crate) mod actions;
pub(crate) mod lists;
mod stream;

use askama::Template;
use axum::response::Response;

use crate::api::health::{criteria, probe};
use crate::api::problem::ApiError;
use crate::model::api_key::Scope;
use crate::query::pollers::service::ServiceProblem;
use crate::query::pollers::{self, Health};
use crate::query::reconciliations::{self, Reconciliation, ReconciliationFilter};
use crate::query::runs::{self, Run, RunFilter};
use crate::web::data_health::stream::{RUNS, StreamItem, dated, table};
use crate::web::layout::Section;
use crate::web::panel::{Links, Panel, State};
use crate::web::reading::{Reading, Trouble};
use crate::web::selection::escape;
use crate::web::table::{Cell, Table};
use crate::web::visit::Visit;
use crate::web::zoned::Zoned;

/// Comparisons that are shown.
const COMPARISONS: i64 = 20;

#[derive(Template)]
#[template(path = "data_health.html")]
struct DataHealth {
    streams: Panel,
    health: Option<Streams>,
    comparisons: Panel,
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
    let health = reading.part(&[Scope::HealthRead], streams(&visit, zoned)).await;
    let streams = Panel::new("streams", "Streams", state(&health, |health| State::Table(table(&health.items))));
    let found = reading.part(&[Scope::HealthRead], comparisons(&visit, zoned)).await;
    let compared = Panel::new(
        "reconciliation",
        "Compared with the providers' counts",
        state(&found, |table| if table.rows.is_empty() { never_compared() } else { State::Table(table.clone()) }),
    );
    let json = |path: &str| Some(Links { json: Some(path.to_owned()), ..Links::default() });
    let caption = health.as_ref().map(|health| {
        format!("Times in {}. {} Low bars: complete runs; high bars: all others.", zoned.name(), health.processes)
    });
    let streams =
        Panel { caption: caption.unwrap_or_default(), links: json("/v1/health/pollers"), is_wide: true, ..streams };
    let of_source = visit.selection.get("source").map(|source| format!("?source={}", escape(source)));
    let compared_json = format!("/v1/reconciliation{}", of_source.unwrap_or_default());
    let compared = Panel { links: json(&compared_json), is_wide: true, ..compared };
    let (streams, compared) = (streams.with_files(&visit), compared.with_files(&visit));
    let of_each: Vec<Panel> = health.iter().flat_map(|health| &health.items).map(StreamItem::panel).collect();
    if let Some(file) = visit.file(&reading, [&streams, &compared].into_iter().chain(&of_each)) {
        return file;
    }
    let body = DataHealth {
        streams,
        health: health.ok(),
        comparisons: compared,
        can_operate: visit.state.caller.has_any(&[Scope::SyncOperate]),
    };
    visit.respond(Section::DataHealth, &reading, &body)
}

/// Returns what a panel shows of what was read.
fn state<T>(read: &Result<T, Trouble>, show: impl FnOnce(&T) -> State) -> State {
    read.as_ref().map_or_else(|trouble| State::Trouble(trouble.clone()), show)
}

fn never_compared() -> State {
    let how = "The command “tributary reconcile” compares, and each source does so by its schedule.";
    State::EmptyButUnknown(format!("Nothing was compared yet. {how}"))
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
        let runs: Vec<Run> = runs::list(&state.pool, &filter, i64::from(RUNS)).await?;
        items.push(StreamItem::of(visit, &poller, &runs, zoned));
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
    Ok(Table { head: head.into(), rows: found.iter().map(|one| comparison(one, zoned)).collect(), ends: None })
}

fn comparison(one: &Reconciliation, zoned: Zoned) -> Vec<Cell> {
    vec![
        Cell::text(&one.source),
        dated(zoned, |at| format!("{} to {}", at(one.window_from), at(one.window_to))),
        Cell::text(&one.state),
        one.provider_sessions.map_or_else(|| Cell::number("not stated"), Cell::count),
        Cell::count(one.stored_sessions),
        Cell::count(one.missing_count - one.healed_count),
        Cell::count(one.surplus_count),
        Cell::text(one.reason.clone().unwrap_or_default()),
    ]
}
