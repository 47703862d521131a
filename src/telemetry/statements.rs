//! Names of SQL statements, and the line about a slow one.
//!
//! A statement is named after the file and the item that hold its text. The build finds the texts (`build.rs`), so that
//! no statement needs a name of its own, and none can lack one. This module knows no statement.

use std::fmt::{self, Debug};

use tracing::callsite::Identifier;
use tracing::field::{Field, FieldSet, Value, Visit};
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Callsite, Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Texts with single spaces, and the longest fixed part of those with parts that are filled in; and their names.
static TEXTS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/statements.rs"));

/// Returns the name of a statement: that of the longest known text in it.
pub fn name(sql: &str) -> Option<&'static str> {
    let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    let known = TEXTS.iter().filter(|(text, _)| sql.contains(text));
    known.max_by_key(|(text, _)| text.len()).map(|(_, name)| *name)
}

/// Writes events as `F` does, and the driver's event about a slow statement with the name in place of the text.
#[derive(Debug)]
pub(super) struct Named<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for Named<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        let is_slow = *metadata.level() == Level::WARN && metadata.fields().field("db.statement").is_some();
        let mut fields = SLOW.fields().iter();
        let named = [fields.next(), fields.next(), fields.next(), fields.next(), fields.next()];
        let (true, [Some(message), Some(statement), Some(seconds), Some(returned), Some(affected)]) = (is_slow, named)
        else {
            return self.0.format_event(context, writer, event);
        };
        let mut driver = DriverEvent::default();
        event.record(&mut driver);
        let name = driver.name();
        let values: [(&Field, Option<&dyn Value>); 5] = [
            (&message, Some(&"a statement was slow")),
            (&statement, Some(&name)),
            (&seconds, Some(&driver.seconds)),
            (&returned, Some(&driver.rows_returned)),
            (&affected, Some(&driver.rows_affected)),
        ];
        self.0.format_event(context, writer, &Event::new(&SLOW, &SLOW.fields().value_set(&values)))
    }
}

/// What the driver reports about a statement.
#[derive(Default)]
struct DriverEvent {
    /// The first words; all of a short statement.
    summary: String,
    text: String,
    seconds: f64,
    rows_returned: u64,
    rows_affected: u64,
}

impl DriverEvent {
    fn name(&self) -> String {
        let text = if self.text.is_empty() { &self.summary } else { &self.text };
        name(text).map_or_else(|| self.summary.clone(), ToOwned::to_owned)
    }
}

impl Visit for DriverEvent {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.text),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "rows_returned" => self.rows_returned = value,
            "rows_affected" => self.rows_affected = value,
            _ => {}
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.seconds = value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// The event that is written about a slow statement.
static SLOW: Metadata<'static> = Metadata::new(
    "slow statement",
    "tributary::statements",
    Level::WARN,
    None,
    None,
    None,
    FieldSet::new(&["message", "statement", "seconds", "rows_returned", "rows_affected"], Identifier(&SlowSite)),
    Kind::EVENT,
);

struct SlowSite;

impl Callsite for SlowSite {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        &SLOW
    }
}
