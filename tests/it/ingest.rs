//! Polls: which ranges are read, when a list has ended, and what a crash, a rival or a wrong clock cannot break.

mod backfill_units;
pub(crate) mod clocks;
mod concurrent_pollers;
mod kill_points;
mod lost_database;
mod refresh_open;
mod schedule;
mod windows;
