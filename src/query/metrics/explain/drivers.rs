//! Drivers: the change of a value since the previous period, by each dimension.
//!
//! The parts of one dimension add up to the change exactly. In a sum, the part of a group is its own change. A ratio
//! changes in two ways: because the ratios of groups change (rate), and because the shares of groups change (mix).
//! Each is taken at the mean of the two periods, so that the order of the periods does not matter and nothing is left
//! over. All parts are rounded to the digits of the answer; the largest part takes the rounding difference.
//! `remainder` is computed from the rounded numbers, and is not 0 only if rows are in several groups.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::metrics::measure::Additivity;
use crate::query::metrics::run::Sums;
use crate::query::number::Number;

/// Number of groups shown for a dimension; the rest are combined.
const MAX_SHOWN: usize = 20;

/// The change by the groups of one dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Drivers {
    /// The dimension.
    pub dimension: &'static str,
    /// The groups, largest contribution first; at most 20.
    pub groups: Vec<Driver>,
    /// All further groups combined; absent: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<Other>,
    /// The change minus all parts: 0, unless rows are in several groups.
    pub remainder: Number,
}

/// The contribution of one group to the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Driver {
    /// The group; null is a separate group.
    pub group: Option<String>,
    /// Its value in the range; null: it has none.
    pub value: Option<Number>,
    /// Its value in the previous period.
    pub previous: Option<Number>,
    /// Its contribution to the change.
    pub contribution: Number,
    /// For a ratio: the part of the contribution from the group's own ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Number>,
    /// For a ratio: the part of the contribution from the group's share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mix: Option<Number>,
}

/// Groups that are not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Other {
    /// Number of groups.
    pub group_count: usize,
    /// Their contribution to the change.
    pub contribution: Number,
}

/// A group in the previous period and in the range.
pub(super) type Periods = (Option<String>, Sums, Sums);

/// Returns the difference of two values as they are shown.
pub(super) fn change(previous: Decimal, current: Decimal) -> Decimal {
    rounded(current) - rounded(previous)
}

/// Returns the contributions of the groups of `dimension` to the change of a sum or a ratio; `before` and `after` are
/// the totals of the two periods.
pub(super) fn of(
    dimension: &'static str,
    groups: &[Periods],
    (before, after): (Sums, Sums),
    additivity: Additivity,
) -> Option<Drivers> {
    let is_ratio = additivity == Additivity::RatioOfSums;
    let change = change(figure(before, is_ratio)?, figure(after, is_ratio)?);
    let mut drivers: Vec<Driver> = groups
        .iter()
        .map(|(group, previous, current)| {
            let (rate, mix) = if is_ratio {
                effects((*previous, before), (*current, after))
            } else {
                (current.value - previous.value, Decimal::ZERO)
            };
            let (rate, mix) = (rounded(rate), rounded(mix));
            Driver {
                group: group.clone(),
                value: figure(*current, is_ratio).map(Number),
                previous: figure(*previous, is_ratio).map(Number),
                contribution: Number(rate + mix),
                rate: is_ratio.then_some(Number(rate)),
                mix: is_ratio.then_some(Number(mix)),
            }
        })
        .collect();
    drivers.sort_by_key(|driver| (std::cmp::Reverse(driver.contribution.0.abs()), driver.group.clone()));
    settle(&mut drivers, change);
    let rest = drivers.split_off(drivers.len().min(MAX_SHOWN));
    let other = (!rest.is_empty()).then(|| Other {
        group_count: rest.len(),
        contribution: Number(rest.iter().map(|driver| driver.contribution.0).sum()),
    });
    let shown: Decimal = drivers.iter().map(|driver| driver.contribution.0).sum();
    let remainder = Number(change - shown - other.as_ref().map_or(Decimal::ZERO, |other| other.contribution.0));
    Some(Drivers { dimension, groups: drivers, other, remainder })
}

/// Returns a group's value; `None`: it has none.
fn figure(sums: Sums, is_ratio: bool) -> Option<Decimal> {
    if is_ratio { sums.value.checked_div(sums.known) } else { Some(sums.value) }
}

/// Returns the effects of a group's own ratio and of its share on a ratio, given group and whole in two periods.
fn effects(previous: (Sums, Sums), current: (Sums, Sums)) -> (Decimal, Decimal) {
    let two = Decimal::TWO;
    let share = |(group, whole): (Sums, Sums)| group.known.checked_div(whole.known).unwrap_or_default();
    let height = |(group, whole): (Sums, Sums)| group.value.checked_div(whole.known).unwrap_or_default();
    let whole = |(_, whole): (Sums, Sums)| whole.value.checked_div(whole.known).unwrap_or_default();
    let own = |(group, _): (Sums, Sums)| group.value.checked_div(group.known);
    // Shares add up to 1 in both periods, so that any constant level may be subtracted. With this one, growth of a
    // group that is worse than the whole counts as a loss.
    let level = (whole(previous) + whole(current)) / two;
    let (share_before, share_after) = (share(previous), share(current));
    let all = height(current) - height(previous) - level * (share_after - share_before);
    let rate = match (own(previous), own(current)) {
        (Some(before), Some(after)) => (share_before + share_after) / two * (after - before),
        // The group is missing in one of the periods: only its share has changed.
        _ => Decimal::ZERO,
    };
    (rate, all - rate)
}

/// Adds the rounding difference to the largest part. A difference too large for rounding stays a remainder.
fn settle(drivers: &mut [Driver], change: Decimal) {
    let left: Decimal = change - drivers.iter().map(|driver| driver.contribution.0).sum::<Decimal>();
    let most = Decimal::new(i64::try_from(drivers.len()).unwrap_or(i64::MAX).saturating_add(1), Number::DIGITS);
    if let Some(largest) = drivers.first_mut().filter(|_| left.abs() <= most) {
        largest.contribution.0 += left;
        if let Some(mix) = &mut largest.mix {
            mix.0 += left;
        }
    }
}

fn rounded(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(Number::DIGITS, RoundingStrategy::MidpointAwayFromZero)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sums(value: i64, known: i64) -> Sums {
        Sums { value: value.into(), known: known.into(), unknown: 0 }
    }

    fn group(name: &str, previous: (i64, i64), current: (i64, i64)) -> Periods {
        (Some(name.to_owned()), sums(previous.0, previous.1), sums(current.0, current.1))
    }

    /// Drivers of groups that do not overlap.
    fn parts(groups: &[Periods], additivity: Additivity) -> Option<Drivers> {
        let mut whole = (Sums::default(), Sums::default());
        for (_, previous, current) in groups {
            whole.0.add(*previous);
            whole.1.add(*current);
        }
        of("channel", groups, whole, additivity)
    }

    fn number(text: &str) -> Number {
        Number(text.parse().unwrap())
    }

    #[test]
    fn a_sum_moves_by_what_its_groups_gain() {
        let found = parts(&[group("a", (10, 1), (4, 1)), group("b", (0, 0), (3, 1))], Additivity::Sum).unwrap();
        let gains: Vec<_> = found.groups.iter().map(|driver| (driver.group.as_deref(), driver.contribution)).collect();
        assert_eq!(gains, [(Some("a"), number("-6")), (Some("b"), number("3"))]);
        assert_eq!((found.remainder, &found.groups[0].rate), (number("0"), &None));
    }

    #[test]
    fn a_ratio_moves_by_rate_and_by_mix() {
        // 8 of 10 and 2 of 10: 0.5; then 8 of 10 and 6 of 30: 0.35. Neither group's ratio changed: all of it is mix.
        let same = [group("good", (8, 10), (8, 10)), group("poor", (2, 10), (6, 30))];
        let found = parts(&same, Additivity::RatioOfSums).unwrap();
        let poor = found.groups.iter().find(|driver| driver.group.as_deref() == Some("poor")).unwrap();
        // Share 0.5 -> 0.75 at 0.2, which is 0.225 below the mean level of 0.425.
        assert_eq!((poor.rate, poor.mix), (Some(number("0")), Some(number("-0.05625"))));
        let good = found.groups.iter().find(|driver| driver.group.as_deref() == Some("good")).unwrap();
        // Share 0.5 -> 0.25 at 0.8, which is 0.375 above it.
        assert_eq!((good.contribution, found.remainder), (number("-0.09375"), number("0")));
        // The same shares, and one group gets worse: all of it is rate.
        let worse = parts(&[group("a", (8, 10), (6, 10)), group("b", (2, 10), (2, 10))], Additivity::RatioOfSums);
        let worse = worse.unwrap();
        assert_eq!((worse.groups[0].rate, worse.groups[0].mix), (Some(number("-0.1")), Some(number("0"))));
    }

    #[test]
    fn what_is_double_is_left_over_and_said_and_many_groups_are_put_together() {
        let many: Vec<Periods> = (0..30).map(|n| group(&n.to_string(), (0, 1), (n + 1, 1))).collect();
        let found = parts(&many, Additivity::Sum).unwrap();
        let other = found.other.unwrap();
        assert_eq!((found.groups.len(), other.group_count, other.contribution), (20, 10, number("55")));
        assert_eq!(found.remainder, number("0"));
        assert_eq!(parts(&[group("a", (1, 2), (0, 0))], Additivity::RatioOfSums), None);
        // Two groups share a row: the parts are more than the change.
        let whole = (sums(0, 0), sums(3, 3));
        let double = of("tag", &[group("a", (0, 0), (2, 2)), group("b", (0, 0), (2, 2))], whole, Additivity::Sum);
        assert_eq!(double.unwrap().remainder, number("-1"));
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_change_to_the_last_digit(
            counts in proptest::collection::vec((0_i64..500, 0_i64..500, 0_i64..500, 0_i64..500), 1..40),
        ) {
            // A numerator is a part of its denominator.
            let groups: Vec<Periods> = counts.iter().enumerate()
                .map(|(n, (a, b, c, d))| group(&n.to_string(), (*a, a + b), (*c, c + d))).collect();
            if let Some(found) = parts(&groups, Additivity::RatioOfSums) {
                prop_assert_eq!(found.remainder, Number(Decimal::ZERO));
                for driver in &found.groups {
                    prop_assert_eq!(driver.contribution.0, driver.rate.unwrap().0 + driver.mix.unwrap().0);
                }
            }
            let found = parts(&groups, Additivity::Sum).unwrap();
            prop_assert_eq!(found.remainder, Number(Decimal::ZERO));
        }
    }
}
