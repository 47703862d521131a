//! What polling has written down, as tables at addresses of their own: runs, rejected records, unknown values and
//! commands. Each is a list of the API, of one stream or of all that the page selects.

use axum::http::Uri;
use axum::response::Response;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::api::drift::drift_of;
use crate::api::formats::cell::Cell as Exact;
use crate::api::page::List;
use crate::api::problem::ApiError;
use crate::api::rejections::list::rejections_of;
use crate::api::runs::runs_of;
use crate::api::source_list::ListRequest;
use crate::api::sync::operations::operations_of;
use crate::model::api_key::Scope;
use crate::query::drift::Drift;
use crate::query::operations::Operation;
use crate::query::rejections::Rejection;
use crate::query::runs::Run;
use crate::web::data_health::stream::dated;
use crate::web::layout::Section;
use crate::web::listing::{PAGE, Shown, respond};
use crate::web::reading::Reading;
use crate::web::selection::escape;
use crate::web::table::Cell;
use crate::web::visit::Visit;
use crate::web::words;
use crate::web::zoned::Zoned;

/// A list of the API.
struct Named {
    path: &'static str,
    id: &'static str,
    title: &'static str,
    what: &'static str,
    /// Parameters that choose its items.
    fields: &'static [&'static str],
}

/// A column: its name, and whether it holds numbers.
type Column = (&'static str, bool);

/// Reads the page of a list that the address asks for, and shows it.
async fn shown<T, F, R>(
    visit: Visit,
    named: Named,
    read: impl FnOnce(ListRequest<F>) -> R,
    columns: &[Column],
    row: impl Fn(&T, Zoned) -> Vec<Cell>,
) -> Result<Response, ApiError>
where
    F: IntoParams + DeserializeOwned,
    R: Future<Output = Result<List<T>, ApiError>>,
{
    let reading = Reading::open(&visit).await?;
    let (selection, zoned) = (&visit.selection, Zoned::of(&visit));
    let given = |name: &&str| Some(format!("&{name}={}", escape(selection.get(name)?)));
    let chosen: String = named.fields.iter().filter_map(given).collect();
    let cursor = given(&"cursor").unwrap_or_default();
    let list = reading.part(&[Scope::HealthRead], async {
        let address = format!("{}?{PAGE}{chosen}{cursor}", named.path);
        let address = address.parse::<Uri>().map_err(|_| ApiError::NoSuchPath)?;
        read(ListRequest::of(visit.state.clone(), address).await?).await
    });
    let list = Box::pin(list).await;
    let of = ["source", "stream"].iter().filter_map(|name| selection.get(name));
    let of = of.fold(named.title.to_owned(), |title, name| format!("{title} · {name}"));
    let head = columns.iter().map(|(name, is_number)| if *is_number { Cell::number(*name) } else { Cell::text(*name) });
    let shown = Shown {
        id: named.id,
        title: of,
        what: named.what,
        ways: vec![Cell::link("All streams", selection.link("/data-health"))],
        json: format!("{}?{}", named.path, chosen.trim_start_matches('&')),
        head: head.collect(),
        row: &|item| row(item, zoned),
    };
    respond(&visit, Section::DataHealth, &reading, shown, list)
}

const OF_STREAM: &[&str] = &["source", "stream"];

/// Answers with the runs.
pub(crate) async fn runs(visit: Visit) -> Result<Response, ApiError> {
    let named = Named { path: "/v1/sync/runs", id: "runs", title: "Runs", what: "run", fields: OF_STREAM };
    let columns = [
        ("Began", false),
        ("Verdict", false),
        ("New", true),
        ("Changed", true),
        ("Why", false),
        ("Read", true),
        ("Rejected", true),
        ("Range", false),
        ("Stream", false),
        ("Run", true),
    ];
    shown(visit, named, runs_of, &columns, run).await
}

fn run(run: &Run, zoned: Zoned) -> Vec<Cell> {
    let verdict = run.verdict.as_deref().unwrap_or("running");
    let why = run.error_detail.as_deref().or(run.reason.as_deref()).or(run.error_class.as_deref());
    let why = words::plain(why.unwrap_or_default());
    let range = run.window_from.zip(run.window_to);
    vec![
        zoned.minute_cell(run.started_at),
        Cell { is_failing: !matches!(verdict, "complete" | "running"), ..Cell::text(verdict.replace('_', " ")) },
        Cell::count(run.inserted_count),
        Cell::count(run.updated_count),
        Cell::text(zoned.instants(&why)).exactly(Exact::Text(why)),
        Cell::count(run.record_count),
        Cell::count(run.rejected_count),
        range.map_or_else(|| Cell::text("none"), |(from, to)| dated(zoned, |at| format!("{} to {}", at(from), at(to)))),
        Cell::text(format!("{} · {}, {}", run.source, run.stream, run.purpose)),
        Cell::number(run.run_id.to_string()).exactly(Exact::Integer(run.run_id)),
    ]
}

/// Answers with the rejected records.
pub(crate) async fn rejections(visit: Visit) -> Result<Response, ApiError> {
    let named = Named {
        path: "/v1/sync/rejections",
        id: "rejections",
        title: "Rejected records",
        what: "record is rejected",
        fields: OF_STREAM,
    };
    let columns = [
        ("Last seen", false),
        ("Reason", false),
        ("Place", false),
        ("Record", false),
        ("Times", true),
        ("First seen", false),
        ("Stream", false),
    ];
    shown(visit, named, rejections_of, &columns, rejection).await
}

fn rejection(one: &Rejection, zoned: Zoned) -> Vec<Cell> {
    let place = if one.json_pointer.is_empty() { "the whole record" } else { &one.json_pointer };
    let record = one.provider_record_id.as_deref().unwrap_or("unreadable");
    vec![
        zoned.minute_cell(one.last_seen_at),
        Cell::text(format!("{}: {}", one.reason_code.replace('_', " "), one.detail)),
        Cell::text(place),
        Cell::link(record, format!("/v1/sync/rejections/{}", one.reject_id)),
        Cell::count(one.seen_count),
        zoned.minute_cell(one.first_seen_at),
        Cell::text(format!("{} · {}", one.source, one.stream)),
    ]
}

/// Answers with the fields and values that this version does not know.
pub(crate) async fn drift(visit: Visit) -> Result<Response, ApiError> {
    let named = Named {
        path: "/v1/sync/drift",
        id: "drift",
        title: "Unknown fields and values",
        what: "unknown field or value",
        fields: OF_STREAM,
    };
    let columns = [
        ("Last seen", false),
        ("What", false),
        ("Place", false),
        ("Value", false),
        ("Records", true),
        ("First seen", false),
        ("Stream", false),
    ];
    shown(visit, named, drift_of, &columns, unknown).await
}

fn unknown(one: &Drift, zoned: Zoned) -> Vec<Cell> {
    vec![
        zoned.minute_cell(one.last_seen_at),
        Cell::text(one.kind.replace('_', " ")),
        Cell::text(if one.path.is_empty() { "the whole record" } else { &one.path }),
        Cell::text(one.value.as_deref().unwrap_or("not shown: it may be personal")),
        Cell::count(one.record_count),
        zoned.minute_cell(one.first_seen_at),
        Cell::text(format!("{} · {}", one.source, one.stream)),
    ]
}

/// Answers with the commands of operators.
pub(crate) async fn commands(visit: Visit) -> Result<Response, ApiError> {
    let named =
        Named { path: "/v1/sync/operations", id: "commands", title: "Commands", what: "command", fields: &["source"] };
    let columns = [("Requested", false), ("Command", false), ("Of", false), ("By", false), ("Request", false)];
    shown(visit, named, operations_of, &columns, command).await
}

fn command(one: &Operation, zoned: Zoned) -> Vec<Cell> {
    let of = [&one.source, &one.stream, &one.target].into_iter().flatten().map(String::as_str).collect::<Vec<_>>();
    vec![
        zoned.minute_cell(one.requested_at),
        Cell::text(words::plain(&one.kind)),
        Cell::text(if of.is_empty() { "all sources".to_owned() } else { of.join(" · ") }),
        Cell::text(&one.requested_by),
        Cell::text(one.request_id.as_deref().unwrap_or("command line")),
    ]
}
