//! Whether the service and its polling are well: three questions for three readers.
//!
//! `/healthz` is for whoever restarts the process, `/readyz` for whoever sends it requests, and
//! `/v1/health/pollers` for people and alarms.

pub(crate) mod pollers;
pub(crate) mod process;
pub(crate) mod readiness;
