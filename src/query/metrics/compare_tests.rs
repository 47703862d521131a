//! Tests of periods and their counterparts: examples from a calendar, and properties of all of them.

use chrono::TimeDelta;
use chrono_tz::Europe::Berlin;
use proptest::prelude::*;

use super::*;
use crate::query::calendar::start_of_day;

fn day(date: &str) -> DateTime<Utc> {
    start_of_day(Berlin, date.parse().unwrap())
}

const BEFORE: Wanted =
    Wanted { to: CompareTo::PreviousPeriod, by_weekday: false, same_elapsed: false, is_of_days: false };

fn compared(wanted: Wanted, from: &str, to: &str, granularity: Granularity, now: DateTime<Utc>) -> Option<Comparison> {
    let range = TimeRange { from: day(from), to: day(to) };
    let buckets = cut(range, Berlin, granularity, usize::MAX).unwrap();
    Comparison::of(wanted, Pieces { range, buckets: &buckets, granularity, zone: Berlin }, now)
}

fn of(wanted: Wanted, from: &str, to: &str) -> TimeRange {
    compared(wanted, from, to, Granularity::Day, day("2027-01-01")).unwrap().range
}

#[test]
fn periods_by_name() {
    let is = |range: TimeRange, from: &str, to: &str| assert_eq!((range.from, range.to), (day(from), day(to)));
    is(of(BEFORE, "2026-11-18", "2026-11-21"), "2026-11-15", "2026-11-18");
    is(of(BEFORE, "2026-03-01", "2026-04-01"), "2026-02-01", "2026-03-01");
    is(of(BEFORE, "2026-10-01", "2027-01-01"), "2026-07-01", "2026-10-01");
    let by_weekday = Wanted { by_weekday: true, ..BEFORE };
    is(of(by_weekday, "2026-11-18", "2026-11-21"), "2026-11-11", "2026-11-14");
    // 31 days: five weeks back.
    is(of(by_weekday, "2026-10-01", "2026-11-01"), "2026-08-27", "2026-09-27");
    let year = Wanted { to: CompareTo::PreviousYear, ..BEFORE };
    is(of(year, "2026-11-18", "2026-11-21"), "2025-11-18", "2025-11-21");
    // A Wednesday is compared with a Wednesday.
    is(of(Wanted { by_weekday: true, ..year }, "2026-11-18", "2026-11-21"), "2025-11-19", "2025-11-22");
    let custom = CompareTo::Custom(TimeRange { from: day("2026-06-01"), to: day("2026-06-03") });
    is(of(Wanted { to: custom, ..BEFORE }, "2026-11-18", "2026-11-21"), "2026-06-01", "2026-06-03");
    // The Wednesday nearest to Monday the 1st.
    is(of(Wanted { to: custom, by_weekday: true, ..BEFORE }, "2026-11-18", "2026-11-21"), "2026-06-03", "2026-06-05");
}

#[test]
fn days_of_months_are_compared_by_their_date() {
    let march = compared(BEFORE, "2026-03-01", "2026-04-01", Granularity::Day, day("2027-01-01")).unwrap();
    assert_eq!(march.buckets.len(), 28);
    assert_eq!(march.counterparts[27], Some(27));
    assert_eq!(march.counterparts[28..], [None, None, None]);
    let february = compared(BEFORE, "2026-02-01", "2026-03-01", Granularity::Day, day("2027-01-01")).unwrap();
    // The last days of January are in the total alone.
    assert_eq!((february.buckets.len(), february.counterparts.last().unwrap()), (31, &Some(27)));
    let year = Wanted { to: CompareTo::PreviousYear, ..BEFORE };
    let leap = compared(year, "2024-02-28", "2024-03-02", Granularity::Day, day("2027-01-01")).unwrap();
    assert_eq!(leap.counterparts, [Some(0), None, Some(1)]);
}

#[test]
fn hours_of_odd_days_have_at_most_one_counterpart() {
    // 25 hours against 24, and 24 against 25.
    let long = compared(BEFORE, "2026-10-25", "2026-10-26", Granularity::Hour, day("2027-01-01")).unwrap();
    assert_eq!((long.buckets.len(), long.counterparts.iter().flatten().count()), (24, 24));
    let after = compared(BEFORE, "2026-10-26", "2026-10-27", Granularity::Hour, day("2027-01-01")).unwrap();
    assert_eq!((after.buckets.len(), after.counterparts.iter().flatten().count()), (24, 24));
    assert_eq!(after.buckets.iter().map(|b| b.to - b.from).max(), Some(TimeDelta::hours(2)));
}

#[test]
fn only_as_much_counts_as_has_passed() {
    let same = Wanted { same_elapsed: true, ..BEFORE };
    let noon = day("2026-11-18") + TimeDelta::hours(12);
    let week = compared(same, "2026-11-16", "2026-11-23", Granularity::Day, noon).unwrap();
    assert_eq!(week.range.to, day("2026-11-11") + TimeDelta::hours(12));
    assert_eq!(week.counterparts, [Some(0), Some(1), Some(2), None, None, None, None]);
    assert_eq!(week.buckets[2].to, week.range.to);
    let over = compared(same, "2026-11-09", "2026-11-16", Granularity::Day, noon).unwrap();
    assert_eq!(over.buckets.len(), 7);
    assert_eq!(compared(same, "2026-11-19", "2026-11-20", Granularity::Day, noon), None);
}

const ZONES: [Tz; 6] = [
    Berlin,
    chrono_tz::Asia::Kathmandu,
    chrono_tz::Australia::Lord_Howe,
    chrono_tz::Africa::Casablanca,
    chrono_tz::Pacific::Apia,
    chrono_tz::America::Havana,
];

proptest! {
    #[test]
    fn the_pieces_of_a_period_tile_it_and_belong_to_one_bucket_each(
        start in 15_000_i64..24_000, // days since 1970: 2011 to 2035
        days in 1_i64..400,
        into_day in 0_i64..3,
        passed in 0_i64..400 * 24,
        (zone, cut_by, to, by_weekday, same_elapsed) in (0_usize..ZONES.len(), 1_usize..8, 0_usize..3, any::<bool>(), any::<bool>()),
    ) {
        let (zone, granularity) = (ZONES[zone], Granularity::ALL[cut_by]);
        let midnight = |day: i64| {
            let date = chrono::NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + TimeDelta::days(day);
            start_of_day(zone, date)
        };
        // Whole days, and ranges that begin and end at odd minutes.
        let odd = TimeDelta::minutes(into_day * 437);
        let range = TimeRange { from: midnight(start) + odd, to: midnight(start + days) + odd };
        let custom = TimeRange { from: midnight(start - 700), to: midnight(start - 700 + days / 2 + 1) };
        let to = [CompareTo::PreviousPeriod, CompareTo::PreviousYear, CompareTo::Custom(custom)][to];
        let wanted = Wanted { to, by_weekday, same_elapsed, is_of_days: false };
        let buckets = cut(range, zone, granularity, usize::MAX).unwrap();
        let pieces = Pieces { range, buckets: &buckets, granularity, zone };
        if let Some(comparison) = Comparison::of(wanted, pieces, range.from + TimeDelta::hours(passed)) {
            prop_assert_eq!(comparison.counterparts.len(), buckets.len());
            prop_assert_eq!(comparison.buckets.first().unwrap().from, comparison.range.from);
            prop_assert_eq!(comparison.buckets.last().unwrap().to, comparison.range.to);
            prop_assert!(comparison.buckets.iter().all(|bucket| bucket.from < bucket.to));
            for pair in comparison.buckets.windows(2) {
                prop_assert_eq!(pair[0].to, pair[1].from);
            }
            let taken: Vec<usize> = comparison.counterparts.iter().flatten().copied().collect();
            // Counterparts are in the order of the buckets, without repeats, and exist.
            prop_assert!(taken.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", taken);
            prop_assert!(taken.iter().all(|place| *place < comparison.buckets.len()));
            if !same_elapsed && to == CompareTo::PreviousPeriod && !by_weekday {
                prop_assert_eq!(comparison.range.to, range.from);
            }
        }
    }
}
