//! Calls to providers: faults of the wire, call limits, downloads, and errors with their advice.

mod own_resources;
