//! What operators tell the pollers over the API, and the journal of it.
//!
//! Poller and API may be different processes: a wish is written down, and whichever poller sees it first acts on it
//! within seconds. Nothing here polls. Only a source that is
//! no longer configured can be deleted.

pub(crate) mod control;
pub(crate) mod operations;
pub(crate) mod retry;
pub(crate) mod source_changes;
pub(crate) mod windows;
