//! Decides which configured sources may be registered: an account has one slug, and a slug has one account.
//!
//! The provider's own name identifies an account. Where the provider has none, the credential decides, by a
//! keyed fingerprint. A new credential of a known slug is a rotated one. A new credential of a new slug is
//! recognized later, by the first sessions it lists (`ingest::account`).

use crate::model::source::{SourceRegistration, account_of, being_removed, exchanged, way_out};
use crate::store::source::StoredAccount;

/// Returns why `wanted` may not be registered; `None` where it may. `configured` are all configured sources, which the
/// configuration itself distinguishes.
pub(super) fn refusal(
    wanted: &SourceRegistration,
    has_accounts: bool,
    stored: &[StoredAccount],
    configured: &[SourceRegistration],
) -> Option<String> {
    let is_same = |account: &StoredAccount| is_same(account, wanted, has_accounts);
    let slug = wanted.slug.as_str();
    if stored.iter().any(|account| account.slug == slug && account.is_removed) {
        return Some(being_removed(slug));
    }
    if let Some(own) = stored.iter().find(|account| account.slug == slug)
        && (&own.provider, &own.account_ref) != (&wanted.provider, &wanted.account_ref)
        && !is_same(own)
    {
        return Some(format!(
            "the source `{slug}` holds data of {} account `{}`, and is now configured for {} account `{}`: \
             give that account another slug",
            own.provider, own.account_ref, wanted.provider, wanted.account_ref
        ));
    }
    let now = |account: &StoredAccount| configured.iter().find(|source| source.slug.as_str() == account.slug);
    let stays =
        |account: &StoredAccount| now(account).is_some_and(|source| self::is_same(account, source, has_accounts));
    let is_elsewhere = |account: &&StoredAccount| account.has_sessions && account.slug != slug && !stays(account);
    let other = stored.iter().filter(is_elsewhere).find(|account| is_same(account))?;
    if now(other).is_some() {
        return Some(exchanged(slug, &other.slug));
    }
    Some(format!(
        "the source `{slug}` is the account that is stored as `{}`, and its sessions would be counted twice: {}",
        other.slug,
        way_out(&other.slug, slug)
    ))
}

fn is_same(stored: &StoredAccount, wanted: &SourceRegistration, has_accounts: bool) -> bool {
    stored.provider == wanted.provider
        && if has_accounts {
            account_of(&stored.account_ref) == account_of(&wanted.account_ref)
        } else {
            stored.credential_fingerprint.as_ref() == Some(&wanted.credential_fingerprint)
        }
}
