//! What surrounds every section: navigation, the pickers, how far the data is complete, and the policy of the browser.

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::query::catalog::{Catalog, SourceFilter};
use crate::query::freshness::{Freshness, FreshnessState};
use crate::web::assets::{ICON, SCRIPT, style};
use crate::web::pickers::{Fields, Pickers};
use crate::web::scheme::Scheme;
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

    /// Returns the fields that change what a page of the section shows.
    fn fields(self, path: &str) -> Fields {
        let (period, compare, source) = match self {
            Self::Overview | Self::Conversations | Self::Meetings | Self::Costs => (true, true, true),
            Self::Explain => (true, path == self.path(), true),
            Self::Sessions if path == self.path() => (true, false, true),
            Self::DataHealth => (false, false, true),
            Self::Sessions | Self::SignIn => (false, false, false),
        };
        Fields { period, compare, source }
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

/// A page.
#[derive(Template)]
#[template(path = "layout.html")]
pub(crate) struct Layout {
    /// Name of the page among the windows of a browser.
    name: String,
    title: &'static str,
    style: String,
    script: String,
    icon: String,
    scheme: Scheme,
    /// Address of the page itself.
    here: String,
    path: String,
    /// Address of the overview.
    home: String,
    navigation: Vec<NavigationLink>,
    pickers: Option<Pickers>,
    /// Label of the key; `None`: no key is in use.
    signed_in: Option<String>,
    completeness: Option<Completeness>,
    /// Address of what says why.
    health: String,
    body: String,
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
        let scheme = Scheme::of(&visit.headers);
        Self {
            name: section.title().to_owned(),
            title: section.title(),
            style: style(scheme),
            scheme,
            here: visit.selection.link_here(&visit.path),
            script: SCRIPT.address(),
            icon: ICON.address(),
            path: visit.path.clone(),
            home: visit.selection.link(Section::Overview.path()),
            navigation: catalog.map(|_| Section::ALL.map(link).into()).unwrap_or_default(),
            pickers: catalog.map(|catalog| Pickers::of(visit, catalog, section.fields(&visit.path))),
            signed_in: caller.key_id.is_some().then(|| caller.label.clone()),
            completeness: catalog.map(|catalog| Completeness::of(visit, catalog)),
            health: visit.selection.link(Section::DataHealth.path()),
            body,
        }
    }

    /// Gives the page a name of its own.
    pub(crate) fn named(self, name: Option<String>) -> Self {
        match name {
            Some(name) => Self { name, ..self },
            None => self,
        }
    }
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
    /// Whether a key with other scopes would help.
    pub(crate) can_use_another_key: bool,
    /// Address of the overview, in the state of the page.
    pub(crate) home: String,
    /// Scheme of colours.
    pub(crate) scheme: Scheme,
    /// Address of the style sheet.
    pub(crate) style: String,
}

/// Adds the policy of the browser to every response of the page.
pub(crate) async fn protect(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    // with `no-referrer`, browsers send our own forms with `Origin: null`
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
