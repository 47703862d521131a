//! `POST /v1/sync/sources/{slug}/rename`, `/merge` and `/remove`: repairs where an account has two slugs.
//!
//! Each is a dry run by default, and is journaled with its caller. A web page of another origin is refused.
//! [`crate::store::source_change`] decides what may be changed.

use std::collections::BTreeMap;

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::actions::request::ActionRequest;
use crate::api::parameters::path::PathName;
use crate::api::parameters::values::switch;
use crate::api::parameters::{Asked, Faults, parameter_groups};
use crate::api::problem::{ActionProblem, ApiError};
use crate::api::problem_responses::ControlProblems;
use crate::api::state::{ApiState, ForCaller};
use crate::api::sync::control::no_source;
use crate::store::source_change::{Change, ChangeError, ChangeRequest};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DryRun {
    /// `true`, the default: nothing is changed, and the response counts the affected rows. `false`: the change is made.
    #[param(example = "true")]
    dry_run: Option<String>,
}

impl DryRun {
    pub(crate) fn read(&self, faults: &mut Faults) -> bool {
        switch("dry_run", Some(self.dry_run.as_deref().unwrap_or("true")), faults)
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct NewSlug {
    /// The new slug. Required.
    #[param(example = "konvo-eu")]
    to: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OtherSource {
    /// Slug of the source that stays. Required.
    #[param(example = "konvo-eu")]
    into: Option<String>,
}

parameter_groups! {
    RenameParameters { choice: NewSlug, how: DryRun }
}

parameter_groups! {
    MergeParameters { choice: OtherSource, how: DryRun }
}

/// A change of a source, made or planned.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceChanged {
    /// `rename`, `merge` or `remove`.
    change: &'static str,
    /// Slug of the source.
    source: String,
    /// The new slug, or the source that stays; null for a removal.
    other: Option<String>,
    /// Whether this was a dry run.
    is_dry_run: bool,
    /// Number of the operation in `/v1/sync/operations`; null: a dry run.
    operation_id: Option<i64>,
    /// Sessions that the other source of a merge has too.
    sessions_stored_twice: i64,
    /// Rows of the source before the change, by table.
    rows: BTreeMap<String, i64>,
}

/// Rename a source
///
/// Gives a source another slug. All stored data, pseudonyms of people and metric values stay as they are; links by
/// slug change. Configure the new slug afterwards. Refused while a poller is working on the source. The body is empty
/// or `{}`.
#[utoipa::path(
    post, path = "/v1/sync/sources/{slug}/rename", tag = "sync",
    params(("slug" = String, Path, description = "Slug of the source.", example = "rtk-prod"), NewSlug, DryRun),
    responses(
        (status = 200, description = "The change, made or planned.", body = SourceChanged, example = json!({
            "change": "rename", "source": "konvo", "other": "konvo-eu", "is_dry_run": true, "operation_id": null,
            "sessions_stored_twice": 0, "rows": {"core.sessions": 1106, "ingest.raw_records": 1106}
        })),
        ControlProblems
    )
)]
pub(crate) async fn rename_source(
    ForCaller(state): ForCaller,
    PathName(slug): PathName,
    Asked { given, mut faults }: Asked<RenameParameters>,
    request: ActionRequest,
) -> Result<Json<SourceChanged>, ApiError> {
    let is_dry_run = given.how.read(&mut faults);
    let to = required("to", given.choice.to, &mut faults);
    faults.refuse()?;
    change(&state, slug, Change::Rename { to: &to }, is_dry_run, request).await
}

/// Merge a source into another
///
/// Combines the two sources of an account that is stored under two slugs. Of a session that both have, the newer
/// version stays; all other data moves to the source that stays. The other source must no longer be configured, and
/// no poller may be working on either. Citus refuses a merge. The body is empty or `{}`.
#[utoipa::path(
    post, path = "/v1/sync/sources/{slug}/merge", tag = "sync",
    params(("slug" = String, Path, description = "Slug of the source.", example = "rtk-prod"), OtherSource, DryRun),
    responses(
        (status = 200, description = "The change, made or planned.", body = SourceChanged, example = json!({
            "change": "merge", "source": "konvo", "other": "konvo-eu", "is_dry_run": true, "operation_id": null,
            "sessions_stored_twice": 1106, "rows": {"core.sessions": 1106, "ingest.raw_records": 1106}
        })),
        ControlProblems
    )
)]
pub(crate) async fn merge_source(
    ForCaller(state): ForCaller,
    PathName(slug): PathName,
    Asked { given, mut faults }: Asked<MergeParameters>,
    request: ActionRequest,
) -> Result<Json<SourceChanged>, ApiError> {
    let is_dry_run = given.how.read(&mut faults);
    let into = required("into", given.choice.into, &mut faults);
    faults.refuse()?;
    change(&state, slug, Change::Merge { into: &into }, is_dry_run, request).await
}

/// Remove a source
///
/// Deletes all stored data of a source that is no longer configured, including raw records. The journal keeps the
/// operator commands for it. Repeating the request continues after an interruption. The body is empty or `{}`.
#[utoipa::path(
    post, path = "/v1/sync/sources/{slug}/remove", tag = "sync",
    params(("slug" = String, Path, description = "Slug of the source.", example = "rtk-prod"), DryRun),
    responses(
        (status = 200, description = "The change, made or planned.", body = SourceChanged, example = json!({
            "change": "remove", "source": "konvo", "other": null, "is_dry_run": true, "operation_id": null,
            "sessions_stored_twice": 0, "rows": {"core.sessions": 1106, "ingest.raw_records": 1106}
        })),
        ControlProblems
    )
)]
pub(crate) async fn remove_source(
    ForCaller(state): ForCaller,
    PathName(slug): PathName,
    Asked { given, mut faults }: Asked<DryRun>,
    request: ActionRequest,
) -> Result<Json<SourceChanged>, ApiError> {
    let is_dry_run = given.read(&mut faults);
    faults.refuse()?;
    change(&state, slug, Change::Remove, is_dry_run, request).await
}

fn required(name: &str, value: Option<String>, faults: &mut Faults) -> String {
    value.unwrap_or_else(|| {
        faults.note(name, "missing_parameter", format!("`{name}` is required."));
        String::new()
    })
}

async fn change(
    state: &ApiState,
    slug: String,
    change: Change<'_>,
    is_dry_run: bool,
    request: ActionRequest,
) -> Result<Json<SourceChanged>, ApiError> {
    request.refuse_content()?;
    let Some(changes) = &state.source_changes else {
        return Err(ActionProblem::NotConfigured { source: slug }.into());
    };
    let operator = request.operator();
    let wanted = ChangeRequest {
        slug: &slug,
        change,
        is_dry_run,
        configured: None,
        operator: &operator,
        now: state.clock.now(),
    };
    let changed = match changes.apply(&wanted).await {
        Ok(changed) => changed,
        Err(ChangeError::NoSource(slug)) => return Err(no_source(&slug, &state.catalog(None).await?)),
        Err(ChangeError::Refused(reason)) => return Err(ActionProblem::SourceNotChanged { reason }.into()),
        Err(ChangeError::Store(error)) => return Err(error.into()),
    };
    let other = match change {
        Change::Rename { to } => Some(to.to_owned()),
        Change::Merge { into } => Some(into.to_owned()),
        Change::Remove => None,
    };
    Ok(Json(SourceChanged {
        change: change.kind(),
        source: slug,
        other,
        is_dry_run,
        operation_id: changed.operation_id,
        sessions_stored_twice: changed.sessions_stored_twice,
        rows: changed.rows,
    }))
}
