//! Time zones as the database names them.
//!
//! The service and the database each have a table of time zones, and a server may lack names that the service knows:
//! old spellings such as US/Pacific are links, which some systems leave out. A query's zone is therefore mapped to a
//! name of the database before it is used in a statement: the same name if the database has it, else a zone with the
//! same local times at every instant that can be stored. Only this module converts a zone to text for the database.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use sqlx::PgPool;
use tokio::sync::OnceCell;

use crate::query::{ReadError, reading};

/// Two zones are equivalent if their clocks agree from 1970 on: no instant before 2000 is stored.
const FIRST_YEAR: i64 = 1970;
/// If several zones agree since 1970, one that agrees since 1900 is preferred: it is another name of the same zone.
const FIRST_YEAR_OF_RECORDS: i64 = 1900;
/// No instant from 2100 on is stored.
const DAYS_TO_2100: i64 = 47_482;

/// The names of the database, read once, when a query first needs them.
#[derive(Debug, Clone, Default)]
pub struct Zones(Arc<OnceCell<ZoneNames>>);

impl Zones {
    /// Returns the database's name for `zone`; `None`: it has no such zone.
    pub async fn name(&self, pool: &PgPool, zone: Tz) -> Result<Option<&'static str>, ReadError> {
        if zone == Tz::UTC {
            return Ok(Some("UTC"));
        }
        Ok(self.0.get_or_try_init(|| ZoneNames::read(pool)).await?.resolve(zone))
    }
}

/// The zones that the database knows.
#[derive(Debug, Clone)]
pub struct ZoneNames(BTreeSet<&'static str>);

impl ZoneNames {
    /// Reads the names from the database.
    pub async fn read(pool: &PgPool) -> Result<Self, ReadError> {
        let names = sqlx::query_scalar!(r#"select name as "name!" from pg_timezone_names"#).fetch_all(pool).await;
        Ok(Self::of(names.map_err(reading("the time zones of the database"))?.iter().map(String::as_str)))
    }

    /// Creates the set of those names that the service knows too.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self(names.filter_map(|name| name.parse::<Tz>().ok()).map(Tz::name).collect())
    }

    /// Returns the name by which the database knows `zone`.
    pub fn resolve(&self, zone: Tz) -> Option<&'static str> {
        if self.0.contains(zone.name()) {
            return Some(zone.name());
        }
        let zones = self.0.iter().filter_map(|name| name.parse::<Tz>().ok());
        let alike: Vec<Tz> = zones.filter(|other| are_alike(zone, *other)).collect();
        let same = |first_year: i64| {
            let mut alike = alike.iter().copied();
            alike.find(|other| transitions(*other, first_year) == transitions(zone, first_year))
        };
        same(FIRST_YEAR_OF_RECORDS).or_else(|| same(FIRST_YEAR)).map(Tz::name)
    }

    /// Returns the zones of the service whose names the database lacks, each with the name used instead.
    pub fn mapped(&self) -> Vec<(Tz, Option<&'static str>)> {
        let unknown = chrono_tz::TZ_VARIANTS.iter().filter(|zone| !self.0.contains(zone.name()));
        unknown.map(|zone| (*zone, self.resolve(*zone))).collect()
    }
}

/// Returns whether two zones agree at half-yearly samples; most zones that differ, differ there.
fn are_alike(one: Tz, other: Tz) -> bool {
    let mut days = (0..DAYS_TO_2100).step_by(182).map(instant);
    days.all(|at| offset(one, at) == offset(other, at))
}

/// Returns every change of a zone's offset since a year: the second at which it takes place, and the offset from then
/// on.
fn transitions(zone: Tz, first_year: i64) -> Vec<(DateTime<Utc>, i32)> {
    let first_day = (first_year - 1970) * 365;
    let mut found = vec![(instant(first_day), offset(zone, instant(first_day)))];
    for day in (first_day..DAYS_TO_2100).step_by(7) {
        // No zone changes its offset twice within a week.
        let (mut before, mut after) = (instant(day), instant(day + 7));
        if offset(zone, before) == offset(zone, after) {
            continue;
        }
        while after - before > TimeDelta::seconds(1) {
            let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
            if offset(zone, middle) == offset(zone, before) { before = middle } else { after = middle }
        }
        found.push((after, offset(zone, after)));
    }
    found
}

fn instant(day: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(day)
}

fn offset(zone: Tz, at: DateTime<Utc>) -> i32 {
    zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_name_is_mapped_to_one_that_the_database_has() {
        let known = ZoneNames::of(
            [
                "America/Los_Angeles",
                "Asia/Kolkata",
                "Asia/Singapore",
                "Europe/Athens",
                "Europe/Kyiv",
                "UTC",
                "Factory2",
            ]
            .into_iter(),
        );
        let name = |zone: &str| known.resolve(zone.parse().unwrap());
        assert_eq!(name("US/Pacific"), Some("America/Los_Angeles"));
        assert_eq!(name("Asia/Calcutta"), Some("Asia/Kolkata"));
        assert_eq!(name("Singapore"), Some("Asia/Singapore"));
        // Clocks in Athens agree with those in Kyiv today; the other name of the same zone is preferred.
        assert_eq!(name("Europe/Kiev"), Some("Europe/Kyiv"));
        assert_eq!(name("Europe/Athens"), Some("Europe/Athens"));
        assert_eq!(name("Etc/Zulu"), Some("UTC"));
        assert_eq!(name("Europe/Berlin"), None);
        let mapped = known.mapped();
        assert!(mapped.contains(&(Tz::US__Pacific, Some("America/Los_Angeles"))));
        assert!(mapped.contains(&(Tz::Europe__Berlin, None)));
    }

    #[test]
    fn a_new_name_is_mapped_to_an_old_one() {
        let known = ZoneNames::of(["Europe/Kiev", "US/Pacific"].into_iter());
        assert_eq!(known.resolve(Tz::Europe__Kyiv), Some("Europe/Kiev"));
        assert_eq!(known.resolve(Tz::America__Los_Angeles), Some("US/Pacific"));
        // It has no daylight saving time.
        assert_eq!(known.resolve(Tz::America__Phoenix), None);
    }
}
