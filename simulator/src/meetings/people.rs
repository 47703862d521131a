//! The participants of meetings: a pool of people that return.
//!
//! All data of a person derive from a number, so that meetings store numbers alone. Most people have the customer's
//! own id; guests have none, and some guests have no name. Some have a bad connection.

use crate::distributions::{seeded, uuid_v4};

/// Number of people in the pool.
pub(super) const PEOPLE: usize = 120;

const GIVEN: [&str; 20] = [
    "Ana", "Ben", "Chloé", "Dev", "Elif", "Fatima", "Jürgen", "Hana", "Ivan", "Jun", "Kofi", "Léa", "Mateo", "Nour",
    "Oluchi", "Priya", "Quentin", "Rosa", "Søren", "Tomoko",
];
const FAMILY: [&str; 17] = [
    "Souza", "Okafor", "Martin", "Patel", "Kaya", "Haddad", "Groß", "Novák", "Petrov", "Tanaka", "Mensah", "Dubois",
    "García", "O'Neill", "Eze", "Sharma", "Nguyễn",
];
/// Unusual names, as testers of name handling choose them.
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

/// A person, by number below [`PEOPLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Person(pub(super) usize);

impl Person {
    /// Returns the customer's own id; guests have none.
    pub(super) fn custom_id(self) -> Option<String> {
        (self.0 % 12 != 11).then(|| format!("crm-{}", 1001 + self.0))
    }

    /// Returns the display name; every fifth guest has none.
    pub(super) fn name(self) -> Option<String> {
        if self.0 % 60 == 59 {
            return None;
        }
        if self.0 % 20 == 7 {
            return Some(ODD[self.0 / 20 % ODD.len()].to_owned());
        }
        Some(format!("{} {}", GIVEN[self.0 % GIVEN.len()], FAMILY[self.0 % FAMILY.len()]))
    }

    /// Returns the provider's id, the same in all sessions of a meeting.
    pub(super) fn user_id(self, meeting: &str) -> String {
        uuid_v4(&mut seeded(&["user", meeting, &self.0.to_string()]))
    }

    /// Returns country code, city and time zone.
    pub(super) fn place(self) -> (&'static str, &'static str, &'static str) {
        COUNTRIES[self.0 % COUNTRIES.len()]
    }

    /// Returns the operating system, whether it is mobile, and its version.
    pub(super) fn system(self) -> (&'static str, bool, &'static str) {
        SYSTEMS[self.0 % SYSTEMS.len()]
    }

    /// Returns whether this person has a bad connection.
    pub(super) fn has_bad_line(self) -> bool {
        self.0 % 15 == 4
    }
}
