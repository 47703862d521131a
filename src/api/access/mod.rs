//! Who may ask: keys, scopes, hosts, origins, budgets, and the audit log.
//!
//! A route exists only with a rule ([`routes`]), and [`guard`] applies it before the handler runs. A handler gets the
//! state of its caller, and that state of no caller sees no source; so what forgets the caller shows nothing.

pub mod audit_log;
pub(crate) mod budget;
pub mod caller;
mod credential;
pub mod policy;
pub(crate) mod guard;
pub mod key_ring;
pub(crate) mod page_session;
pub(crate) mod routes;
pub mod tls;
