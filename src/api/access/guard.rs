//! Applies the rule of a route before its handler runs: key, scope, budget, sources, audit.
//!
//! A path that names one object of a source is checked here, for every route that has such a path: a caller limited
//! to other sources gets the same 404 as for an object that does not exist.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub(crate) use crate::api::access::budget::{QUERY, READ};

use crate::api::access::budget::Rest;
use crate::api::access::caller::Caller;
use crate::api::access::credential::credential;
use crate::api::access::page_session;
use crate::api::access::policy::{AccessPolicy, Arrival};
use crate::api::memory::View;
use crate::api::problem::{AccessProblem, ApiError};
use crate::api::replica::route;
use crate::api::request_id::RequestId;
use crate::model::api_key::Scope;
use crate::model::source_access::SourceAccess;
use crate::query::source_of;
use crate::store::audit::{AuditEntry, AuditKind};

/// What a route requires of its caller.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    /// One of these scopes.
    pub(crate) scopes: &'static [Scope],
    /// Units of the budget that a request takes; above [`READ`], the number of requests at the same time is bounded.
    pub(crate) cost: u32,
    /// Whether it concerns all sources at once, so that a caller limited to some is refused.
    pub(crate) is_of_all_sources: bool,
    /// Whether it is a page, which may show content without a parameter that asks for it.
    pub(crate) is_page: bool,
    /// Whether it only reads what dashboards show, so that a replica may answer it.
    pub(crate) may_lag: bool,
}

impl Rule {
    /// Returns the rule of a route that needs one of these scopes.
    pub(crate) fn of_read(scopes: &'static [Scope]) -> Self {
        Self { scopes, cost: READ, is_of_all_sources: false, is_page: false, may_lag: false }
    }

    /// Returns the rule of a page, whose panels have rules of their own.
    pub(crate) fn of_page(scopes: &'static [Scope]) -> Self {
        Self { cost: QUERY, is_page: true, ..Self::of_read(scopes) }
    }

    /// Returns the rule of a route that a replica may answer.
    pub(crate) fn lagging(self) -> Self {
        Self { may_lag: true, ..self }
    }

    fn names(self) -> String {
        self.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// Returns how a request is audited; `None`: it is not.
    fn audited(self, method: &Method) -> Option<AuditKind> {
        let is_read = [Method::GET, Method::HEAD].contains(method);
        let is = |scope| self.scopes.contains(&scope);
        let reads = [Scope::ContentRead, Scope::PeopleManage, Scope::KeysManage];
        let commands =
            [Scope::SyncOperate, Scope::ActionsStart, Scope::CostsWrite, Scope::PeopleManage, Scope::KeysManage];
        if is_read && reads.into_iter().any(is) {
            Some(AuditKind::Read)
        } else {
            (!is_read && commands.into_iter().any(is)).then_some(AuditKind::Command)
        }
    }
}

/// An extension of a response that shows content although its route needs no scope for that: it is audited and not
/// stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content;

impl Content {
    /// Marks a response.
    pub(crate) fn mark(mut response: Response) -> Response {
        response.extensions_mut().insert(Self);
        response
    }
}

/// Applies a rule.
pub(crate) async fn apply(State(rule): State<Rule>, request: Request, next: Next) -> Response {
    let Some(policy) = request.extensions().get::<Arc<AccessPolicy>>().cloned() else {
        return ApiError::Panicked("a route is not under the access policy".to_owned()).into_response();
    };
    let ((mut parts, body), mut rest) = (request.into_parts(), None);
    let admitted = admit(&policy, rule, &mut parts, &mut rest).await;
    let request = Request::from_parts(parts, body);
    let mut response = match admitted {
        Ok(entries) => answer(&policy, rule, entries, request, next).await,
        Err(error) => {
            if let ApiError::Access(AccessProblem::OverBudget(over)) = &error {
                rest = over.rest;
            }
            error.into_response()
        }
    };
    if let Some(rest) = rest {
        rest.describe(&mut response);
    }
    let shows_content = response.extensions().get::<Content>().is_some();
    let headers = response.headers_mut();
    if shows_content || [Scope::ContentRead, Scope::PeopleManage].iter().any(|scope| rule.scopes.contains(scope)) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if policy.keys.is_some() {
        headers.append(header::VARY, HeaderValue::from_static("authorization, x-api-key"));
        headers.append(header::VARY, HeaderValue::from_static("cookie"));
    }
    response
}

/// Checks a request; leaves its caller in the extensions, and returns the entries for the audit log.
async fn admit(
    policy: &AccessPolicy,
    rule: Rule,
    parts: &mut Parts,
    rest: &mut Option<Rest>,
) -> Result<Entries, ApiError> {
    let arrival = parts.extensions.get::<Arrival>().cloned().unwrap_or_default();
    let address = arrival.address.clone().unwrap_or_else(|| "unknown".to_owned());
    let now = policy.clock.now();
    let caller = match &policy.keys {
        None => Caller::open(&address),
        Some(ring) => {
            let key = match credential(&parts.headers) {
                Ok(text) => ring.find(&text).await,
                Err(AccessProblem::NoKey) => match page_session::key_id(policy, parts, rule.is_page).await {
                    Ok(key_id) => ring.of_session(&key_id).await,
                    Err(error) => Err(error),
                },
                Err(problem) => Err(problem.into()),
            };
            let key = match key {
                Ok(key) => key,
                Err(error) => {
                    policy.charge_address(&arrival, now)?;
                    return Err(error);
                }
            };
            *rest = policy.budgets.take(&key.key_id, rule.cost, now).map_err(AccessProblem::from)?;
            Caller::with_key(&key, &address)
        }
    };
    let entry = |kind, status| audit_entry(kind, status, rule, &caller, parts, now);
    let problem = if !caller.has_any(rule.scopes) {
        Some(AccessProblem::MissingScope { scopes: rule.scopes })
    } else if caller.sources.limit().is_some_and(<[String]>::is_empty) {
        Some(AccessProblem::NoSourceLeft)
    } else if rule.is_of_all_sources && caller.sources != SourceAccess::All {
        Some(AccessProblem::NotLimited)
    } else {
        None
    };
    if let Some(problem) = problem {
        policy.audit.note(entry(AuditKind::Refused, Some(403))).await;
        return Err(problem.into());
    }
    let audited = rule.audited(&parts.method).map(|kind| entry(kind, None));
    if caller.sources != SourceAccess::All {
        check_object(policy, &caller.sources, parts).await?;
    }
    // what is audited is not kept: its answers are content, keys, or the audit log itself
    if audited.is_none() {
        let reads_content = caller.has_any(&[Scope::ContentRead]);
        parts.extensions.insert(View { sources: caller.sources.clone(), reads_content });
    }
    // only a request that can ask for titles has this entry
    let can_ask = rule.is_page || parts.method != Method::GET || parts.uri.query().is_some();
    let can_show = can_ask && caller.has_any(&[Scope::ContentRead]);
    let of_content = can_show.then(|| {
        let entry = audit_entry(AuditKind::Read, None, rule, &caller, parts, now);
        AuditEntry { scope: Scope::ContentRead.as_str().to_owned(), ..entry }
    });
    parts.extensions.insert(caller);
    Ok(Entries { audited, of_content })
}

/// The entries of a request for the audit log.
struct Entries {
    /// What its rule says; `None`: it is not audited.
    audited: Option<AuditEntry>,
    /// The entry if the answer shows content.
    of_content: Option<AuditEntry>,
}

/// Runs the handler; what is audited is answered only if it is recorded.
async fn answer(policy: &AccessPolicy, rule: Rule, entries: Entries, request: Request, next: Next) -> Response {
    let key_id = request.extensions().get::<Caller>().and_then(|caller| caller.key_id.clone());
    let _turn = match key_id.filter(|_| rule.cost > READ) {
        None => None,
        Some(key_id) => match policy.budgets.query(&key_id, policy.clock.now()).await {
            Ok(turn) => Some(turn),
            Err(over) => return ApiError::from(AccessProblem::from(over)).into_response(),
        },
    };
    match entries.audited {
        None => {
            let response = route::run(rule.may_lag, request, next).await;
            let shows_content = response.extensions().get::<Content>().is_some();
            match entries.of_content.filter(|_| shows_content) {
                Some(entry) => noted(policy, entry, response).await,
                None => response,
            }
        }
        Some(entry) if entry.kind == AuditKind::Command => {
            let audit_id = match policy.audit.begin(entry).await {
                Ok(audit_id) => audit_id,
                Err(error) => return ApiError::from(error).into_response(),
            };
            let response = route::run(rule.may_lag, request, next).await;
            policy.audit.complete(audit_id, response.status().as_u16()).await;
            response
        }
        Some(entry) => {
            let response = route::run(rule.may_lag, request, next).await;
            noted(policy, entry, response).await
        }
    }
}

/// Returns the response once its entry is recorded.
async fn noted(policy: &AccessPolicy, entry: AuditEntry, response: Response) -> Response {
    let status = Some(response.status().as_u16());
    if policy.audit.note(AuditEntry { status, ..entry }).await {
        response
    } else {
        ApiError::NotReady("The audit log cannot be written.").into_response()
    }
}

fn audit_entry(
    kind: AuditKind,
    status: Option<u16>,
    rule: Rule,
    caller: &Caller,
    parts: &Parts,
    now: chrono::DateTime<chrono::Utc>,
) -> AuditEntry {
    let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    AuditEntry {
        at: now,
        kind,
        caller: caller.label.clone(),
        address: caller.address.clone(),
        key_id: caller.key_id.clone(),
        action: format!("{} {route}", parts.method),
        target: parts.uri.path().to_owned(),
        scope: rule.names(),
        status,
        request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
    }
}

/// Refuses a path that names an object of a source that the caller may not see.
async fn check_object(policy: &AccessPolicy, sources: &SourceAccess, parts: &mut Parts) -> Result<(), ApiError> {
    let Ok(path) = RawPathParams::from_request_parts(parts, &()).await else { return Ok(()) };
    for (name, value) in &path {
        let pool = &policy.pool;
        let slug = match (name, value.parse::<i64>()) {
            ("slug", _) => Some(value.to_owned()),
            ("session_id", Ok(number)) => source_of::session(pool, number).await?,
            ("reject_id", Ok(number)) => source_of::rejection(pool, number).await?,
            ("backfill_id", Ok(number)) => source_of::backfill(pool, number).await?,
            // not of a source; or no number, which the handler says
            ("metric_id" | "chart", _) | ("session_id" | "reject_id" | "backfill_id", Err(_)) => continue,
            _ => None, // a new kind of object is none of the caller's until it is known here
        };
        // what does not exist and what is hidden are answered alike
        if slug.is_none_or(|slug| !sources.allows(&slug)) {
            return Err(ApiError::NotFound(absent(name, value)));
        }
    }
    Ok(())
}

/// Returns the words for an object that does not exist.
fn absent(name: &str, value: &str) -> String {
    match name {
        "session_id" => format!("There is no session {value}."),
        "backfill_id" => format!("There is no backfill {value}."),
        "reject_id" => format!("There is no rejected record {value}."),
        _ => "There is no source with this slug. See /v1/sources for the existing ones.".to_owned(),
    }
}
