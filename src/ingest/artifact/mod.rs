//! Data fetched session by session: participants, chat, transcript, summary, quality.
//!
//! A pass processes the list of due tasks, a few at a time, so that one slow file does not delay others; several
//! instances share the list. Tasks are claimed and saved many at a time. [`attempt`] calls the connector once;
//! [`retry_schedule`] decides what an answer, an absence or a fault means. A task that fails is tried again and
//! does not make others count as failed. A provider that refuses the calls of one stream ends the work on that
//! stream; one that allows no calls at all ends the pass.

mod ages;
mod attempt;
mod backlog;
mod batch;
mod claiming;
mod dispatch;
mod gathered;
mod claim_renewal;
mod attempt_outcome;
mod participants;
pub mod pass;
mod refusals;
mod reports;
mod retry_schedule;
mod stream_run;
mod summary;
mod worker;

pub(super) use self::worker::work;
