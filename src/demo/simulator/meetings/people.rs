//! Who meets: a pool of people that come again and again.
//!
//! Everything about a person follows from its number, so that meetings hold numbers alone. Most have the
//! customer's own id; guests have none, and a few of those no name. Some live behind a bad line.

use crate::demo::simulator::rhythm::{seeded, uuid_v4};

/// How many people there are.
pub(super) const PEOPLE: usize = 120;

const GIVEN: [&str; 20] = [
    "Ana", "Ben", "Chloé", "Dev", "Elif", "Fatima", "Jürgen", "Hana", "Ivan", "Jun", "Kofi", "Léa", "Mateo", "Nour",
    "Oluchi", "Priya", "Quentin", "Rosa", "Søren", "Tomoko",
];
const FAMILY: [&str; 17] = [
    "Souza", "Okafor", "Martin", "Patel", "Kaya", "Haddad", "Groß", "Novák", "Petrov", "Tanaka", "Mensah", "Dubois",
    "García", "O'Neill", "Eze", "Sharma", "Nguyễn",
];
/// Names as people write them who test what software does with names.
const ODD: [&str; 6] = ["Chloé, \"CC\" Martin", "田中 友子", "نور حداد", "=Ben", "Ana 👩‍💻", "Lab #2"];
const COUNTRIES: [(&str, &str, &str); 8] = [
    ("PT", "Porto", "Europe/Lisbon"),
    ("DE", "Köln", "Europe/Berlin"),
    ("BR", "São Paulo", "America/Sao_Paulo"),
    ("IN", "Pune", "Asia/Kolkata"),
    ("JP", "Osaka", "Asia/Tokyo"),
    ("US", "Austin", "America/Chicago"),
    ("NG", "Lagos", "Africa/Lagos"),
    ("FR", "Lyon", "Europe/Paris"),
];
const SYSTEMS: [(&str, bool, &str); 5] = [
    ("macOS", false, "15.3"),
    ("Windows", false, "11"),
    ("Linux", false, "6.8"),
    ("iOS", true, "18.2"),
    ("Android", true, "15"),
];

/// One of the people, by number below [`PEOPLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Person(pub(super) usize);

impl Person {
    /// The customer's own id; guests have none.
    pub(super) fn custom_id(self) -> Option<String> {
        (self.0 % 12 != 11).then(|| format!("crm-{}", 1001 + self.0))
    }

    /// The name shown; of the guests, every fifth has none.
    pub(super) fn name(self) -> Option<String> {
        if self.0 % 60 == 59 {
            return None;
        }
        if self.0 % 20 == 7 {
            return Some(ODD[self.0 / 20 % ODD.len()].to_owned());
        }
        Some(format!("{} {}", GIVEN[self.0 % GIVEN.len()], FAMILY[self.0 % FAMILY.len()]))
    }

    /// The provider's id, the same in all sessions of a meeting.
    pub(super) fn user_id(self, meeting: &str) -> String {
        uuid_v4(&mut seeded(&["user", meeting, &self.0.to_string()]))
    }

    /// Country code, city, time zone.
    pub(super) fn place(self) -> (&'static str, &'static str, &'static str) {
        COUNTRIES[self.0 % COUNTRIES.len()]
    }

    /// Operating system, whether it is mobile, version.
    pub(super) fn system(self) -> (&'static str, bool, &'static str) {
        SYSTEMS[self.0 % SYSTEMS.len()]
    }

    /// Whether this person's line is a bad one.
    pub(super) fn has_bad_line(self) -> bool {
        self.0 % 15 == 4
    }
}
