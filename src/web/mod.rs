//! The page: what the service knows, for readers in a browser. It reads without JavaScript and loads nothing from
//! elsewhere.
//!
//! Each figure is the answer to a query of the API, parsed and computed by the API's own code ([`reading`]), so the two
//! cannot differ; templates only write it. This module holds no SQL and decides no value.
//!
//! To add a section: a file with `pub(crate) async fn page(visit: Visit) -> Result<Response, ApiError>`, a template
//! beside the others, a row in [`layout::Section`], and a route in [`pages`]. A handler opens a [`reading::Reading`],
//! gets the data of its panels from it (`metrics` for all queries at once, `part` for another read with its scopes),
//! turns each result into a [`panel::Panel`], and returns `visit.respond(Section::…, &reading, body)`. A section of
//! metrics alone is data ([`figures`]). Links between sections come from [`selection::Selection`], which also holds a
//! section's own parameters. What a panel shows is also a file ([`mod@file`]).

mod assets;
mod card;
mod chart;
mod costs;
mod explain;
mod export;
mod data_health;
mod figure;
mod figures;
mod file;
mod form;
mod layout;
mod listing;
mod panel;
mod pickers;
mod reading;
mod refusal;
mod respond;
mod scheme;
mod section;
mod selection;
mod sessions;
mod sign_in;
mod table;
mod visit;
mod words;
mod zoned;

use axum::routing::{get, post};
use axum::{Router, middleware};

use crate::api::access::guard::{Rule, apply};
use crate::api::state::ApiState;
use crate::model::api_key::Scope;

/// Any of these scopes opens a page; each panel then checks its own.
const PAGE_SCOPES: &[Scope] = &[Scope::MetricsRead, Scope::SessionsRead, Scope::HealthRead];

/// Returns the pages that are never read from a replica.
fn health() -> Router<ApiState> {
    Router::new()
        .route("/data-health", get(data_health::page))
        .route("/data-health/runs", get(data_health::lists::runs))
        .route("/data-health/rejections", get(data_health::lists::rejections))
        .route("/data-health/drift", get(data_health::lists::drift))
        .route("/data-health/commands", get(data_health::lists::commands))
        .route_layer(middleware::from_fn_with_state(Rule::of_page(PAGE_SCOPES), apply))
}

/// Returns the page of one session, which shows what only this scope opens in the API.
fn session() -> Router<ApiState> {
    Router::new()
        .route("/sessions/{session_id}", get(sessions::one::page))
        .route_layer(middleware::from_fn_with_state(Rule::of_page(&[Scope::SessionsRead]).lagging(), apply))
}

/// Returns the forms of operators.
fn commands() -> Router<ApiState> {
    Router::new()
        .route("/data-health/{slug}/pause", post(data_health::actions::pause))
        .route("/data-health/{slug}/resume", post(data_health::actions::resume))
        .route("/data-health/{slug}/run", post(data_health::actions::run))
        .route_layer(middleware::from_fn_with_state(Rule::of_page(&[Scope::SyncOperate]), apply))
}

/// Returns the form that sets a price, which concerns all sources as the command of the API does.
fn prices() -> Router<ApiState> {
    let rule = Rule { is_of_all_sources: true, ..Rule::of_page(&[Scope::CostsWrite]) };
    Router::new()
        .route("/costs/rate-cards", post(costs::set_price::set))
        .route_layer(middleware::from_fn_with_state(rule, apply))
}

/// Returns the charts as files. Each is one panel, so the scope of its query opens it.
fn charts() -> Router<ApiState> {
    Router::new()
        .route("/charts/{chart}", get(export::chart))
        .route_layer(middleware::from_fn_with_state(Rule::of_page(&[Scope::MetricsRead]).lagging(), apply))
}

/// Returns the routes of the page, and the answer at all other addresses.
pub fn pages() -> Router<ApiState> {
    Router::new()
        .route("/", get(figures::overview))
        .route("/conversations", get(figures::conversations))
        .route("/meetings", get(figures::meetings))
        .route("/costs", get(costs::page))
        .route("/costs/rate-cards", get(costs::set_price::back))
        .route("/explain", get(explain::page))
        .route("/explain/rows", get(explain::rows::page))
        .route("/sessions", get(sessions::page))
        .route_layer(middleware::from_fn_with_state(Rule::of_page(PAGE_SCOPES).lagging(), apply))
        .merge(session())
        .merge(health())
        .merge(charts())
        .merge(commands())
        .merge(prices())
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/scheme", post(scheme::choose))
        .route_layer(middleware::from_fn(refusal::show))
        .route("/assets/{name}", get(assets::file))
        .route("/favicon.svg", get(assets::favicon))
        .route("/favicon.ico", get(assets::favicon))
        .layer(middleware::map_response(layout::protect))
        .fallback(refusal::unknown)
}
