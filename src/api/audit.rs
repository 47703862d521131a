//! `GET /v1/audit`: reads of content, commands and refusals, newest first.
//!
//! It shows those who answer for the data who read what, and who gave which command. It holds no content.

use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::page::{List, PageParameters};
use crate::api::parameters::values::{self, words};
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::source_list::ListRequest;
use crate::model::api_key::Scope;
use crate::query::audit::{self, AuditFilter, AuditItem, KINDS};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditChoice {
    /// Kinds.
    #[param(example = "read,refused")]
    kind: Option<String>,
    /// Ids of keys.
    #[param(example = "0f3c5a7b9d11")]
    key_id: Option<String>,
    /// Scopes.
    #[param(example = "content:read")]
    scope: Option<String>,
}

/// List audit entries
///
/// Every request that read texts or names, every command and every refusal of a key, newest first, with its caller.
/// A command has its entry before it is executed; one without a status has an unknown outcome. Commands of the command
/// line are included. Entries expire after `database.audit_retention_days`.
#[utoipa::path(
    get, path = "/v1/audit", tag = "keys", params(AuditChoice, PageParameters),
    responses(
        (status = 200, description = "A page of entries. The Link header names the next page.", body = List<AuditItem>, example = json!({
            "items": [{
                "audit_id": 31, "at": "2026-11-20T10:40:00Z", "kind": "read", "caller": "dashboard", "address": "10.4.0.7:50214",
                "key_id": "0f3c5a7b9d11", "action": "GET /v1/sessions/{session_id}/transcript", "target": "/v1/sessions/42/transcript",
                "scope": "content:read", "status": 200, "request_id": "5f0c3a52-6a62-4ed5-8a5e-0d0a5b7f7f11"
            }],
            "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_audit(request: ListRequest<AuditChoice>) -> Result<Response, ApiError> {
    let ListRequest { given, mut faults, list } = request;
    let mut filter = AuditFilter {
        kinds: words("kind", given.kind.as_deref(), &KINDS, &mut faults),
        key_ids: values::list(given.key_id.as_deref()),
        scopes: words("scope", given.scope.as_deref(), &Scope::ALL.map(Scope::as_str), &mut faults),
        before_audit_id: None,
    };
    let page = list.page("audit", &filter, &mut faults);
    filter.before_audit_id = page.after;
    faults.refuse()?;
    list.state.access_policy.audit.flush().await;
    let items = audit::list(&list.state.pool, &filter, page.to_read()).await?;
    Ok(list.answer(&page, items, |entry| entry.audit_id, Vec::new()))
}
