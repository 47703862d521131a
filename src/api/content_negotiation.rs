//! Content negotiation: choosing the form of a response by the `Accept` header.
//!
//! The form with the highest quality value wins; among equals, the first. A missing or unreadable header
//! accepts every form.

use axum::http::{HeaderMap, header};

use crate::api::problem::ApiError;

/// Media type of JSON.
pub(crate) const JSON: &str = "application/json";

/// Returns the form that the caller prefers among those available.
pub(crate) fn chosen(headers: &HeaderMap, forms: &[&'static str]) -> Result<&'static str, ApiError> {
    let lists = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let wanted: Vec<Range> = lists.flat_map(|list| list.split(',')).filter_map(Range::parse).collect();
    let mut best: Option<(&'static str, u16)> = None;
    for form in forms {
        let liking = liking(&wanted, form);
        if liking > best.map_or(0, |(_, liking)| liking) {
            best = Some((form, liking));
        }
    }
    best.map(|(form, _)| form).ok_or_else(|| ApiError::NotAcceptable(forms.join(", ")))
}

/// A media range and its quality value, in thousandths.
struct Range {
    main: String,
    sub: String,
    liking: u16,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (main, sub) = parts.next()?.split_once('/')?;
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let liking = quality.map_or(Some(1_000), thousandths)?;
        Some(Self { main: main.to_ascii_lowercase(), sub: sub.to_ascii_lowercase(), liking })
    }

    /// Returns how closely the range matches a form: 3 by name, 2 by main type, 1 as `*/*`; `None`: no match.
    fn closeness(&self, form: &str) -> Option<u8> {
        let (main, sub) = form.split_once('/')?;
        match (self.main.as_str(), self.sub.as_str()) {
            ("*", "*") => Some(1),
            (kind, "*") if kind == main => Some(2),
            (kind, name) if kind == main && name == sub => Some(3),
            _ => None,
        }
    }
}

/// Parses a quality value such as `0`, `1`, `0.5` or `0.875`: at most three digits after the point.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 {
        return None;
    }
    let digits: u16 = format!("{part:0<3}").parse().ok()?;
    match whole {
        "0" => Some(digits),
        "1" if digits == 0 => Some(1_000),
        _ => None,
    }
}

/// Returns the quality value of a form, taken from the range that matches it most closely.
fn liking(wanted: &[Range], form: &str) -> u16 {
    if wanted.is_empty() {
        return 1_000;
    }
    let closest = wanted.iter().filter_map(|range| Some((range.closeness(form)?, range.liking))).max();
    closest.map_or(0, |(_, liking)| liking)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn choice(accept: &'static str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        chosen(&headers, &[JSON, "text/vtt", "text/plain"]).ok()
    }

    #[test]
    fn the_form_liked_best_is_chosen() {
        assert_eq!(chosen(&HeaderMap::new(), &[JSON, "text/vtt"]).ok(), Some(JSON));
        assert_eq!(choice("*/*"), Some(JSON));
        assert_eq!(choice("text/html, */*;q=0.1"), Some(JSON));
        assert_eq!(choice("Text/VTT"), Some("text/vtt"));
        assert_eq!(choice("text/*"), Some("text/vtt"));
        assert_eq!(choice("text/*, text/vtt;q=0"), Some("text/plain"));
        assert_eq!(choice("application/json;q=0.5, text/plain;q=0.75"), Some("text/plain"));
        assert_eq!(choice("image/png"), None);
        assert_eq!(choice("*/*;q=0"), None);
        assert_eq!(choice("nonsense"), Some(JSON));
    }
}
