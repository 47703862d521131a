//! Calls to providers: faults of the wire, call limits, downloads, and errors with their advice.

mod download;
mod error_advice;
mod faults;
mod limits;
mod own_resources;
