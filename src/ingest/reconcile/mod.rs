//! Reconciliation: ranges are compared with the provider's counts, and differences are repaired.
//!
//! It is planned as units ([`planning`]), which the workers of [`crate::ingest::backfill`] process. [`compare`]
//! compares the window of one unit, [`daily_totals`] reads the provider's own totals by day.

pub(super) mod compare;
mod daily_totals;
pub mod planning;
