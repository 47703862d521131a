//! Cron schedules of sources: their check, and the lag that follows from them.

use chrono::{DateTime, TimeDelta, Utc};

use super::reader::{ConfigFault, Section};
use crate::model::time;

pub(super) fn check(section: &Section, key: &str, schedule: &str, faults: &mut Vec<ConfigFault>) {
    let remedy = "write six fields, second first, UTC: `0 */5 * * * *` is every five minutes";
    if schedule.split_whitespace().count() != 6 {
        let problem = format!("`{schedule}` does not have six fields");
        section.fault(faults, key, &problem, remedy);
        return;
    }
    match crate::clock::parse_schedule(schedule) {
        Err(error) => section.fault(faults, key, &format!("`{schedule}` is not a schedule: {error}"), remedy),
        Ok(parsed) if parsed.find_next_occurrence(&time::sane_range().0, true).is_err() => {
            section.fault(faults, key, &format!("`{schedule}` never occurs"), remedy);
        }
        Ok(_) => {}
    }
}

/// Longest accepted `stale_after_seconds`: a year.
pub(super) const LONGEST_STALE_AFTER_SECONDS: i64 = 31_536_000;

/// Returns three times the longest interval between two polls, in seconds; at least a minute. Three thousand polls are
/// a week of a schedule of every five minutes, and the working day of one of every fifteen seconds.
pub(super) fn three_intervals(schedule: &str) -> i64 {
    let monday = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(4);
    let last = monday + TimeDelta::days(400);
    let cron = crate::clock::parse_schedule(schedule).ok();
    let polls = cron.iter().flat_map(|cron| cron.iter_after(monday).take(3_000)).take_while(|poll| *poll < last);
    let polls: Vec<DateTime<Utc>> = polls.collect();
    let longest = polls.windows(2).map(|pair| (pair[1] - pair[0]).num_seconds()).max();
    longest.map_or(LONGEST_STALE_AFTER_SECONDS, |longest| (3 * longest).clamp(60, LONGEST_STALE_AFTER_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::three_intervals;

    #[test]
    fn three_of_the_longest_intervals_are_allowed() {
        for (schedule, seconds) in [
            ("0 */5 * * * *", 3 * 300),
            ("*/5 * * * * *", 60),
            ("0 0 9-17 * * MON-FRI", 3 * 64 * 3_600), // from Friday 17:00 to Monday 09:00
            ("0 0 3 1 * *", 3 * 31 * 86_400),
            ("0 0 3 29 2 *", 31_536_000), // no second one within four hundred days
        ] {
            assert_eq!(three_intervals(schedule), seconds, "{schedule}");
        }
    }
}
