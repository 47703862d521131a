//! The frame of the API's description, and the page that shows it.
//!
//! The text about metrics is made from the registry. The page is part of the program and loads nothing from
//! elsewhere, so that it works without internet access.

use std::fmt::Write;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::api::etag::EntityTag;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::query::metrics::registry::metrics;

#[derive(OpenApi)]
#[openapi(
    info(title = "Tributary", description = "", license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    components(schemas(Problem)),
    tags(
        (name = "figures", description = "Minutes, resolution and other metrics, by time, provider, source, channel and outcome."),
        (name = "sessions", description = "Conversations, meetings and avatar streams, one by one."),
        (name = "data", description = "Origin of the data, and how far it is complete."),
        (name = "sync", description = "Operator commands to the pollers: pause, resume, run now; and their journal."),
        (name = "actions", description = "Calls that start something at a provider and cost money there, and their journal. Off unless a source allows them."),
        (name = "costs", description = "Prices, and the cost of sessions by these or by other prices."),
        (name = "keys", description = "Keys of API callers, and the audit log."),
        (name = "health", description = "Health of the service and of its polling.")
    )
)]
struct Frame;

const CONVENTIONS: &str = "\
Sessions of several conversation platforms in one form, polled and normalized.

Instants are RFC 3339; ranges are half-open. `freshness` in every response states how far the data behind it is proven \
complete. Zero, unknown and not applicable are three things: a value is 0 only if every stream that feeds it is \
complete past the end of its bucket; otherwise it is the value known so far, or null with a `reason`. Lists are read \
page by page with `cursor`. Unknown parameters are refused. Errors are RFC 9457 problems that name every fault at \
once. Every response has a `Request-Id`, taken from the request or generated.

## Metrics
";

/// Returns the description without its endpoints.
pub(crate) fn base() -> utoipa::openapi::OpenApi {
    let mut document = Frame::openapi();
    let mut text = CONVENTIONS.to_owned();
    for metric in metrics() {
        let (time_column, requires) = (metric.time_column.as_str(), metric.requires.as_str());
        let _ = write!(
            text,
            "\n**`{}`** ({}): {} `{}`, by `{time_column}`, for {requires}. {}\n",
            metric.id,
            metric.unit,
            metric.description,
            metric.formula,
            metric.null_rule()
        );
    }
    document.info.description = Some(text);
    document
}

/// Returns the page that shows the description. Its files are part of the program; it loads nothing from elsewhere.
pub(crate) fn reader(document: &utoipa::openapi::OpenApi) -> Router<ApiState> {
    let config = Config::new(["/openapi.json"]).validator_url("none").try_it_out_enabled(true);
    let page: Router<ApiState> = SwaggerUi::new("/docs").config(config).into();
    let text = Bytes::from(serde_json::to_vec(document).unwrap_or_default());
    let tag = EntityTag::of_body(&text);
    page.route("/openapi.json", get(async move |headers: HeaderMap| tag.respond_with(&headers, text.clone())))
}
