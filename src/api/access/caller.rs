//! The caller of a request: its name for journals, its scopes, its sources.

use crate::model::api_key::Scope;
use crate::model::source_access::SourceAccess;
use crate::query::api_keys::StoredKey;

/// The caller of a request. The default is no caller, who may do and see nothing.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Name for the journals of commands.
    pub name: String,
    /// Label of its key; `open`: it needs none.
    pub label: String,
    /// Its address.
    pub address: String,
    /// Id of its key; `None`: it needs none.
    pub key_id: Option<String>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The sources it may see.
    pub sources: SourceAccess,
}

impl Default for Caller {
    fn default() -> Self {
        Self { scopes: Vec::new(), sources: SourceAccess::Only(Vec::new()), ..Self::open("unknown") }
    }
}

impl Caller {
    /// Returns the caller at this address of an API without authentication.
    pub(crate) fn open(address: &str) -> Self {
        Self {
            name: address.to_owned(),
            label: "open".to_owned(),
            address: address.to_owned(),
            key_id: None,
            scopes: Scope::ALL.to_vec(),
            sources: SourceAccess::All,
        }
    }

    /// Returns the service itself, which may read all metrics.
    pub(crate) fn service(part: &str) -> Self {
        Self { scopes: vec![Scope::MetricsRead], label: part.to_owned(), ..Self::open("service") }
    }

    /// Returns the caller with this key at this address.
    pub(super) fn with_key(key: &StoredKey, address: &str) -> Self {
        Self {
            name: format!("key {} ({}) from {address}", key.label, key.key_id),
            label: key.label.clone(),
            address: address.to_owned(),
            key_id: Some(key.key_id.clone()),
            scopes: key.scopes.clone(),
            sources: key.sources.clone(),
        }
    }

    /// Returns whether the caller has one of these scopes.
    pub(crate) fn has_any(&self, scopes: &[Scope]) -> bool {
        scopes.iter().any(|scope| self.scopes.contains(scope))
    }
}
