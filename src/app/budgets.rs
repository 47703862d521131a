//! Shared call budgets: which sources share one, and its name.
//!
//! A provider counts calls by account and by credential, so sources that share either share a budget: the
//! strictest of their settings. Its name consists of the host and the account, or of a source's name where the
//! provider has no accounts; never of a credential.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use crate::config::SourceConfig;

/// A budget and its sources, by their index in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SharedBudget {
    pub(super) key: String,
    /// Lowest ceiling that an operator configured.
    pub(super) ceiling: Option<u32>,
    /// Calls a minute where there is neither a ceiling nor a policy of the provider.
    pub(super) default_rate: u32,
    pub(super) share_permille: u32,
    pub(super) sources: Vec<usize>,
}

impl SharedBudget {
    /// Returns the configured calls a minute, or the default.
    pub(super) fn requests_per_minute(&self) -> u32 {
        self.ceiling.unwrap_or(self.default_rate)
    }
}

/// Returns the budgets of the configured sources.
pub(super) fn budgets(sources: &[SourceConfig]) -> Vec<SharedBudget> {
    // by name, so that a budget keeps its name whichever order the file has
    let mut order: Vec<usize> = (0..sources.len()).collect();
    order.sort_by(|one, other| sources[*one].slug.cmp(&sources[*other].slug));
    let mut budgets: BTreeMap<String, SharedBudget> = BTreeMap::new();
    for (at, &index) in order.iter().enumerate() {
        let source = &sources[index];
        let first = order[..at].iter().map(|&earlier| &sources[earlier]).find(|earlier| is_one(earlier, source));
        let budget = budgets.entry(name(first.unwrap_or(source))).or_insert_with_key(|key| SharedBudget {
            key: key.clone(),
            ceiling: None,
            default_rate: source.default_requests_per_minute,
            share_permille: source.quota_share_permille,
            sources: Vec::new(),
        });
        budget.ceiling = [budget.ceiling, source.requests_per_minute].into_iter().flatten().min();
        budget.default_rate = budget.default_rate.min(source.default_requests_per_minute);
        budget.share_permille = budget.share_permille.min(source.quota_share_permille);
        budget.sources.push(index);
    }
    budgets.into_values().collect()
}

fn is_one(one: &SourceConfig, other: &SourceConfig) -> bool {
    let same_account = one.account_id.is_some() && one.account_id == other.account_id;
    let same_credential = one.api_key.current().expose_secret() == other.api_key.current().expose_secret();
    one.base_url.origin() == other.base_url.origin() && (same_account || same_credential)
}

fn name(source: &SourceConfig) -> String {
    let host = source.base_url.host_str().unwrap_or_default();
    let port = source.base_url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{host}{port}/{}", source.account_id.as_deref().unwrap_or(source.slug.as_str()))
}
