//! The HTTP API as a client sees it: a file for each URL, and one for each rule that all URLs share.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access_policy;
mod actions;
mod alerts;
mod audit;
mod connections;
mod costs_estimate;
mod dashboards;
mod departures;
mod etag;
mod formats;
mod freshness;
mod clock_faults;
mod health_faults;
mod health_pollers;
mod hooks;
mod keys;
mod memory;
mod metrics;
mod metrics_batch;
pub(crate) mod metrics_explain;
mod metrics_query;
mod metrics_rows;
mod metrics_series;
mod minutes_ledger;
mod openapi;
mod outages;
mod participants;
mod people;
mod problems;
pub(crate) mod rate_cards;
mod readyz;
mod scopes;
mod scrape;
mod search;
mod session;
mod session_artifacts;
mod sessions_list;
mod sources;
mod sync_control;
mod sync_rejections;
pub(crate) mod sync_windows;
mod timeline;
mod titles;
mod transcript;

use crate::harness::router::*;
