//! The data model: plain types without I/O.
//!
//! A *session* is one conversation, meeting or avatar stream at a provider. A chat carries its *messages* and
//! the *trail* of skills it went through; the person behind a session is known only by a keyed hash. A
//! provider's response becomes a [`page::Page`] of records, each with the bytes it came from. The page is the
//! unit that is fetched and saved.
//!
//! Invariants: every instant lies in [`time::sane_range`]; every text is free of NUL; minutes and durations are
//! exact decimals; a value that the provider did not send is `None`, never zero. This module knows neither
//! providers, nor SQL, nor HTTP.

pub mod action;
pub mod alert;
pub mod api_key;
pub mod artifact;
pub mod field;
pub mod id;
pub mod message;
pub mod session_outcome;
pub mod page;
pub mod participant;
pub mod person;
pub mod public_key;
pub mod quality;
pub mod rate_card;
pub mod replay;
pub mod request_body;
pub mod ring;
pub mod session;
pub mod source;
pub mod source_access;
pub mod speaker;
pub mod stream;
pub mod time;
pub mod transcript;
pub mod verdict;
