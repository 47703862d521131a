//! A section made of metrics: its cards and panels as data, read with one batch of queries.

use crate::model::api_key::Scope;
use crate::query::metrics::registry;
use crate::web::card::{self, Card};
use crate::web::chart::heat::heat;
use crate::web::chart::lines::lines;
use crate::web::chart::picture::Picture;
use crate::web::chart::ranking::ranking;
use crate::web::chart::stacked::stacked;
use crate::web::figure::Measured;
use crate::web::panel::{Links, Panel, Shown, State};
use crate::web::reading::{Answered, Reading, Trouble};
use crate::web::selection::Selection;
use crate::web::table::Cell;
use crate::web::visit::Visit;

/// How the answer of a panel is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drawing {
    /// Bars along time, one on the other.
    Stacked,
    /// Lines along time.
    Lines,
    /// Hours of the week.
    Week,
    /// The greatest groups, with bars.
    Ranking,
}

/// A panel as data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Id in the document.
    pub(crate) id: &'static str,
    /// Title.
    pub(crate) title: &'static str,
    /// Metrics, the first of which is explained.
    pub(crate) metrics: &'static [&'static str],
    /// The rest of the query.
    pub(crate) asked: &'static str,
    /// Kind of sessions that it is about; `None`: all.
    pub(crate) kind: Option<&'static str>,
    /// What there may be none of.
    pub(crate) what: &'static str,
    /// How it is drawn.
    pub(crate) drawing: Drawing,
    /// Whether it takes the whole width.
    pub(crate) is_wide: bool,
}

/// Returns the query of a panel.
pub(crate) fn question(visit: &Visit, plan: &Plan) -> String {
    let is_along_time = matches!(plan.drawing, Drawing::Stacked | Drawing::Lines);
    let granularity = if is_along_time { visit.selection.granularity() } else { "none" };
    let asked = format!("metrics={}{}&granularity={granularity}", plan.metrics.join(","), plan.asked);
    selection(visit, plan).question(&asked)
}

/// Returns the state of a panel.
fn selection(visit: &Visit, plan: &Plan) -> Selection {
    plan.kind.map_or_else(|| visit.selection.clone(), |kind| visit.selection.of_kind(kind))
}

/// Reads the cards and the panels of a section, from one snapshot.
pub(crate) async fn read(visit: &Visit, reading: &Reading, cards: &[&str], plans: &[Plan]) -> (Vec<Card>, Vec<Panel>) {
    let of_cards = (!cards.is_empty()).then(|| card::question(visit, cards));
    let questions = of_cards.into_iter().chain(plans.iter().map(|plan| question(visit, plan)));
    let mut answers = reading.metrics(questions.collect()).await.into_iter();
    let cards = match answers.next().filter(|_| !cards.is_empty()) {
        Some(all) => card::cards(visit, reading, cards, all).await,
        None => Vec::new(),
    };
    let panels: Vec<Panel> = plans.iter().zip(answers).map(|(plan, read)| panel(visit, plan, &read)).collect();
    match alike(&cards, &panels) {
        Some(trouble) => (Vec::new(), vec![refused(visit, trouble.clone())]),
        None => (cards, panels),
    }
}

/// Returns why nothing of a section is shown; `None`: something is shown, or the reasons differ.
fn alike<'t>(cards: &'t [Card], panels: &'t [Panel]) -> Option<&'t Trouble> {
    let of_panel = |panel: &'t Panel| match &panel.state {
        State::Trouble(trouble) => Some(trouble),
        _ => None,
    };
    let mut all = cards.iter().map(|card| card.read.as_ref().err()).chain(panels.iter().map(of_panel));
    let first = all.next()??;
    all.all(|other| other == Some(first)).then_some(first)
}

/// Returns the one panel of a section of which nothing is shown.
fn refused(visit: &Visit, trouble: Trouble) -> Panel {
    let caller = &visit.state.caller;
    let is_forbidden = matches!(trouble, Trouble::Forbidden { .. });
    let can_see_health = is_forbidden && caller.has_any(&[Scope::HealthRead]);
    let health = can_see_health.then(|| Cell::link("Data health", visit.selection.link("/data-health")));
    let sign_in = is_forbidden.then(|| Cell::link("Sign in with another key", "/sign-in".to_owned()));
    let help = health.into_iter().chain(sign_in).collect();
    Panel { help, is_wide: true, ..Panel::new("refused", "No figure can be shown", State::Trouble(trouble)) }
}

/// Makes a panel of the answer to its query.
pub(crate) fn panel(visit: &Visit, plan: &Plan, read: &Result<Answered, Trouble>) -> Panel {
    let selection = selection(visit, plan);
    let explain = plan.metrics.first().map(|metric| selection.explain_link(metric));
    let panel = Panel::of(plan.id, plan.title, read, plan.what, explain, |answered| drawn(&selection, plan, answered));
    let has_marks = matches!(panel.state, State::Figure(_) | State::Table(_));
    let svg = has_marks.then(|| visit.selection.link(&format!("/charts/{}.svg", plan.id)));
    let lacks_prices = read.as_ref().is_ok_and(Answered::lacks_prices);
    let help = lacks_prices.then(|| Cell::link("Rate cards", format!("{}#rate-cards", visit.selection.link("/costs"))));
    let help = help.into_iter().collect();
    Panel { is_wide: plan.is_wide, help, links: panel.links.map(|links| Links { svg, ..links }), ..panel }
}

fn drawn(selection: &Selection, plan: &Plan, answered: &Answered) -> Shown {
    let caption = caption(answered, plan.metrics);
    let picture = match plan.drawing {
        Drawing::Stacked => Picture::Along(stacked(answered, plan.metrics, &caption)),
        Drawing::Lines => Picture::Along(lines(answered, plan.metrics, &caption)),
        Drawing::Week => Picture::Week(heat(answered, &caption)),
        Drawing::Ranking => return Shown { state: State::Table(ranking(selection, answered)), caption, table: None },
    };
    let (picture, caption, table) = picture.parts();
    Shown { state: State::Figure(picture), caption, table: Some(table) }
}

/// Returns a sentence with the totals of metrics over the range.
fn caption(answered: &Answered, metrics: &[&str]) -> String {
    let totals = registry::metrics().filter(|metric| metrics.contains(&metric.id)).filter_map(|metric| {
        let value = answered.answer.totals.get(metric.id)?;
        let currency = answered.answer.currency.as_deref();
        let measured = Measured { metric: metric.id, unit: metric.unit, currency };
        Some(format!("{}: {}", metric.label, measured.total(value).text))
    });
    let totals: Vec<String> = totals.collect();
    let echo = &answered.answer.query;
    let minute = |instant: &str| instant.get(..16).unwrap_or(instant).replace('T', " ");
    format!("{}; {} until {}, {}.", totals.join(", "), minute(&echo.from), minute(&echo.to), echo.zone)
}
