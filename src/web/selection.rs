//! The state of the page, all of it in its address: range, zone, comparison, filters, and a section's own parameters.
//!
//! The texts are passed to the API's parser unchanged, which alone judges them. What a form sends empty is dropped.

use std::fmt::Write;

use axum::extract::Query;
use axum::http::Uri;

use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::filter::is_filterable;

/// The range of an address that names none.
pub(crate) const DEFAULT_RANGE: &str = "last_7_days";
/// Parameters of time, in the API's words.
const OF_TIME: [&str; 4] = ["range", "from", "to", "zone"];
/// Parameters of filters that are not the name of a field.
const OF_FILTERS: [&str; 5] = ["missing", "present", "contains", "starts_with", "include_deleted"];

/// The state of the page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    given: Vec<(String, String)>,
}

/// Returns whether a parameter is a condition on sessions.
fn is_filter(name: &str) -> bool {
    let field = name.strip_suffix("_not").unwrap_or(name);
    let is_field = || Dimension::parse(field).is_some_and(is_filterable);
    OF_FILTERS.contains(&name) || is_field()
}

/// Returns whether every section keeps a parameter.
fn is_shared(name: &str) -> bool {
    OF_TIME.contains(&name) || name == "compare" || is_filter(name)
}

impl Selection {
    /// Reads the state from an address. Repeated parameters become lists. A named range replaces dates,
    /// unless the form had no dates before (`by`): who enters some then means them.
    pub(crate) fn read(uri: &Uri) -> Self {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default();
        let mut given: Vec<(String, String)> = Vec::new();
        for (name, value) in pairs.into_iter().filter(|(_, value)| !value.trim().is_empty()) {
            match given.iter_mut().find(|(known, _)| *known == name) {
                Some((_, list)) if is_filter(&name) => *list = format!("{list},{value}"),
                Some((_, last)) => *last = value,
                None => given.push((name, value)),
            }
        }
        let has = |wanted: &str| given.iter().any(|(name, _)| name == wanted);
        let drops: &[&str] = match (has("by") && (has("from") || has("to")), has("range")) {
            (true, _) => &["by", "range"],
            (false, true) => &["by", "from", "to"],
            (false, false) => &["by"],
        };
        given.retain(|(name, _)| !drops.contains(&name.as_str()));
        Self { given }
    }

    /// Returns the value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the named range; `None`: the range is given by dates.
    pub(crate) fn range(&self) -> Option<&str> {
        let has_dates = self.get("from").or(self.get("to")).is_some();
        self.get("range").or(if has_dates { None } else { Some(DEFAULT_RANGE) })
    }

    /// Returns the size of the buckets along time: as many as a chart can show.
    pub(crate) fn granularity(&self) -> &'static str {
        match self.range() {
            Some("last_365_days" | "this_year" | "previous_year") => "week",
            Some("today" | "yesterday") => "hour",
            Some(range) if range.ends_with("_hours") => "hour",
            Some(range) if range.starts_with("last_") && range.len() > "last_99_days".len() => "auto",
            Some(_) => "day",
            None => "auto",
        }
    }

    /// Returns the comparison, in the API's words; `None`: none is wanted.
    pub(crate) fn compare(&self) -> Option<&str> {
        self.get("compare").or(Some("previous_period")).filter(|compare| *compare != "none")
    }

    /// Returns the filters.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &(String, String)> {
        self.given.iter().filter(|(name, _)| is_filter(name))
    }

    /// Returns this state with a parameter set, or removed.
    pub(crate) fn with(&self, name: &str, value: Option<&str>) -> Self {
        let mut given = self.given.clone();
        match (given.iter_mut().find(|(known, _)| known == name), value) {
            (Some((_, known)), Some(value)) => value.clone_into(known),
            (None, Some(value)) => given.push((name.to_owned(), value.to_owned())),
            (_, None) => given.retain(|(known, _)| known != name),
        }
        Self { given }
    }

    /// Returns the address of another section in the same state, without the parameters of this one.
    pub(crate) fn link(&self, path: &str) -> String {
        address(path, self.given.iter().filter(|(name, _)| is_shared(name)))
    }

    /// Returns the address of this section, with its own parameters.
    pub(crate) fn link_here(&self, path: &str) -> String {
        address(path, &self.given)
    }

    /// Returns the address of another section in the same state, with its own parameters `named`.
    pub(crate) fn link_with(&self, path: &str, named: &[&str]) -> String {
        address(path, self.given.iter().filter(|(name, _)| is_shared(name) || named.contains(&name.as_str())))
    }

    /// Returns this state for the sessions of one kind. Where it excludes the kind, no session is of it.
    pub(crate) fn of_kind(&self, kind: &str) -> Self {
        match self.get("session_kind") {
            Some(kinds) if kinds.split(',').all(|one| one.trim() != kind) => self.with("session_kind_not", Some(kinds)),
            _ => self.with("session_kind", Some(kind)),
        }
    }

    /// Returns the address that explains a metric in this state.
    pub(crate) fn explain_link(&self, metric: &str) -> String {
        self.with("metric", Some(metric)).link_with("/explain", &["metric"])
    }

    /// Returns the address of one session, which keeps the state of the list, or the reverse.
    pub(crate) fn link_beside_list(&self, path: &str) -> String {
        self.with("cursor", None).with("at", None).link_here(path)
    }

    /// Returns the parameters that a form must repeat, which has fields for `named`. It begins at the first page.
    pub(crate) fn hidden(&self, named: &[&str]) -> Vec<&(String, String)> {
        self.given.iter().filter(|(name, _)| name != "cursor" && !named.contains(&name.as_str())).collect()
    }

    /// Returns a query of the API: `asked`, over the range, zone and filters of the page.
    pub(crate) fn question(&self, asked: &str) -> String {
        let default = ("range".to_owned(), DEFAULT_RANGE.to_owned());
        let of_time = self.given.iter().filter(|(name, _)| OF_TIME.contains(&name.as_str()));
        let range = (self.get("range").or(self.get("from")).or(self.get("to")).is_none()).then_some(&default);
        let question = address("", range.into_iter().chain(of_time).chain(self.filters()));
        format!("{asked}&{}", question.trim_start_matches('?'))
    }

    /// Returns a query of the API that compares with the earlier period, where that is wanted.
    pub(crate) fn compared(&self, asked: &str) -> String {
        let compare = self.compare().map(|compare| format!("&compare={}", escape(compare))).unwrap_or_default();
        self.question(&format!("{asked}{compare}"))
    }
}

fn address<'p>(path: &str, parameters: impl IntoIterator<Item = &'p (String, String)>) -> String {
    let mut text = path.to_owned();
    for (place, (name, value)) in parameters.into_iter().enumerate() {
        let _ = write!(text, "{}{}={}", if place == 0 { '?' } else { '&' }, escape(name), escape(value));
    }
    text
}

/// Escapes a text for a query string.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,:/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str) -> Selection {
        Selection::read(&uri.parse().expect("an address"))
    }

    #[test]
    fn the_state_is_in_the_address_and_each_section_keeps_what_all_share() {
        let state =
            read("/sessions?range=last_28_days&zone=Asia%2FKathmandu&channel=web&channel=e-mail&cursor=abc&from=");
        assert_eq!(state.link("/costs"), "/costs?range=last_28_days&zone=Asia/Kathmandu&channel=web,e-mail");
        assert!(state.link_here("/sessions").ends_with("&cursor=abc"));
        assert_eq!(
            state.question("metrics=sessions"),
            "metrics=sessions&range=last_28_days&zone=Asia/Kathmandu&channel=web,e-mail"
        );
        assert_eq!(
            state.with("channel", None).with("range", Some("today")).link("/"),
            "/?range=today&zone=Asia/Kathmandu"
        );
    }

    #[test]
    fn an_empty_address_has_a_range_and_a_comparison_and_a_named_range_replaces_dates() {
        assert_eq!(
            read("/").compared("metrics=sessions"),
            "metrics=sessions&compare=previous_period&range=last_7_days"
        );
        assert_eq!(read("/?compare=none").compared("metrics=sessions"), "metrics=sessions&range=last_7_days");
        assert_eq!(read("/?range=today&from=2026-01-01").question("a=b"), "a=b&range=today");
        let by_dates = read("/?range=today&from=2026-01-01&by=dates");
        assert_eq!((by_dates.range(), by_dates.link("/").as_str()), (None, "/?from=2026-01-01"));
        assert_eq!(read("/?range=today&by=dates").link("/"), "/?range=today");
        let dates = read("/?range=&from=2026-01-01&to=2026-02-01");
        assert_eq!((dates.range(), dates.question("a=b").as_str()), (None, "a=b&from=2026-01-01&to=2026-02-01"));
    }

    #[test]
    fn a_panel_about_one_kind_adds_it_to_the_filter_of_the_page() {
        let of_chats = |uri: &str| read(uri).of_kind("chat").link("/");
        assert_eq!(of_chats("/?channel=web"), "/?channel=web&session_kind=chat");
        assert_eq!(of_chats("/?session_kind=avatar,chat"), "/?session_kind=chat");
        assert_eq!(of_chats("/?session_kind=avatar"), "/?session_kind=avatar&session_kind_not=avatar");
    }

    #[test]
    fn a_value_cannot_add_a_parameter() {
        let state = read("/?channel=a%26metrics%3Db%22%3E");
        assert_eq!(state.link("/"), "/?channel=a%26metrics%3Db%22%3E");
    }
}
