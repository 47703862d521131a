//! The declaration of routes: each with its rule, or open by name.
//!
//! There is no other way to add one, so that no route is without a rule. The description of the API states the same.

use axum::{Router, middleware};
use utoipa::openapi::security::{ApiKey, ApiKeyValue};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, OpenApi, PathItem};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::api::access::guard::{QUERY, Rule, apply};
use crate::api::memory::recall;
use crate::api::problem_responses::{self, named};
use crate::api::state::ApiState;
use crate::model::api_key::Scope;

/// Routes, each with its rule.
pub(crate) struct Routes(OpenApiRouter<ApiState>);

impl Routes {
    pub(crate) fn new(mut document: OpenApi) -> Self {
        let mut components = ComponentsBuilder::from(document.components.take().unwrap_or_default());
        for (name, response) in problem_responses::components() {
            components = components.response(name, response);
        }
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A key of `tributary keys`."));
        let api_key = ApiKeyValue::with_description("X-Api-Key", "The same key.");
        let components = components
            .security_scheme("bearer", SecurityScheme::Http(bearer.build()))
            .security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(api_key)));
        document.components = Some(components.build());
        Self(OpenApiRouter::with_openapi(document))
    }

    /// Adds a route that needs no key. It must not show what is stored.
    pub(crate) fn open(self, (schemas, mut paths, methods): UtoipaMethodRouter<ApiState>) -> Self {
        for item in paths.paths.values_mut() {
            document(item, None);
        }
        Self(self.0.routes((schemas, paths, methods)))
    }

    /// Adds a route that needs one of these scopes.
    pub(crate) fn read(self, scopes: &'static [Scope], routes: UtoipaMethodRouter<ApiState>) -> Self {
        self.add(Rule::of_read(scopes), routes)
    }

    /// Adds a route that reads what dashboards show.
    pub(crate) fn data(self, scopes: &'static [Scope], routes: UtoipaMethodRouter<ApiState>) -> Self {
        self.add(Rule::of_read(scopes).lagging(), routes)
    }

    /// Adds a metric query.
    pub(crate) fn query(self, scopes: &'static [Scope], routes: UtoipaMethodRouter<ApiState>) -> Self {
        self.add(Rule { cost: QUERY, ..Rule::of_read(scopes) }.lagging(), routes)
    }

    /// Adds a route that concerns all sources at once.
    pub(crate) fn of_all_sources(self, scopes: &'static [Scope], routes: UtoipaMethodRouter<ApiState>) -> Self {
        self.add(Rule { is_of_all_sources: true, ..Rule::of_read(scopes) }, routes)
    }

    fn add(self, rule: Rule, (schemas, mut paths, methods): UtoipaMethodRouter<ApiState>) -> Self {
        for item in paths.paths.values_mut() {
            document(item, Some(rule));
        }
        // the last is the outermost: no answer from memory passes the rule
        let methods = methods.layer(middleware::from_fn(recall)).layer(middleware::from_fn_with_state(rule, apply));
        Self(self.0.routes((schemas, paths, methods)))
    }

    /// Returns the router, and the description that is yet to be completed.
    pub(crate) fn split(self) -> (Router<ApiState>, OpenApi) {
        self.0.split_for_parts()
    }
}

/// Adds the scopes of a rule, and the problems it can give, to the description of a path.
fn document(item: &mut PathItem, rule: Option<Rule>) {
    let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
    for operation in operations.into_iter().flatten() {
        let scopes = rule.map_or(&[][..], |rule| rule.scopes);
        let of = |scheme: &str| {
            let requirement = move |scope: &Scope| SecurityRequirement::new(scheme, [scope.as_str()]);
            scopes.iter().map(requirement).collect::<Vec<_>>()
        };
        operation.security = Some([of("bearer"), of("api_key")].concat());
        let of_rule: &[&str] = if rule.is_some() {
            &["Unauthorized", "Forbidden", "Misdirected", "TooManyRequests"]
        } else {
            &["Misdirected"]
        };
        for (status, response) in named(of_rule) {
            operation.responses.responses.entry(status).or_insert(response);
        }
    }
}
