//! `[[alerts]]`: metric queries that are compared with a limit, and where incidents are sent.

use std::collections::BTreeSet;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rust_decimal::Decimal;
use secrecy::{ExposeSecret, SecretSlice};

use super::input::ConfigInput;
use super::reader::{ConfigFault, Section};
use super::secret::{self, Secret};
use crate::model::alert::AlertLimit;
use crate::model::id::SourceSlug;

/// One alert.
#[derive(Debug, Clone)]
pub struct AlertConfig {
    /// `name`: unique, as a slug.
    pub name: String,
    /// `query`: the query string of `/v1/metrics/query`, without a range.
    pub query: String,
    /// `above` or `below` with `for_buckets` and `resolve_buckets`, or `monthly_budget` with `levels_percent`.
    pub limit: AlertLimit,
    /// `url`, `url_env` or `url_file`: the receiver. It may itself be a secret.
    pub url: Secret,
    /// `secret_env` or `secret_file`: the key of the signatures.
    pub secret: Secret,
}

impl AlertConfig {
    /// Returns the key of the signatures.
    pub fn key(&self) -> SecretSlice<u8> {
        decode(&self.secret).unwrap_or_default().into()
    }

    /// Returns the receiver; `None` where its file holds no usable address any more.
    pub fn receiver(&self) -> Option<reqwest::Url> {
        usable_url(self.url.current().expose_secret())
    }
}

/// Decodes a secret of Standard Webhooks: base64 of 24 to 64 bytes, after `whsec_`.
fn decode(secret: &Secret) -> Option<Vec<u8>> {
    let text = secret.current();
    let text = text.expose_secret();
    let bytes = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok()?;
    (24..=64).contains(&bytes.len()).then_some(bytes)
}

/// Returns an address that keeps what is sent confidential: https, or http on this machine.
fn usable_url(text: &str) -> Option<reqwest::Url> {
    let url = reqwest::Url::from_str(text).ok()?;
    let is_loopback = match url.host_str()? {
        "localhost" => true,
        host => host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
    };
    (url.scheme() == "https" || (url.scheme() == "http" && is_loopback)).then_some(url)
}

pub(super) fn read_all(
    sections: Vec<Section>,
    input: &ConfigInput<'_>,
    faults: &mut Vec<ConfigFault>,
) -> Vec<AlertConfig> {
    let mut alerts: Vec<AlertConfig> = Vec::with_capacity(sections.len());
    for mut section in sections {
        if let Some(alert) = read(&mut section, input, faults) {
            if alerts.iter().any(|other| other.name == alert.name) {
                let problem = format!("another alert is already `{}`", alert.name);
                section.fault(faults, "name", &problem, "give each alert its own name");
            }
            alerts.push(alert);
        }
        section.finish(faults);
    }
    alerts
}

fn read(section: &mut Section, input: &ConfigInput<'_>, faults: &mut Vec<ConfigFault>) -> Option<AlertConfig> {
    let name = section.text("name", faults);
    let is_slug = name.as_ref().is_some_and(|name| SourceSlug::parse(name).is_ok());
    if !is_slug {
        let problem =
            name.as_ref().map_or_else(|| "it is missing".to_owned(), |name| format!("`{name}` is not usable"));
        section.fault(faults, "name", &problem, "use 1 to 40 of a-z, 0-9 and -, starting with a letter");
    }
    let query = section.text("query", faults).map(|query| query.trim().trim_start_matches('?').to_owned());
    if query.as_ref().is_none_or(String::is_empty) {
        let remedy = "write the query string of /v1/metrics/query, metrics=sessions&granularity=day";
        section.fault(faults, "query", "it is missing", remedy);
    }
    let limit = limit(section, faults);
    let url = receiver(section, input, faults);
    let before = faults.len();
    let secret = secret::optional(section, "secret", input.environment, faults);
    match &secret {
        None if faults.len() == before => {
            section.fault(
                faults,
                "secret_env",
                "it is missing",
                "name a variable that holds the key of the signatures",
            );
        }
        Some(secret) if decode(secret).is_none() => {
            let remedy = "use whsec_ and the base64 of 24 to 64 random bytes: openssl rand -base64 32";
            section.fault(faults, "secret_env", "it is no key of Standard Webhooks", remedy);
        }
        _ => {}
    }
    Some(AlertConfig { name: name.filter(|_| is_slug)?, query: query?, limit: limit?, url: url?, secret: secret? })
}

fn limit(section: &mut Section, faults: &mut Vec<ConfigFault>) -> Option<AlertLimit> {
    let given = ["above", "below", "monthly_budget"].map(|key| section.has(key));
    let (above, below) = (section.number("above", faults), section.number("below", faults));
    let budget = section.number("monthly_budget", faults);
    if given.iter().filter(|is_given| **is_given).count() != 1 {
        section.fault(faults, "above", "an alert has one limit", "write one of above, below and monthly_budget");
    }
    let whole = |number: i64| u32::try_from(number).unwrap_or(1);
    if given[2] {
        let levels = levels(section, faults);
        if let Some(budget) = budget.filter(|budget| budget.is_sign_positive() && !budget.is_zero()) {
            return Some(AlertLimit::MonthlyBudget { budget, levels });
        }
        section.fault(faults, "monthly_budget", "it is no budget", "write a number above 0");
        return None;
    }
    let for_buckets = whole(section.whole("for_buckets", 1..=100, 1, faults));
    let resolve_buckets = whole(section.whole("resolve_buckets", 1..=100, 1, faults));
    let is_above = above.is_some();
    Some(AlertLimit::Threshold { is_above, limit: above.or(below)?, for_buckets, resolve_buckets })
}

fn levels(section: &mut Section, faults: &mut Vec<ConfigFault>) -> BTreeSet<u32> {
    let levels = section.numbers("levels_percent", faults).unwrap_or_else(|| vec![80.into(), 100.into()]);
    let is_usable = |level: &&Decimal| level.fract().is_zero();
    let whole = levels.iter().filter(is_usable).filter_map(|level| u32::try_from(*level).ok());
    let whole: BTreeSet<u32> = whole.filter(|level| (1..=1_000).contains(level)).collect();
    if whole.len() != levels.len() || whole.is_empty() {
        section.fault(faults, "levels_percent", "it is not usable", "write whole percents from 1 to 1000, [80, 100]");
    }
    whole
}

fn receiver(section: &mut Section, input: &ConfigInput<'_>, faults: &mut Vec<ConfigFault>) -> Option<Secret> {
    let plain = section.text("url", faults);
    let referred = secret::optional(section, "url", input.environment, faults);
    let url = match (plain, referred) {
        (Some(_), Some(_)) => {
            section.fault(faults, "url", "the address is given twice", "keep one of url, url_env and url_file");
            return None;
        }
        (Some(plain), None) => Secret::from(plain.trim()),
        (None, Some(referred)) => referred,
        (None, None) => {
            section.fault(faults, "url", "it is missing", "write the address that receives incidents");
            return None;
        }
    };
    if usable_url(url.current().expose_secret()).is_none() {
        let remedy = "write an https address; http only for a loopback address";
        section.fault(faults, "url", "it is no address that keeps incidents confidential", remedy);
    }
    Some(url)
}
