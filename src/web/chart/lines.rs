//! Lines along time.

use rust_decimal::Decimal;

use crate::query::metrics::status::BucketStatus;
use crate::web::chart::along::{Along, Bar, Chart, Point, SHAPES, Stroke, class};
use crate::web::chart::axis::{HEADROOM, HEIGHT};
use crate::web::chart::{as_place, pixels, said, size};
use crate::web::reading::Answered;

/// Most buckets whose points are marked: of more, only the line can be seen.
const MAX_MARKED: usize = 62;
/// Most buckets whose points all have room in a narrow chart; of more, it marks one of so many.
const FEW: usize = 15;
const EVERY: usize = 4;

/// Draws each group of some metrics as a line, which stops where there is no value.
pub(crate) fn lines(answered: &Answered, metrics: &[&str], caption: &str) -> Chart {
    let along = Along::of(answered, metrics);
    let values = along.series.iter().flat_map(|series| series.data.iter().flatten());
    let greatest = values.map(|number| size(number.0)).fold(0.0, f64::max);
    let scale = along.scale(greatest);
    let mut chart = along.chart(&format!("{caption} {}", said::lines(&along)), scale, true);
    let y = |value: Decimal| pixels(scale.y(size(value)));
    for at in (0..along.count()).filter(|at| along.is_doubtful(*at)) {
        chart.bars.push(Bar {
            class: "unknown".to_owned(),
            x: along.x(as_place(at)),
            width: along.x(1.0),
            y: pixels(HEADROOM),
            height: pixels(HEIGHT - HEADROOM),
            is_hatched: true,
        });
    }
    for (place, series) in along.series.iter().enumerate() {
        let class = class(series, place);
        let middle = |at: usize| along.x(as_place(at) + 0.5);
        for at in 0..along.count() {
            let Some(value) = Along::value(series, at) else { continue };
            let open = if along.status(at) == Some(BucketStatus::InProgress) { " open" } else { "" };
            if let Some(before) = at.checked_sub(1).and_then(|before| Along::value(series, before)) {
                chart.strokes.push(Stroke {
                    class: format!("{class}{open}"),
                    x1: middle(at - 1),
                    y1: y(before),
                    x2: middle(at),
                    y2: y(value),
                });
            }
            let has_line = |beside: Option<usize>| beside.and_then(|at| Along::value(series, at)).is_some();
            let is_on_line = has_line(at.checked_sub(1)) || has_line(Some(at + 1));
            // what stands alone has no line that shows it
            if along.count() <= MAX_MARKED || !is_on_line {
                let is_between = along.count() > FEW && is_on_line && at % EVERY != 0;
                let (class, shape) = (format!("{class}{open}"), place % SHAPES + 1);
                chart.points.push(Point { class, is_between, shape, x: middle(at), y: y(value) });
            }
        }
    }
    chart
}
