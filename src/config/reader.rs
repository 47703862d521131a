//! A section of the configuration, read key by key: keys that were not read by the end are unknown.
//!
//! Faults go into a list instead of ending the reading, so that all of them are reported at once.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::str::FromStr;

use rust_decimal::Decimal;
use toml::{Table, Value};

/// One fault of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// The key: `sources[1].schedule`.
    pub key: String,
    /// Description of the fault. Never holds a secret.
    pub problem: String,
    /// Remedy.
    pub remedy: String,
}

impl Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} — {}", self.key, self.problem, self.remedy)
    }
}

/// A table of the file with its path.
pub(super) struct Section {
    table: Table,
    path: String,
    asked: Vec<&'static str>,
}

impl Section {
    pub(super) fn new(table: Table, path: String) -> Self {
        Self { table, path, asked: Vec::new() }
    }

    /// Returns the full name of one of its keys.
    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn fault(&self, faults: &mut Vec<ConfigFault>, key: &str, problem: &str, remedy: &str) {
        faults.push(ConfigFault { key: self.key(key), problem: problem.to_owned(), remedy: remedy.to_owned() });
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.asked.push(key);
        self.table.remove(key)
    }

    /// Reads the table below `key`; an empty one where there is none.
    pub(super) fn section(&mut self, key: &'static str, faults: &mut Vec<ConfigFault>) -> Self {
        let table = match self.take(key) {
            Some(Value::Table(table)) => table,
            Some(_) => {
                self.fault(faults, key, "it is not a table", &format!("write [{key}] and its keys below"));
                Table::new()
            }
            None => Table::new(),
        };
        Self::new(table, self.key(key))
    }

    /// Reads the list of tables below `key`.
    pub(super) fn sections(&mut self, key: &'static str, faults: &mut Vec<ConfigFault>) -> Vec<Self> {
        let list = match self.take(key) {
            Some(Value::Array(list)) => list,
            Some(_) => {
                self.fault(faults, key, "it is not a list of tables", &format!("write [[{key}]] and its keys below"));
                return Vec::new();
            }
            None => return Vec::new(),
        };
        let mut sections = Vec::with_capacity(list.len());
        for (index, value) in list.into_iter().enumerate() {
            let path = format!("{key}[{index}]");
            if let Value::Table(table) = value {
                sections.push(Self::new(table, path));
            } else {
                self.fault(faults, &path, "it is not a table", &format!("write [[{key}]] and its keys below"));
            }
        }
        sections
    }

    /// Reads a text.
    pub(super) fn text(&mut self, key: &'static str, faults: &mut Vec<ConfigFault>) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            Value::Datetime(instant) => Some(instant.to_string()),
            other => {
                let problem = format!("it is a {}, not a string", other.type_str());
                self.fault(faults, key, &problem, "put it in double quotes");
                None
            }
        }
    }

    /// Reads a text and parses it, such as an address or a zone.
    pub(super) fn parsed<T>(&mut self, key: &'static str, default: T, remedy: &str, faults: &mut Vec<ConfigFault>) -> T
    where
        T: FromStr,
        T::Err: Display,
    {
        self.parsed_optional(key, remedy, faults).unwrap_or(default)
    }

    /// Reads a text and parses it; `None` where it is absent.
    pub(super) fn parsed_optional<T>(
        &mut self,
        key: &'static str,
        remedy: &str,
        faults: &mut Vec<ConfigFault>,
    ) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = self.text(key, faults)?;
        match text.trim().parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(faults, key, &format!("`{text}` is not usable: {error}"), remedy);
                None
            }
        }
    }

    /// Reads a list of words; the environment gives a comma-separated text. `None` where it is absent.
    pub(super) fn words(&mut self, key: &'static str, faults: &mut Vec<ConfigFault>) -> Option<Vec<String>> {
        let value = self.take(key)?;
        let words = match &value {
            Value::String(text) => Some(text.split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>()),
            Value::Array(list) => list.iter().map(|word| word.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        if words.is_none() {
            self.fault(faults, key, &format!("`{value}` is not a list of words"), "write it like [\"one\", \"two\"]");
        }
        words.map(|words| words.into_iter().filter(|word| !word.is_empty()).collect())
    }

    /// Reads a whole number in a range.
    pub(super) fn whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        default: i64,
        faults: &mut Vec<ConfigFault>,
    ) -> i64 {
        let remedy = format!("write a whole number from {} to {}", range.start(), range.end());
        match self.take(key) {
            None => default,
            Some(value) => {
                // the environment gives texts
                let number = value.as_integer().or_else(|| value.as_str()?.trim().parse().ok());
                number.filter(|number| range.contains(number)).unwrap_or_else(|| {
                    self.fault(faults, key, &format!("`{value}` is not usable"), &remedy);
                    default
                })
            }
        }
    }

    /// Reads a switch; off by default.
    pub(super) fn flag(&mut self, key: &'static str, faults: &mut Vec<ConfigFault>) -> bool {
        let Some(value) = self.take(key) else { return false };
        // the environment gives texts
        let flag = value.as_bool().or_else(|| value.as_str()?.trim().parse().ok());
        flag.unwrap_or_else(|| {
            self.fault(faults, key, &format!("`{value}` is not usable"), "write true or false");
            false
        })
    }

    /// Reads a fraction above 0 and up to 1, in thousandths.
    pub(super) fn permille(&mut self, key: &'static str, default: u32, faults: &mut Vec<ConfigFault>) -> u32 {
        let Some(value) = self.take(key) else { return default };
        #[expect(clippy::cast_precision_loss, reason = "a whole number that fits is 1")]
        let whole = value.as_integer().map(|number| number as f64);
        let number = value.as_float().or(whole).or_else(|| value.as_str()?.trim().parse().ok());
        let permille = number.filter(|part| *part > 0.0 && *part <= 1.0).map(|part| (part * 1_000.0).round().max(1.0));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 1000")]
        let permille = permille.map(|permille| permille as u32);
        permille.unwrap_or_else(|| {
            self.fault(faults, key, &format!("`{value}` is not usable"), "write a number above 0 and up to 1");
            default
        })
    }

    /// Reads a number, exactly as it is written.
    pub(super) fn number(&mut self, key: &'static str, faults: &mut Vec<ConfigFault>) -> Option<Decimal> {
        let value = self.take(key)?;
        let number = decimal(&value);
        if number.is_none() {
            self.fault(faults, key, &format!("`{value}` is not usable"), "write a number");
        }
        number
    }

    /// Reads a list of numbers; `None` where it is absent.
    pub(super) fn numbers(&mut self, key: &'static str, faults: &mut Vec<ConfigFault>) -> Option<Vec<Decimal>> {
        let value = self.take(key)?;
        let numbers: Option<Vec<Decimal>> = value.as_array().and_then(|list| list.iter().map(decimal).collect());
        if numbers.is_none() {
            self.fault(faults, key, &format!("`{value}` is not a list of numbers"), "write it like [80, 100]");
        }
        numbers
    }

    /// Ends the reading: the remaining keys are unknown.
    pub(super) fn finish(self, faults: &mut Vec<ConfigFault>) {
        for key in self.table.keys() {
            let remedy = match nearest(key, &self.asked) {
                Some(known) => format!("did you mean `{known}`? Otherwise remove it"),
                None => format!("remove it; the known keys are: {}", self.asked.join(", ")),
            };
            self.fault(faults, key, "there is no such key", &remedy);
        }
    }
}

fn decimal(value: &Value) -> Option<Decimal> {
    (value.is_integer() || value.is_float()).then(|| value.to_string().parse().ok()).flatten()
}

/// Returns the known key that differs least from `key`, if it differs little.
pub(super) fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let scored = known.iter().map(|candidate| (strsim::levenshtein(key, candidate), *candidate));
    // of a short key, each edit changes most of it
    let most = 3.min(key.chars().count() / 2);
    scored.filter(|(distance, _)| *distance <= most).min().map(|(_, candidate)| candidate)
}
