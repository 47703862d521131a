//! Operator commands to the pollers, and their journal.
//!
//! Poller and API may be different processes: a command is stored, and the first poller that sees it acts on it
//! within seconds. Nothing here polls. Only a source that is no longer configured can be deleted.

pub(crate) mod control;
pub(crate) mod operations;
pub(crate) mod retry;
pub(crate) mod source_changes;
pub(crate) mod windows;
