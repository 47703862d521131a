//! Health in the form `application/health+json` (draft-inadarei-api-health-check), for monitors that know it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::query::pollers::{Health, Poller};

/// Media type of the form.
pub(super) const HEALTH_JSON: &str = "application/health+json";

/// The status of the service, and its checks.
#[derive(Debug, Serialize)]
pub(super) struct CheckList {
    status: &'static str,
    version: &'static str,
    checks: BTreeMap<String, [Check; 1]>,
}

/// One check: a component and its measurement.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    component_type: &'static str,
    status: &'static str,
    time: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_value: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_unit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
}

impl CheckList {
    /// Returns the checks of a health.
    pub(super) fn of(health: &Health, now: DateTime<Utc>) -> Self {
        let mut checks = BTreeMap::new();
        let service = &health.service;
        let problems: Vec<String> =
            service.problems.iter().map(|one| format!("{} {}", one.detail, one.advice)).collect();
        let alive = service.instances.iter().filter(|one| one.is_alive && one.role != "api").count();
        let shared = Check {
            component_type: "system",
            status: status(!problems.is_empty()),
            time: now,
            observed_value: i64::try_from(alive).ok(),
            observed_unit: Some("instances"),
            output: (!problems.is_empty()).then(|| problems.join(" ")),
        };
        checks.insert("pollers:alive".to_owned(), [shared]);
        for poller in &health.pollers {
            checks.insert(format!("{}/{}:lag", poller.source, poller.stream), [Check::of(poller, now)]);
        }
        let is_failing = !problems.is_empty() || health.pollers.iter().any(|poller| poller.is_failing);
        Self { status: status(is_failing), version: env!("CARGO_PKG_VERSION"), checks }
    }
}

impl Check {
    fn of(poller: &Poller, now: DateTime<Utc>) -> Self {
        let error = poller.last_error.as_ref();
        let output = error.map(|error| {
            let parts = [Some(error.class.as_str()), error.detail.as_deref(), error.advice];
            parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
        });
        Self {
            component_type: "component",
            status: status(poller.is_failing),
            time: now,
            observed_value: poller.lag_seconds,
            observed_unit: poller.lag_seconds.map(|_| "s"),
            output: poller.is_failing.then(|| output.unwrap_or_else(|| poller.state.as_str().to_owned())),
        }
    }
}

fn status(is_failing: bool) -> &'static str {
    if is_failing { "fail" } else { "pass" }
}
