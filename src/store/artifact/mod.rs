//! Per-session data: the task queue, and the artifacts that its tasks fetch.
//!
//! A task is enqueued in the transaction that stores its session, so that no crash can lose it. It is claimed with a
//! random token that expires. Saving compares the token in the same transaction, so that work done twice is written
//! once. Content is compared by hash first: an unchanged file writes nothing but the task.
//!
//! Tasks are claimed, saved and settled many at a time. An unsettled task is ready (`is_ready`), claimed
//! (`claimed_until`), waits for the participants of its session (`is_waiting`), or is scheduled. Each kind has an
//! index of its own, so that a claim reads only tasks that it may take. A task with a `next_try_at` is scheduled, and
//! the first claim after that instant finds it, even if the value was set by hand.
//!
//! The caller decides when to try again, and what an absence means; this module only stores it.

pub mod content;
pub mod enqueue;
pub mod journal;
pub mod missing_field;
pub mod owed;
mod participant;
mod presence;
mod rows_exist;
pub mod quality;
pub mod queue;
pub mod rebuild;
pub mod save;
mod settle;
mod speaker;
pub mod task;
mod transcript;
