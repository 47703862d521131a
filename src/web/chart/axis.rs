//! Axes: round numbers for values, and labels along time that never collide.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::{as_place, percent, pixels};

/// Labels that a narrow, a middle and a wide plot have room for.
const ROOM: [usize; 3] = [4, 7, 13];
/// Names of the months.
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A line across the plot, with its value.
pub(super) struct Tick {
    pub(super) y: String,
    pub(super) text: String,
}

/// A label along time; its class says how wide the plot must be to show it.
pub(super) struct AxisLabel {
    pub(super) x: String,
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// Returns the step between two ticks: 1, 2 or 5 times a power of ten.
fn step(greatest: f64) -> f64 {
    if greatest <= 0.0 || !greatest.is_finite() {
        return 1.0;
    }
    let rough = greatest / 3.0;
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough).unwrap_or(rough)
}

/// Returns the value at the upper end of the plot.
pub(super) fn top(greatest: f64) -> f64 {
    let step = step(greatest);
    (greatest / step).ceil().max(1.0) * step
}

/// Returns the ticks from 0 to the upper end.
pub(super) fn ticks(greatest: f64, height: f64, headroom: f64, text: impl Fn(Decimal) -> String) -> Vec<Tick> {
    let (step, top) = (step(greatest), top(greatest));
    let mut ticks = Vec::new();
    let mut at = 0.0;
    while at <= top * 1.000_001 && ticks.len() < 8 {
        let value = Decimal::from_f64(at).unwrap_or_default().round_dp(6);
        ticks.push(Tick { y: pixels(height - at / top * (height - headroom)), text: text(value) });
        at += step;
    }
    ticks
}

/// Returns the labels along time: the wider the plot, the more.
pub(super) fn labels(names: &[String]) -> Vec<AxisLabel> {
    let count = names.len().max(1);
    let [narrow, middle, wide] = ROOM;
    let every = count.div_ceil(wide);
    let every_middle = every * count.div_ceil(middle).div_ceil(every);
    let every_narrow = every_middle * count.div_ceil(narrow).div_ceil(every_middle);
    let shown = names.iter().enumerate().filter(|(at, _)| at % every == 0);
    shown
        .map(|(at, name)| AxisLabel {
            x: percent((as_place(at) + 0.5) / as_place(count)),
            class: match at {
                at if at % every_narrow == 0 => "l1",
                at if at % every_middle == 0 => "l2",
                _ => "l3",
            },
            text: short_name(name),
        })
        .collect()
}

/// Returns the short name of a bucket: its day, or its time of day.
pub(crate) fn short_name(label: &str) -> String {
    let day = || {
        let month = label.get(5..7)?.parse::<usize>().ok()?;
        let day = label.get(8..10)?.trim_start_matches('0');
        Some(format!("{day} {}", MONTHS.get(month.checked_sub(1)?)?))
    };
    match label.get(10..16) {
        Some(time) if time.starts_with('T') && time != "T00:00" => time[1..].to_owned(),
        _ => day().unwrap_or_else(|| label.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_greatest_value() {
        let texts = |greatest: f64| -> Vec<String> {
            ticks(greatest, 190.0, 8.0, |value| value.normalize().to_string())
                .into_iter()
                .map(|tick| tick.text)
                .collect()
        };
        assert_eq!(texts(841.25), ["0", "500", "1000"]);
        assert_eq!(texts(0.742), ["0", "0.5", "1"]);
        assert_eq!(texts(3.0), ["0", "1", "2", "3"]);
        assert_eq!(texts(0.0), ["0", "1"]);
    }

    #[test]
    fn a_narrow_plot_has_few_labels_and_each_is_also_in_a_wider_one() {
        for count in [1, 7, 24, 28, 92, 366] {
            let names: Vec<String> = (0..count).map(|_| "2026-11-18".to_owned()).collect();
            let labels = labels(&names);
            let at_most = |classes: &[&str]| labels.iter().filter(|label| classes.contains(&label.class)).count();
            assert!(at_most(&["l1"]) <= 4 && at_most(&["l1", "l2"]) <= 7 && labels.len() <= 13, "{count}");
        }
    }

    #[test]
    fn buckets_are_named_by_day_or_time() {
        assert_eq!(short_name("2026-11-08"), "8 Nov");
        assert_eq!(short_name("2026-10-25T02:00:00+01:00"), "02:00");
        assert_eq!(short_name("2026-10-25T00:00:00+02:00"), "25 Oct");
    }
}
