//! Charts, as SVG: in the page, and as files of their own.
//!
//! Of the crates that draw charts, `charts-rs` fits best and does not fit: it writes colours into attributes, so that a
//! chart has one colour scheme; it has no pattern for unknown buckets; it fixes the width, so that labels shrink on a
//! phone; and it computes in `f32`. Here a mark has a class and coordinates in percent, labels keep their size, and
//! only the place of a mark is a float: each text comes from a decimal.

mod along;
mod axis;
pub(crate) mod file;
pub(crate) mod heat;
pub(crate) mod lines;
pub(crate) mod picture;
pub(crate) mod ranking;
mod rows;
mod said;
pub(crate) mod spark;
pub(crate) mod stacked;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Returns a share in percent, as a coordinate.
pub(crate) fn percent(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Returns a length in pixels, as a coordinate.
fn pixels(length: f64) -> String {
    format!("{length:.1}")
}

/// Returns the size of a mark.
fn size(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(0.0)
}

/// Returns the number of letters of a text.
fn letters(text: &str) -> usize {
    text.chars().count()
}

/// Whether a value is missing because there is nothing to measure.
fn is_empty(reason: &str) -> bool {
    matches!(reason, "not_applicable" | "no_data" | "no_rows" | "not_begun" | "not_shown" | "in_progress")
}

/// Whether a value is missing because it is not known, so that its place must not look empty.
fn is_unknown(reason: Option<&str>) -> bool {
    reason.is_some_and(|reason| !is_empty(reason))
}

#[expect(clippy::cast_precision_loss, reason = "at most some thousand buckets")]
pub(crate) fn as_place(at: usize) -> f64 {
    at as f64
}
