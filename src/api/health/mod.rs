//! Health of the service and of its polling: three endpoints for three readers.
//!
//! `/healthz` is for the supervisor that restarts the process, `/readyz` for the load balancer that sends it
//! requests, and `/v1/health/pollers` for people and alarms.

pub(crate) mod pollers;
pub(crate) mod process;
pub(crate) mod readiness;
