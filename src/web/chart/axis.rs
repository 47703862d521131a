//! Axes: round numbers for values, and labels along time that never collide.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::{as_place, percent, pixels};
use crate::web::figure::Measured;

/// Height of the plot, CSS pixels.
pub(super) const HEIGHT: f64 = 190.0;
/// Room above the highest mark.
pub(super) const HEADROOM: f64 = 8.0;
/// Steps between ticks of lengths of time, seconds: each is round in its unit. From a day on, they are days.
const DURATIONS: [f64; 17] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 10_800.0, 21_600.0,
    43_200.0,
];
const DAY: f64 = 86_400.0;

/// Labels that a narrow, a middle and a wide plot have room for.
const ROOM: [usize; 3] = [4, 7, 13];
/// Names of the months.
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A line across the plot, with its value.
#[derive(Debug)]
pub(super) struct Tick {
    pub(super) y: String,
    pub(super) text: String,
}

/// A label along time; its class says how wide the plot must be to show it.
#[derive(Debug)]
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

/// Returns the step between two ticks of lengths of time, seconds.
fn duration_step(greatest: f64) -> f64 {
    let rough = greatest / 3.0;
    match DURATIONS.into_iter().find(|step| *step >= rough) {
        Some(least) if least <= 1.0 => step(greatest),
        Some(step) => step,
        None => step(greatest / DAY) * DAY,
    }
}

/// The values along the height of a plot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    from: f64,
    step: f64,
    to: f64,
}

impl Scale {
    /// A scale that reaches the greatest value. It begins at 0, except for mean opinion scores, which go from 1 to 5.
    pub(super) fn of(measured: Option<Measured<'_>>, greatest: f64) -> Self {
        let is_score = measured.is_some_and(|measured| measured.metric.contains("_mos_"));
        if is_score {
            return Self { from: 1.0, step: 1.0, to: 5.0 };
        }
        let is_duration = measured.is_some_and(|measured| measured.unit == "seconds");
        let step = if is_duration { duration_step(greatest) } else { step(greatest) };
        Self { from: 0.0, step, to: (greatest / step).ceil().max(1.0) * step }
    }

    /// Returns the place of a value, CSS pixels from the top.
    pub(super) fn y(self, value: f64) -> f64 {
        let share = (value.max(self.from) - self.from) / (self.to - self.from);
        HEIGHT - share * (HEIGHT - HEADROOM)
    }

    /// Returns the ticks from the lower to the upper end.
    pub(super) fn ticks(self, text: impl Fn(Decimal) -> String) -> Vec<Tick> {
        let mut ticks = Vec::new();
        let mut at = self.from;
        while at <= self.to * 1.000_001 && ticks.len() < 8 {
            let value = Decimal::from_f64(at).unwrap_or_default().round_dp(6);
            ticks.push(Tick { y: pixels(self.y(at)), text: text(value) });
            at += self.step;
        }
        ticks
    }
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
    use crate::web::figure::round_duration;

    #[test]
    fn ticks_are_round_and_reach_the_greatest_value() {
        let texts = |greatest: f64| -> Vec<String> {
            let ticks = Scale::of(None, greatest).ticks(|value| value.normalize().to_string());
            ticks.into_iter().map(|tick| tick.text).collect()
        };
        assert_eq!(texts(841.25), ["0", "500", "1000"]);
        assert_eq!(texts(0.742), ["0", "0.5", "1"]);
        assert_eq!(texts(3.0), ["0", "1", "2", "3"]);
        assert_eq!(texts(0.0), ["0", "1"]);
    }

    #[test]
    fn ticks_of_lengths_of_time_are_round_in_their_unit() {
        let measured = Measured { metric: "first_response_p50_seconds", unit: "seconds", currency: None };
        let texts = |greatest: f64| -> Vec<String> {
            let ticks = Scale::of(Some(measured), greatest).ticks(round_duration);
            ticks.into_iter().map(|tick| tick.text.replace('\u{202f}', " ")).collect()
        };
        assert_eq!(texts(0.7), ["0 s", "0.5 s", "1 s"]);
        assert_eq!(texts(80.0), ["0 s", "30 s", "1 min", "1 min 30 s"]);
        assert_eq!(texts(4_000.0), ["0 s", "30 min", "1 h", "1 h 30 min"]);
        assert_eq!(texts(49_980.0), ["0 s", "6 h", "12 h", "18 h"]);
        assert_eq!(texts(200_000.0), ["0 s", "1 d", "2 d", "3 d"]);
        assert_eq!(texts(1_000_000.0), ["0 s", "5 d", "10 d", "15 d"]);
    }

    #[test]
    fn opinion_scores_go_from_one_to_five() {
        let measured = Measured { metric: "audio_mos_avg", unit: "score", currency: None };
        let scale = Scale::of(Some(measured), 4.2);
        let texts: Vec<String> =
            scale.ticks(|value| value.normalize().to_string()).into_iter().map(|t| t.text).collect();
        assert_eq!(texts, ["1", "2", "3", "4", "5"]);
        assert!((scale.y(3.0) - f64::midpoint(HEADROOM, HEIGHT)).abs() < 1e-9, "in the middle");
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
