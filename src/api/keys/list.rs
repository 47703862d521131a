//! `GET /v1/keys`: keys of API callers. No answer holds a key or its hash.

use axum::Json;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::page::{List, Page};
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::state::ForCaller;
use crate::model::api_key::Scope;
use crate::query::api_keys::{self, StoredKey};
use crate::query::catalog::SourceFilter;
use crate::query::freshness::Freshness;

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyItem {
    /// The part of the key that finds it: `trib_<environment>_<key_id>_…`.
    key_id: String,
    /// Name of the client it is for.
    label: String,
    /// Person or team that answers for it.
    owner: String,
    /// What it may do.
    scopes: Vec<&'static str>,
    /// Slugs of the sources it is limited to; null: all sources.
    sources: Option<Vec<String>>,
    /// `active`, `expired` or `revoked`.
    state: &'static str,
    /// Time at which it was made.
    created_at: DateTime<Utc>,
    /// Time at which it ends; null: never.
    expires_at: Option<DateTime<Utc>>,
    /// Time at which it was revoked.
    revoked_at: Option<DateTime<Utc>>,
    /// Minute of its last use; null: never used.
    last_used_at: Option<DateTime<Utc>>,
    /// Id of the key that it succeeds.
    replaces: Option<String>,
}

impl KeyItem {
    fn of(key: StoredKey, now: DateTime<Utc>) -> Self {
        Self {
            state: key.state(now),
            key_id: key.key_id,
            label: key.label,
            owner: key.owner,
            scopes: key.scopes.into_iter().map(Scope::as_str).collect(),
            sources: key.sources.limit().map(<[String]>::to_vec),
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
            replaces: key.replaces,
        }
    }
}

/// List keys
///
/// All keys of API callers, newest first, also those that have ended. The keys themselves are not stored.
#[utoipa::path(
    get, path = "/v1/keys", tag = "keys",
    responses(
        (status = 200, description = "All keys; there is only one page.", body = List<KeyItem>, example = json!({
            "items": [{
                "key_id": "0f3c5a7b9d11", "label": "dashboard", "owner": "bi-team@example.com", "scopes": ["metrics:read", "sessions:read"],
                "sources": ["rtk-prod"], "state": "active", "created_at": "2026-11-20T10:40:00Z", "expires_at": "2027-11-20T10:40:00Z",
                "revoked_at": null, "last_used_at": "2026-11-20T10:42:00Z", "replaces": null
            }],
            "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_keys(
    ForCaller(state): ForCaller,
    asked: Asked<NoParameters>,
) -> Result<Json<List<KeyItem>>, ApiError> {
    asked.faults.refuse()?;
    let now = state.clock.now();
    let catalog = state.catalog(None).await?;
    let sources = catalog.select(&SourceFilter::default());
    let freshness = Freshness::of(&catalog, &sources, now);
    let keys = api_keys::list(&state.pool).await?;
    Ok(Json(List {
        items: keys.into_iter().map(|key| KeyItem::of(key, now)).collect(),
        page: Page::default(),
        freshness,
    }))
}
