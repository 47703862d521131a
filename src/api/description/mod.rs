//! The frame of the API's description, what is completed in it as a whole, and the page that shows it.
//!
//! What several endpoints share stands once, as a component, and they refer to it. The text about metrics is made from
//! the registry. The page is part of the program and loads nothing from elsewhere, so that it works without internet
//! access.

mod repeated;
pub(crate) mod types;
mod words;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::get;
use serde::{Serialize, ser::Error};
use serde_json::ser::{Formatter, Serializer};
use utoipa::OpenApi;
use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::{Ref, RefOr};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::api::description::repeated::operations;
use crate::api::etag::EntityTag;
use crate::api::problem::Problem;
use crate::api::state::ApiState;

#[derive(OpenApi)]
#[openapi(
    info(title = "Tributary", description = CONVENTIONS, license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    servers((url = "/", description = "The service that this description comes from.")),
    components(schemas(Problem)),
    tags(
        (name = "figures", description = "Minutes, resolution and other metrics, by time, provider, source, channel and outcome."),
        (name = "sessions", description = "Conversations, meetings and avatar streams, one by one."),
        (name = "data", description = "Origin of the data, and how far it is complete."),
        (name = "sync", description = "Operator commands to the pollers: pause, resume, run now; and their journal."),
        (name = "actions", description = "Calls that start something at a provider and cost money there, and their journal. Off unless a source allows them."),
        (name = "costs", description = "Prices, and the cost of sessions by these or by other prices."),
        (name = "people", description = "Erasure and export of one person."),
        (name = "keys", description = "Keys of API callers, and the audit log."),
        (name = "health", description = "Health of the service and of its polling.")
    )
)]
struct Frame;

const CONVENTIONS: &str = "\
Sessions of several conversation platforms in one form, polled and normalized.

Instants are RFC 3339; ranges are half-open. `freshness` in every response states how far the data behind it is proven \
complete. Zero, unknown and not applicable are three things: a value is 0 only if every stream that feeds it is \
complete past the end of its bucket, or so far in a bucket in progress; otherwise it is the value known so far, or null \
with a `reason`. `/v1/metrics` defines every metric.

Of a list parameter any value may match; values are comma-separated, and a filter of metrics also takes a JSON array of \
texts. Unknown parameters are refused. Lists are read page by page with `cursor`; the `Link` header names the next page. \
As a table, a list without `limit` and `cursor` is whole. A response with an `ETag` is 304 while it has not changed. \
Commands are commanded once and answer what they changed; their body may be empty. Errors are RFC 9457 problems that \
name every fault at once. Every response has a `Request-Id`, taken from the request or generated.
";

/// Returns the description without its endpoints.
pub(crate) fn base() -> utoipa::openapi::OpenApi {
    let mut document = Frame::openapi();
    document.components.get_or_insert_default().schemas.extend(words::schemas().chain(types::schemas()));
    document
}

/// Completes the description: types, shared parameters, and links between calls.
pub(crate) fn complete(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let components = document.components.get_or_insert_default();
    let all = components.schemas.clone();
    for (name, schema) in &mut components.schemas {
        types::flatten(schema, &all);
        types::refer_to_lists(name, schema);
        repeated::leave_to_type(schema);
    }
    let mut uses: BTreeMap<String, Vec<(Parameter, String)>> = BTreeMap::new();
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let id = operation.operation_id.clone().unwrap_or_default();
        link(&id, operation);
        for given in operation.parameters.iter_mut().flatten() {
            let RefOr::T(parameter) = given else { continue };
            let parameter = types::typed(&id, parameter.clone());
            *given = RefOr::T(parameter.clone());
            uses.entry(key(&parameter)).or_default().push((parameter, id.clone()));
        }
    }
    uses.retain(|_, uses| uses.len() > 1);
    let mut names = BTreeMap::new();
    let mut by_use: Vec<_> = uses.into_iter().collect();
    by_use.sort_by_key(|(_, uses)| std::cmp::Reverse(uses.len()));
    for (key, uses) in by_use {
        let Some((parameter, operation)) = uses.into_iter().next() else { continue };
        let mut name = parameter.name.clone();
        if components.parameters.contains_key(&name) {
            name = format!("{name}_of_{operation}");
        }
        components.parameters.insert(name.clone(), RefOr::T(parameter));
        names.insert(key, name);
    }
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        for given in operation.parameters.iter_mut().flatten() {
            let RefOr::T(parameter) = &*given else { continue };
            if let Some(name) = names.get(&key(parameter)) {
                *given = RefOr::Ref(Ref::new(format!("#/components/parameters/{name}")));
            }
        }
    }
    repeated::share_examples(&mut document);
    repeated::leave_out_unused(&mut document);
    document
}

/// Returns what makes two parameters the same.
fn key(parameter: &Parameter) -> String {
    serde_json::to_string(parameter).unwrap_or_default()
}

/// Calls that follow others: the first call, the next ones, the parameter to pass, and where its value comes from.
const LINKS: [(&str, &[&str], &str, &str); 10] = [
    ("list_sources", &["pause_source", "resume_source", "start_runs"], "slug", "$response.body#/items/0/source"),
    ("pause_source", &["resume_source"], "slug", "$request.path.slug"),
    ("list_backfills", &["read_backfill"], "backfill_id", "$response.body#/items/0/backfill_id"),
    ("read_backfill", &["pause_backfill", "resume_backfill"], "backfill_id", "$request.path.backfill_id"),
    ("list_rejections", &["read_rejection"], "reject_id", "$response.body#/items/0/reject_id"),
    ("read_rejection", &["replay_rejection"], "reject_id", "$request.path.reject_id"),
    ("list_sessions", &["read_session"], "session_id", "$response.body#/items/0/session_id"),
    (
        "read_session",
        &[
            "list_messages",
            "list_participants",
            "read_transcript",
            "read_summary",
            "list_quality",
            "read_timeline",
            "read_provenance",
        ],
        "session_id",
        "$request.path.session_id",
    ),
    ("list_metrics", &["read_metric"], "metric_id", "$response.body#/items/0/id"),
    ("create_key", &["rotate_key", "revoke_key"], "key_id", "$response.body#/key_id"),
];

/// Adds the calls that follow an operation to its successful response.
fn link(id: &str, operation: &mut Operation) {
    let follows = LINKS.iter().filter(|(from, ..)| *from == id);
    let success = operation.responses.responses.iter_mut().find(|(status, _)| status.starts_with('2'));
    let Some((_, RefOr::T(response))) = success else { return };
    for (next, parameter, value) in
        follows.flat_map(|(_, next, parameter, value)| next.iter().map(move |next| (next, parameter, value)))
    {
        let link = LinkBuilder::new().operation_id(*next).parameter(*parameter, *value);
        response.links.insert((*next).to_owned(), RefOr::T(link.build()));
    }
}

/// Writes JSON with a line for each member of the three outer objects.
struct ByPart {
    depth: usize,
}

impl Formatter for ByPart {
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        writer.write_all(b"{")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, is_first: bool) -> io::Result<()> {
        writer.write_all(if is_first { b"" } else { b"," })?;
        writer.write_all(if self.depth <= 3 { b"\n" } else { b"" })
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"}")
    }
}

/// Returns the description as text.
pub(crate) fn text(document: &utoipa::openapi::OpenApi) -> serde_json::Result<String> {
    let mut text = Vec::new();
    document.serialize(&mut Serializer::with_formatter(&mut text, ByPart { depth: 0 }))?;
    let text = String::from_utf8(text).map_err(serde_json::Error::custom)?;
    // what is said where nothing is; in a text the quotes would be escaped
    Ok(text.replace(r#","required":false"#, ""))
}

/// The description as it is served.
pub(crate) struct Served {
    tag: EntityTag,
    text: Bytes,
}

impl Served {
    pub(crate) fn new(text: String) -> Self {
        Self { tag: EntityTag::of_body(text.as_bytes()), text: Bytes::from(text) }
    }
}

/// Returns the page that shows the description. Its files are part of the program; it loads nothing from elsewhere.
pub(crate) fn reader(served: &'static LazyLock<Served>) -> Router<ApiState> {
    let config = Config::new(["/openapi.json"]).validator_url("none").try_it_out_enabled(true).deep_linking(true);
    let page: Router<ApiState> = SwaggerUi::new("/docs").config(config).into();
    let respond = async |headers: HeaderMap| served.tag.respond_with(&headers, served.text.clone());
    page.route("/openapi.json", get(respond))
}
