//! What surrounds every section: navigation, the pickers, how far the data is complete, and the policy of the browser.

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::query::catalog::{Catalog, SourceFilter};
use crate::query::freshness::{Freshness, FreshnessState};
use crate::web::assets::{ICON, SCRIPT, STYLE};
use crate::web::visit::Visit;

/// A browser may load only our own files, run no script in a page, and send forms only here.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// A section of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Conversations,
    Meetings,
    Costs,
    Sessions,
    DataHealth,
    Explain,
    SignIn,
}

impl Section {
    /// All sections of the navigation, in its order.
    const ALL: [Self; 7] = [
        Self::Overview,
        Self::Conversations,
        Self::Meetings,
        Self::Costs,
        Self::Sessions,
        Self::DataHealth,
        Self::Explain,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Conversations => "Conversations",
            Self::Meetings => "Meetings and quality",
            Self::Costs => "Costs",
            Self::Sessions => "Sessions",
            Self::DataHealth => "Data health",
            Self::Explain => "Explain",
            Self::SignIn => "Sign in",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Conversations => "/conversations",
            Self::Meetings => "/meetings",
            Self::Costs => "/costs",
            Self::Sessions => "/sessions",
            Self::DataHealth => "/data-health",
            Self::Explain => "/explain",
            Self::SignIn => "/sign-in",
        }
    }
}

/// A link of the navigation.
struct NavigationLink {
    title: &'static str,
    address: String,
    is_current: bool,
}

/// Named ranges of the picker, in the API's words and in the page's.
const RANGES: [(&str, &str); 11] = [
    ("today", "Today"),
    ("yesterday", "Yesterday"),
    ("last_24_hours", "Last 24 hours"),
    ("last_7_days", "Last 7 days"),
    ("last_28_days", "Last 28 days"),
    ("last_90_days", "Last 90 days"),
    ("last_365_days", "Last 365 days"),
    ("this_week", "This week"),
    ("this_month", "This month"),
    ("previous_month", "Previous month"),
    ("this_year", "This year"),
];

/// Comparisons of the picker.
const COMPARISONS: [(&str, &str); 3] =
    [("previous_period", "Previous period"), ("previous_year", "Previous year"), ("none", "Nothing")];

/// Zones that the picker proposes; every IANA zone is accepted.
const ZONES: [&str; 24] = [
    "UTC",
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Sao_Paulo",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Paris",
    "Europe/Athens",
    "Europe/Istanbul",
    "Africa/Cairo",
    "Africa/Lagos",
    "Africa/Johannesburg",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Bangkok",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Asia/Seoul",
    "Australia/Sydney",
    "Pacific/Auckland",
];

/// A choice of a picker.
struct Choice {
    value: String,
    text: String,
    is_chosen: bool,
}

/// A filter in force, with the address without it.
struct FilterChip {
    name: String,
    value: String,
    without: String,
}

/// A page.
#[derive(Template)]
#[template(path = "layout.html")]
pub(crate) struct Layout {
    title: &'static str,
    style: String,
    script: String,
    icon: String,
    path: String,
    navigation: Vec<NavigationLink>,
    pickers: Option<Pickers>,
    /// Label of the key; `None`: no key is in use.
    signed_in: Option<String>,
    completeness: Option<Completeness>,
    body: String,
}

/// The forms that choose range, zone, comparison and source.
struct Pickers {
    ranges: Vec<Choice>,
    /// Type of the fields of dates: instants are no dates.
    kind: &'static str,
    from: String,
    to: String,
    zone: String,
    zones: &'static [&'static str],
    comparisons: Vec<Choice>,
    sources: Vec<Choice>,
    hidden: Vec<(String, String)>,
    filters: Vec<FilterChip>,
}

/// How far the data of all visible sources is complete.
struct Completeness {
    is_stale: bool,
    sentence: String,
}

impl Layout {
    /// A page with this body; a page without a catalog has no pickers.
    pub(crate) fn of(visit: &Visit, section: Section, catalog: Option<&Catalog>, body: String) -> Self {
        let link = |other: Section| NavigationLink {
            title: other.title(),
            address: visit.selection.link(other.path()),
            is_current: other == section,
        };
        let caller = &visit.state.caller;
        Self {
            title: section.title(),
            style: STYLE.address(),
            script: SCRIPT.address(),
            icon: ICON.address(),
            path: visit.path.clone(),
            navigation: catalog.map(|_| Section::ALL.map(link).into()).unwrap_or_default(),
            pickers: catalog.map(|catalog| Pickers::of(visit, catalog)),
            signed_in: caller.key_id.is_some().then(|| caller.label.clone()),
            completeness: catalog.map(|catalog| Completeness::of(visit, catalog)),
            body,
        }
    }
}

impl Pickers {
    fn of(visit: &Visit, catalog: &Catalog) -> Self {
        let selection = &visit.selection;
        let range = selection.range();
        let mut ranges: Vec<Choice> =
            RANGES.iter().map(|(value, text)| choice(value, text, range == Some(*value))).collect();
        if let Some(other) = range.filter(|range| !RANGES.iter().any(|(known, _)| known == range)) {
            ranges.push(choice(other, &other.replace('_', " "), true));
        }
        ranges.push(choice("", "Dates …", range.is_none()));
        let compare = selection.compare().unwrap_or("none");
        let chosen = selection.get("source");
        let of_source = |source: &str| choice(source, source, chosen == Some(source));
        let mut sources = vec![choice("", "All sources", chosen.is_none())];
        sources.extend(catalog.sources.iter().map(|source| of_source(&source.source)));
        if let Some(several) = chosen.filter(|chosen| !catalog.sources.iter().any(|known| known.source == *chosen)) {
            sources.push(choice(several, several, true));
        }
        let named = ["range", "from", "to", "zone", "compare", "source"];
        let without = |name: &str| selection.with(name, None).link_here(&visit.path);
        let text = |name: &str| selection.get(name).unwrap_or_default().to_owned();
        Self {
            ranges,
            kind: if (text("from") + &text("to")).contains('T') { "text" } else { "date" },
            from: text("from"),
            to: text("to"),
            zone: selection.get("zone").map_or_else(|| visit.state.default_zone.name().to_owned(), ToOwned::to_owned),
            zones: &ZONES,
            comparisons: COMPARISONS.map(|(value, text)| choice(value, text, value == compare)).into(),
            sources,
            hidden: selection.hidden(&named).into_iter().cloned().collect(),
            filters: selection
                .filters()
                .map(|(name, value)| FilterChip {
                    name: name.replace('_', " "),
                    value: value.clone(),
                    without: without(name),
                })
                .collect(),
        }
    }
}

fn choice(value: &str, text: &str, is_chosen: bool) -> Choice {
    Choice { value: value.to_owned(), text: text.to_owned(), is_chosen }
}

impl Completeness {
    fn of(visit: &Visit, catalog: &Catalog) -> Self {
        let sources = catalog.select(&SourceFilter::default());
        let freshness = Freshness::of(catalog, &sources, visit.state.clock.now());
        let zone = visit.selection.get("zone").unwrap_or_else(|| visit.state.default_zone.name());
        let mut sentence = match freshness.complete_through {
            Some(at) => format!("Data complete to {}.", local(at, zone)),
            None => "A source has no proven data yet.".to_owned(),
        };
        let late: Vec<&str> = freshness
            .streams
            .iter()
            .filter(|stream| stream.state == FreshnessState::Stale)
            .map(|stream| stream.source.as_str())
            .collect();
        if !late.is_empty() {
            sentence = format!("{sentence} Late: {}.", late.join(", "));
        }
        if freshness.is_paused {
            sentence.push_str(" A stream is paused.");
        }
        Self { is_stale: freshness.state == FreshnessState::Stale, sentence }
    }
}

/// Returns an instant in a zone, as a reader sees it.
pub(crate) fn local(at: DateTime<Utc>, zone: &str) -> String {
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    format!("{} {zone}", at.with_timezone(&zone).format("%Y-%m-%d %H:%M"))
}

/// A page that states a problem.
#[derive(Template)]
#[template(path = "notice.html")]
pub(crate) struct Notice<'a> {
    /// What failed.
    pub(crate) title: &'a str,
    /// Why, with advice.
    pub(crate) detail: &'a str,
    /// Id of the request in the log.
    pub(crate) request_id: &'a str,
}

impl Notice<'_> {
    fn style(&self) -> String {
        STYLE.address()
    }
}

/// Adds the policy of the browser to every response of the page.
pub(crate) async fn protect(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}
