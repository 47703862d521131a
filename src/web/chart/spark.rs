//! A small line beside a number: its shape over the period, without axes.

use askama::Template;

use crate::query::metrics::series::answer::Series;
use crate::web::chart::{as_place, percent, pixels, size};

/// Height of the plot, CSS pixels.
const HEIGHT: f64 = 28.0;

#[derive(Template)]
#[template(
    source = r#"<svg class="spark" aria-hidden="true" focusable="false">{% for (x1, y1, x2, y2) in strokes %}<line x1="{{ x1 }}%" y1="{{ y1 }}" x2="{{ x2 }}%" y2="{{ y2 }}"/>{% endfor %}{% if let Some((x, y)) = end %}<circle cx="{{ x }}%" cy="{{ y }}" r="2.5"/>{% endif %}</svg>"#,
    ext = "html"
)]
struct Spark {
    strokes: Vec<(String, String, String, String)>,
    end: Option<(String, String)>,
}

/// Draws a series; where a value is missing, the line stops.
pub(crate) fn spark(series: &Series) -> String {
    let values = || series.data.iter().map(|value| value.map(|value| size(value.0)));
    let greatest = values().flatten().fold(0.0, f64::max);
    let count = as_place(series.data.len().max(1));
    let point = |(at, value): (usize, f64)| {
        let share = if greatest > 0.0 { value.max(0.0) / greatest } else { 0.0 };
        (percent((as_place(at) + 0.5) / count), pixels(HEIGHT - 4.0 - share * (HEIGHT - 8.0)))
    };
    let points: Vec<Option<(String, String)>> =
        values().enumerate().map(|(at, value)| value.map(|value| point((at, value)))).collect();
    let pairs = points.iter().zip(points.iter().skip(1));
    let strokes = pairs.filter_map(|(one, next)| {
        let ((x1, y1), (x2, y2)) = one.clone().zip(next.clone())?;
        Some((x1, y1, x2, y2))
    });
    let end = points.iter().flatten().next_back().cloned();
    Spark { strokes: strokes.collect(), end }.render().unwrap_or_default()
}
