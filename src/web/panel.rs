//! A panel: a figure with its caption, the same values as a table, and the ways to them.
//!
//! A panel without a figure says why: nothing happened and that is known, nothing is known yet, the key lacks a scope,
//! or the read failed.

use askama::Template;

use crate::query::freshness::FreshnessState;
use crate::query::metrics::value::Value;
use crate::web::chart::picture::Picture;
use crate::web::reading::{Answered, METRICS_PATH, Trouble};
use crate::web::table::{Cell, Table};
use crate::web::words;

/// What a panel shows.
#[derive(Debug)]
pub(crate) enum State {
    /// A chart.
    Figure(Picture),
    /// A table, which may hold marks.
    Table(Table),
    /// Nothing, and that is known.
    EmptyAndComplete(String),
    /// Nothing, and it is not known whether that is all.
    EmptyButUnknown(String),
    /// The reason why it cannot be shown.
    Trouble(Trouble),
}

impl State {
    /// Returns its name, for styles and tests.
    fn name(&self) -> &'static str {
        match self {
            Self::Figure(_) | Self::Table(_) => "figure",
            Self::EmptyAndComplete(_) => "empty-and-complete",
            Self::EmptyButUnknown(_) => "empty-but-unknown",
            Self::Trouble(Trouble::Forbidden { .. }) => "forbidden",
            Self::Trouble(Trouble::Failed { .. }) => "error",
        }
    }
}

/// The ways to the values of a panel.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// Path and query of the JSON answer of the API.
    pub(crate) json: Option<String>,
    /// Address of the values as CSV.
    pub(crate) csv: Option<String>,
    /// Address of the marks as a file.
    pub(crate) svg: Option<String>,
    /// Address of the explanation, which has the SQL and the rows.
    pub(crate) explain: Option<String>,
}

impl Links {
    /// Returns the ways to the answer to a metric query.
    pub(crate) fn of(answered: &Answered, explain: Option<String>) -> Self {
        let address = format!("{METRICS_PATH}?{}", answered.question);
        Self { csv: Some(format!("{address}&format=csv")), json: Some(address), svg: None, explain }
    }
}

/// A panel.
#[derive(Debug, Template)]
#[template(path = "panel.html")]
pub(crate) struct Panel {
    /// Id in the document.
    pub(crate) id: String,
    /// Title.
    pub(crate) title: String,
    /// What it shows.
    pub(crate) state: State,
    /// One sentence that says what the figure says.
    pub(crate) caption: String,
    /// Links to what ends a state in which nothing is shown.
    pub(crate) help: Vec<Cell>,
    /// Warnings to read before using the values.
    pub(crate) notes: Vec<String>,
    /// Up to when the data is complete, where that is longer ago than allowed.
    pub(crate) stale: Option<String>,
    /// The same values as a table.
    pub(crate) table: Option<Table>,
    /// The ways to the values.
    pub(crate) links: Option<Links>,
    /// Whether it takes the whole width.
    pub(crate) is_wide: bool,
}

/// What a panel shows of an answer.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The chart, or the table.
    pub(crate) state: State,
    /// One sentence that says what the figure says.
    pub(crate) caption: String,
    /// The same values as a table.
    pub(crate) table: Option<Table>,
}

impl Panel {
    /// A panel in this state, without anything else.
    pub(crate) fn new(id: impl Into<String>, title: impl Into<String>, state: State) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            state,
            caption: String::new(),
            help: Vec::new(),
            notes: Vec::new(),
            stale: None,
            table: None,
            links: None,
            is_wide: false,
        }
    }

    /// A panel of the answer to a metric query. `what` names what there may be none of.
    pub(crate) fn of(
        id: &str,
        title: &str,
        read: &Result<Answered, Trouble>,
        what: &str,
        explain: Option<String>,
        show: impl FnOnce(&Answered) -> Shown,
    ) -> Self {
        let answered = match read {
            Ok(answered) => answered,
            Err(trouble) => return Self::new(id, title, State::Trouble(trouble.clone())),
        };
        let Shown { state, caption, table } = match answered.emptiness(what) {
            Some(state) => Shown { state, caption: String::new(), table: None },
            None => show(answered),
        };
        Self {
            caption,
            table,
            notes: answered.notes(),
            stale: answered.stale(),
            links: Some(Links::of(answered, explain)),
            ..Self::new(id, title, state)
        }
    }

    /// Returns the name of its state.
    fn state_name(&self) -> &'static str {
        self.state.name()
    }
}

impl Answered {
    /// Returns the state of a panel whose answer has nothing to show: no value, or zeros alone.
    pub(crate) fn emptiness(&self, what: &str) -> Option<State> {
        let has_any = |value: &Value| value.value.is_some_and(|value| !value.0.is_zero());
        let is_plotted = self.answer.series.iter().flat_map(|series| &series.data).flatten().any(|it| !it.0.is_zero());
        if is_plotted || self.answer.totals.values().any(has_any) {
            return None;
        }
        let reasons = || self.answer.totals.values().map(|value| value.reason.filter(|_| value.value.is_none()));
        let through = self.complete_through();
        Some(match reasons().flatten().next().filter(|_| reasons().all(|reason| reason.is_some())) {
            None | Some("no_data") if self.is_proven() => {
                State::EmptyAndComplete(format!("No {what} in this period. {through}"))
            }
            None | Some("no_data") => State::EmptyButUnknown(format!("No {what} known in this period. {through}")),
            Some("not_applicable") => {
                State::EmptyAndComplete(format!("Not applicable: what is selected has no {what}."))
            }
            Some("not_fetched") => State::EmptyButUnknown(format!("Not fetched: no selected source fetches {what}.")),
            Some("unknown") if self.lacks_prices() => State::EmptyButUnknown("Unknown: no prices are set.".to_owned()),
            Some("unknown") => {
                State::EmptyButUnknown("Unknown: no session of this period has the data for it.".to_owned())
            }
            Some("not_begun") => State::EmptyAndComplete("The period has not begun.".to_owned()),
            Some("before_history") => {
                State::EmptyButUnknown(format!("The period lies before the history of the sources. {through}"))
            }
            Some("handoff_mapping_missing") => {
                State::EmptyButUnknown("The configuration names no step that hands a chat to a human.".to_owned())
            }
            Some(_) => State::EmptyButUnknown(format!("No data yet for this period. {through}")),
        })
    }

    /// Returns whether it asks for money, and no rate card says what anything costs.
    pub(crate) fn lacks_prices(&self) -> bool {
        self.answer.currency.is_none() && self.answer.series.iter().any(|series| series.unit == "money")
    }

    /// Returns whether the range is proven as far as it has passed.
    fn is_proven(&self) -> bool {
        let freshness = &self.answer.freshness;
        freshness.state == FreshnessState::Fresh
            && freshness.range.is_some_and(|range| range.complete_through.is_some())
    }

    /// Returns a sentence on how far the data is complete.
    pub(crate) fn complete_through(&self) -> String {
        let freshness = &self.answer.freshness;
        let at = freshness.range.and_then(|range| range.complete_through).or(freshness.complete_through);
        at.map_or_else(
            || "The beginning of the period is not proven.".to_owned(),
            |at| format!("Data complete to {}.", self.local(at)),
        )
    }

    /// Returns the same in few words, for a card: the page states the zone.
    pub(crate) fn complete_through_briefly(&self) -> String {
        let freshness = &self.answer.freshness;
        let at = freshness.range.and_then(|range| range.complete_through).or(freshness.complete_through);
        let brief = |at| self.local(at).get(5..16).map(|at| format!("complete to {at}"));
        at.and_then(brief).unwrap_or_else(|| "not proven".to_owned())
    }

    /// Returns an instant in the zone of the query.
    pub(crate) fn local(&self, at: chrono::DateTime<chrono::Utc>) -> String {
        crate::web::layout::local(at, self.answer.query.zone)
    }

    /// Returns warnings to read before using the values.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.answer.warnings.iter().map(words::warning).collect()
    }

    /// Returns up to when the data is complete, where that is longer ago than allowed.
    pub(crate) fn stale(&self) -> Option<String> {
        (self.answer.freshness.state == FreshnessState::Stale).then(|| self.complete_through())
    }
}
