//! *Explain*: one value with its definition, its composition, what it leaves out, what changed, and the SQL. The rows
//! behind it, and behind each of its parts, have a page of their own ([`rows`]).

pub(crate) mod rows;

use askama::Template;
use axum::http::Uri;
use axum::response::Response;
use serde_json::{Map, Value};

use crate::api::formats::cell::Cell as Exact;
use crate::api::metrics::explain::explained;
use crate::api::parameters::Asked;
use crate::api::problem::ApiError;
use crate::model::api_key::Scope;
use crate::query::metrics::explain::{Explanation, Part};
use crate::query::metrics::registry;
use crate::query::number::Number;
use crate::web::card::remarks;
use crate::web::figure::{Figure, Measured, grouped, reason_text};
use crate::web::layout::{Section, local};
use crate::web::panel::{Panel, State};
use crate::web::reading::Reading;
use crate::web::selection::{Selection, escape};
use crate::web::table::{Cell, Table};
use crate::web::visit::Visit;
use crate::web::words;

/// Address of explanations.
const PATH: &str = "/v1/metrics/explain";

/// A metric of the picker.
struct MetricChoice {
    id: &'static str,
    label: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "explain.html")]
struct Explain {
    metrics: Vec<MetricChoice>,
    hidden: Vec<(String, String)>,
    json: String,
    /// The explanation, or a panel that says why there is none.
    read: Result<Box<Explained>, Panel>,
}

/// An explanation as readers see it.
struct Explained {
    explanation: Explanation,
    figure: Figure,
    period: String,
    description: String,
    null_rule: String,
    /// What the value is made of, and what is unknown.
    remarks: Vec<String>,
    /// The compared period: its dates, its value, and the change since.
    before: Option<(String, [Figure; 2])>,
    panels: Vec<Panel>,
    /// Address of the rows behind it.
    rows: String,
    sessions: String,
}

/// Answers with the section.
pub(crate) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let reading = Reading::open(&visit).await?;
    let selection = &visit.selection;
    let metric = selection.get("metric").unwrap_or(rows::DEFAULT_METRIC);
    let group = selection.get("group").map(|group| format!("&group={}", escape(group))).unwrap_or_default();
    let compare = selection.get("compare").map(|compare| format!("&compare={}", escape(compare))).unwrap_or_default();
    let json = format!("{PATH}?{}", selection.question(&format!("metrics={}{group}{compare}", escape(metric))));
    let read = async {
        let address = json.parse::<Uri>().map_err(|_| ApiError::NoSuchPath)?;
        explained(&visit.state, Asked::of(&address)?).await
    };
    let read = match reading.part(&[Scope::MetricsRead], Box::pin(read)).await {
        Ok(explanation) => Ok(Box::new(Explained::of(&visit, explanation))),
        Err(trouble) => Err(Panel::new("explanation", metric, State::Trouble(trouble))),
    };
    let panels = read.as_ref().map_or_else(std::slice::from_ref, |it| &it.panels[..]);
    if let Some(file) = visit.file(&reading, panels) {
        return file;
    }
    let choice = |it: &'static crate::query::metrics::measure::Metric| MetricChoice {
        id: it.id,
        label: it.label,
        is_chosen: it.id == metric,
    };
    let hidden = selection.hidden(&["metric", "group"]).into_iter().cloned().collect();
    let body = Explain { metrics: registry::metrics().map(choice).collect(), hidden, json, read };
    visit.respond(Section::Explain, &reading, &body)
}

/// Writes the numbers of an explanation.
#[derive(Clone, Copy)]
struct Words<'a> {
    measured: Measured<'a>,
    zone: &'a str,
}

impl Words<'_> {
    fn value(self, number: Option<Number>) -> Cell {
        let cell = Cell::number(self.measured.figure(number, Some("none")).text);
        Cell { exact: number.map(|number| Exact::Decimal(number.0)), ..cell }
    }

    fn signed(self, number: Option<Number>) -> Cell {
        let value = self.value(number);
        Cell { text: number.map_or(value.text, |number| self.measured.change(number.0)), ..value }
    }

    fn change(self, number: Option<Number>) -> Figure {
        Figure { text: self.signed(number).text, exact: number.map(|number| number.to_string()) }
    }
}

impl Explained {
    fn of(visit: &Visit, explanation: Explanation) -> Self {
        let selection = &visit.selection;
        let zone = Self::zone(&explanation, selection);
        let measured =
            Measured { metric: explanation.metric, unit: explanation.unit, currency: explanation.currency.as_deref() };
        let words = Words { measured, zone: &zone };
        let mut tables = vec![
            (
                "parts".to_owned(),
                format!("Composition by {}", words::field(explanation.parts.by)),
                parts(selection, &explanation, words),
            ),
            ("left-out".to_owned(), "Left out".to_owned(), left_out(&explanation, words)),
            (
                "changed".to_owned(),
                format!("Changed since {}", local(explanation.changed.since, &zone)),
                changed(&explanation, words),
            ),
        ];
        tables.extend(drivers(&explanation, words));
        let minute = |instant: &str| instant.get(..16).unwrap_or(instant).replace('T', " ");
        let bucket = &explanation.bucket;
        let period = format!(
            "{} until {}, {zone} ({})",
            minute(&bucket.start),
            minute(&bucket.end),
            reason_text(bucket.status.as_str())
        );
        Self {
            figure: measured.total(&explanation.figure),
            period,
            description: words::plain(explanation.description),
            null_rule: words::rule(&explanation.null_rule),
            remarks: remarks(explanation.metric, &explanation.figure),
            before: explanation.previous.as_ref().map(|previous| {
                let dates = format!("{} until {}", minute(&previous.from), minute(&previous.to));
                (dates, [measured.total(&previous.figure), words.change(previous.change)])
            }),
            panels: tables
                .into_iter()
                .map(|(id, title, table)| Panel::new(id, title, State::Table(table)).with_files(visit))
                .collect(),
            rows: match rows_link(selection, &explanation, None) {
                Some(rows) => rows,
                None => explanation.rows.clone(),
            },
            sessions: selection.link("/sessions"),
            explanation,
        }
    }
}

/// Returns the address of the rows behind a value, or behind one of its parts; `None`: they belong to no session.
fn rows_link(selection: &Selection, explanation: &Explanation, part: Option<(&str, Option<&str>)>) -> Option<String> {
    explanation.rows.starts_with(rows::PATH).then_some(())?;
    let group = selection.get("group").and_then(|group| serde_json::from_str::<Map<String, Value>>(group).ok());
    let mut group = group.unwrap_or_default();
    group.extend(part.map(|(by, class)| (by.to_owned(), Value::from(class))));
    let group = (!group.is_empty()).then(|| Value::Object(group).to_string());
    let selection = selection.with("metric", Some(explanation.metric)).with("group", group.as_deref());
    Some(selection.link_with("/explain/rows", &["metric", "group"]))
}

fn parts(selection: &Selection, explanation: &Explanation, words: Words<'_>) -> Table {
    let by = explanation.parts.by;
    let is_ratio = explanation.parts.items.iter().any(|part| part.denominator.is_some());
    let text = |class: &String| words::value(by, class).unwrap_or_else(|| class.clone());
    let name = |part: &Part| {
        let name = part.class.as_ref().map_or_else(|| "(none)".to_owned(), text);
        match rows_link(selection, explanation, Some((by, part.class.as_deref()))) {
            Some(rows) => Cell::link(name, rows),
            None => Cell::text(name),
        }
    };
    let plain = |number: Option<Number>| Cell::number(number.map_or_else(|| "none".to_owned(), |it| grouped(it.0, 1)));
    let row = |part: &Part| {
        let values =
            if is_ratio { vec![plain(part.numerator), plain(part.denominator)] } else { vec![words.value(part.value)] };
        std::iter::once(name(part)).chain(values).chain([Cell::count(part.unknown_count.unwrap_or(0))]).collect()
    };
    let heads: &[&str] = if is_ratio { &["Numerator", "Denominator", "Unknown"] } else { &["Value", "Unknown"] };
    let heads = heads.iter().map(|head| Cell::number(*head));
    Table {
        head: std::iter::once(Cell::text(words::heading(by))).chain(heads).collect(),
        rows: explanation.parts.items.iter().map(row).collect(),
        ends: None,
    }
}

fn left_out(explanation: &Explanation, words: Words<'_>) -> Table {
    let (out, classes) = (&explanation.left_out, &explanation.classes);
    let counts = [
        ("Rows in scope", Some(classes.rows)),
        ("Counted", Some(classes.counted)),
        ("Counted, of which a part is unknown", Some(classes.partly_known)),
        ("Unknown: they lack the data", Some(out.unknown)),
        ("Open, active in the last 24 hours", out.open),
        ("Open, not active in the last 24 hours", out.stale_open),
        ("Not what the metric is about", Some(classes.not_measured)),
        ("At sources to which it does not apply", Some(out.not_applicable)),
        ("Deleted at the provider", Some(out.deleted)),
        ("Breakout rooms", Some(out.breakout_rooms)),
        ("Records that could not be normalized", Some(out.rejected)),
    ];
    let counts = counts.into_iter().filter_map(|(name, count)| Some(vec![Cell::text(name), Cell::count(count?)]));
    let stretches = out.out_of_coverage.iter().map(|stretch| {
        let range = format!("{} until {}", local(stretch.from, words.zone), local(stretch.to, words.zone));
        let name = format!("{}: {}, {range}", stretch.source, reason_text(stretch.reason));
        vec![Cell::text(name), Cell::number("unknown")]
    });
    Table { head: vec![Cell::text("Rows"), Cell::number("Count")], rows: counts.chain(stretches).collect(), ends: None }
}

fn changed(explanation: &Explanation, words: Words<'_>) -> Table {
    let changes = &explanation.changed;
    let then = match &changes.value_then {
        Some(value) => words.measured.total(value).text,
        None => "not kept".to_owned(),
    };
    let gone = changes.sessions_gone.map_or_else(|| Cell::number("not kept"), Cell::count);
    let mut rows = vec![
        vec![Cell::text("Value then"), Cell::number(then)],
        vec![Cell::text("New sessions"), Cell::count(changes.sessions_new)],
        vec![Cell::text("Changed sessions"), Cell::count(changes.sessions_changed)],
        vec![Cell::text("Sessions that no longer count"), gone],
    ];
    let field = |field: &crate::query::metrics::explain::ChangedField| {
        vec![Cell::text(format!("Changed {}", words::field(&field.field))), Cell::count(field.session_count)]
    };
    rows.extend(changes.fields.iter().map(field));
    Table { head: vec![Cell::text("Since then"), Cell::number("Count")], rows, ends: None }
}

/// Returns a table for each dimension, with the groups that drive the change since the compared period.
fn drivers(explanation: &Explanation, words: Words<'_>) -> Vec<(String, String, Table)> {
    let Some(previous) = &explanation.previous else { return Vec::new() };
    let head = ["Group", "Before", "Now", "Contribution"];
    // one group alone explains nothing
    let telling = previous.drivers.iter().filter(|drivers| drivers.groups.len() > 1);
    let tables = telling.map(|drivers| {
        let all = vec![
            Cell::text("All"),
            words.value(previous.figure.value),
            words.value(explanation.figure.value),
            words.signed(previous.change),
        ];
        let groups = drivers.groups.iter().map(|driver| {
            let name = driver.group.as_deref().unwrap_or("(none)");
            let text = words::value(drivers.dimension, name).unwrap_or_else(|| words::brief(name));
            let name = Cell { full: (text != name).then(|| name.to_owned()), ..Cell::text(text) };
            let contribution = words.signed(Some(driver.contribution));
            vec![name, words.value(driver.previous), words.value(driver.value), contribution]
        });
        let other = drivers.other.iter().map(|other| {
            let name = Cell::text(format!("{} others", other.group_count));
            vec![name, Cell::number(""), Cell::number(""), words.signed(Some(other.contribution))]
        });
        let title = format!("Drivers of the change, by {}", words::field(drivers.dimension));
        let head =
            head.iter().enumerate().map(|(at, name)| if at == 0 { Cell::text(*name) } else { Cell::number(*name) });
        (
            format!("drivers-{}", drivers.dimension),
            title,
            Table { head: head.collect(), rows: std::iter::once(all).chain(groups).chain(other).collect(), ends: None },
        )
    });
    tables.collect()
}

impl Explained {
    /// Returns the zone in which instants are shown.
    fn zone(explanation: &Explanation, selection: &Selection) -> String {
        let of_link = explanation.rows.split(['?', '&']).find_map(|pair| pair.strip_prefix("zone="));
        selection.get("zone").or(of_link).unwrap_or("UTC").to_owned()
    }
}
