//! Polls: which ranges are read, when a list has ended, and what a crash, a rival or a wrong clock cannot break.

mod artifact_retries;
mod artifacts;
mod backfill_units;
pub(crate) mod clocks;
mod completeness;
mod concurrent_pollers;
mod impossible_answers;
mod kill_points;
mod lateness;
mod list_end;
mod list_end_of_participants;
mod lost_database;
mod missing_sessions;
mod pagination;
mod panics;
mod random_walks;
mod reconcile_states;
mod refresh_open;
mod ring_shares;
mod rings;
mod schedule;
mod stated_more;
mod windows;
