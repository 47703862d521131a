//! The forms that choose range, zone, comparison and source, and the filters in force.

use crate::query::catalog::Catalog;
use crate::web::visit::Visit;
use crate::web::words;

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
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) text: String,
    pub(super) is_chosen: bool,
}

/// A filter in force, with the address without it.
pub(super) struct FilterChip {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) without: String,
}

/// What the pickers of a page choose, besides the zone of its instants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    pub(super) period: bool,
    pub(super) compare: bool,
    pub(super) source: bool,
}

/// The forms that choose range, zone, comparison and source.
pub(super) struct Pickers {
    pub(super) fields: Fields,
    pub(super) ranges: Vec<Choice>,
    /// Type of the fields of dates: instants are no dates.
    pub(super) kind: &'static str,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) zone: String,
    pub(super) zones: &'static [&'static str],
    pub(super) comparisons: Vec<Choice>,
    pub(super) sources: Vec<Choice>,
    pub(super) hidden: Vec<(String, String)>,
    pub(super) filters: Vec<FilterChip>,
}

impl Pickers {
    pub(super) fn of(visit: &Visit, catalog: &Catalog, fields: Fields) -> Self {
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
        let named = [
            ("range", fields.period),
            ("from", fields.period),
            ("to", fields.period),
            ("zone", true),
            ("compare", fields.compare),
            ("source", fields.source),
        ];
        // what has no field here is kept for the other sections
        let named: Vec<&str> = named.into_iter().filter(|(_, is_field)| *is_field).map(|(name, _)| name).collect();
        let without = |name: &str| selection.with(name, None).link_here(&visit.path);
        let text = |name: &str| selection.get(name).unwrap_or_default().to_owned();
        Self {
            fields,
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
                    name: match name.strip_suffix("_not") {
                        Some(field) => format!("not {}", words::field(field)),
                        None => words::field(name),
                    },
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
