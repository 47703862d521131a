//! Stacked bars.

use rust_decimal::Decimal;

use crate::query::metrics::status::BucketStatus;
use crate::web::chart::along::{Along, Bar, Chart, class};
use crate::web::chart::axis::{HEADROOM, HEIGHT};
use crate::web::chart::{as_place, pixels, said, size};
use crate::web::reading::Answered;

/// Draws groups and metrics that add up, one on the other. Where a part is not known, the rest of the bucket is
/// hatched: a stack with a hole only looks smaller.
pub(crate) fn stacked(answered: &Answered, metrics: &[&str], caption: &str) -> Chart {
    let along = Along::of(answered, metrics);
    let sum = |at: usize| along.series.iter().filter_map(|series| Along::value(series, at)).sum::<Decimal>();
    let greatest = (0..along.count()).map(|at| size(sum(at))).fold(0.0, f64::max);
    let scale = along.scale(greatest);
    let mut chart = along.chart(&format!("{caption} {}", said::stack(&along)), scale, false);
    for at in 0..along.count() {
        let mut base = HEIGHT;
        let open = match along.status(at) {
            Some(BucketStatus::InProgress) => " open",
            _ if answered.is_partial(at) => " open",
            _ => "",
        };
        for (place, series) in along.series.iter().enumerate() {
            let height = Along::value(series, at).map_or(0.0, |value| HEIGHT - scale.y(size(value)));
            if height > 0.0 {
                base -= height;
                chart.bars.push(Bar {
                    class: format!("{}{open}", class(series, place)),
                    x: along.x(as_place(at) + 0.1),
                    width: along.x(0.8),
                    y: pixels(base),
                    height: pixels(height),
                    is_hatched: false,
                });
            }
        }
        if along.is_doubtful(at) {
            chart.bars.push(Bar {
                class: "unknown".to_owned(),
                x: along.x(as_place(at) + 0.1),
                width: along.x(0.8),
                y: pixels(HEADROOM),
                height: pixels((base - HEADROOM).max(0.0)),
                is_hatched: true,
            });
        }
    }
    chart
}
