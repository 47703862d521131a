//! `tributary check`: configuration, database, and each source's credential, clock and paging.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::api::metrics::alert_query;
use crate::app::alerting;
use crate::app::sources::{ConnectorFactory, refusals};
use crate::app::{App, PROBE_CONNECTIONS, replica};
use crate::connector::error::PullError;
use crate::connector::{CheckReport, Connector};
use crate::db::{self, DatabaseTrouble, Departures, Purpose};
use crate::model::page::PageRequest;
use crate::model::time::Window;
use crate::query::zones::ZoneNames;
use crate::store::{closed_hours, server, server_check, source};

/// Clock skew above this is reported as a fault, seconds: proofs are then cut to the provider's clock.
const SKEW_BORNE_SECONDS: i64 = 30;
/// The same limit for the database's clock, which is read to the millisecond.
const DATABASE_SKEW_BORNE: TimeDelta = TimeDelta::seconds(2);

/// Longest check of a source: a provider that hangs hides no other finding.
const SOURCE_TIMEOUT: Duration = Duration::from_secs(30);

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckLine {
    /// Subject of the check: `database`, or a source's slug.
    pub subject: String,
    /// Whether the check passed.
    pub is_well: bool,
    /// Finding, with a remedy where the check failed.
    pub finding: String,
}

/// Runs all checks, even after a failure, and passes each line to `found` as soon as it is known. Changes nothing: a
/// candidate configuration may be checked against a database in use.
pub async fn check(app: &App, mut found: impl FnMut(&CheckLine)) -> anyhow::Result<Vec<CheckLine>> {
    let mut lines = Vec::new();
    let mut add = |line: CheckLine| {
        found(&line);
        lines.push(line);
    };
    add(check_database(app).await);
    let line = |(is_well, finding)| CheckLine { subject: "replica".to_owned(), is_well, finding };
    replica::check(app).await.map(line).into_iter().for_each(&mut add);
    check_writes(app).await.into_iter().for_each(&mut add);
    check_connections(app).await.into_iter().for_each(&mut add);
    add(check_zones(app).await);
    check_closed_hours(app).await.into_iter().for_each(&mut add);
    check_files(app).into_iter().for_each(&mut add);
    check_clock(app).await.into_iter().for_each(&mut add);
    check_accounts(app).await.into_iter().for_each(&mut add);
    if app.config.sources.is_empty() {
        add(CheckLine {
            subject: "sources".to_owned(),
            is_well: false,
            finding: "no source is configured: add a [[sources]] section".to_owned(),
        });
    }
    let factory = ConnectorFactory::new(app, None)?;
    let mut checks = FuturesUnordered::new();
    for (index, source) in app.config.sources.iter().enumerate() {
        let connector = factory.connect(index, BTreeMap::new())?;
        checks.push(async move {
            let slug = source.slug.as_str();
            let check = tokio::time::timeout(SOURCE_TIMEOUT, check_source(app, slug, connector.as_ref()));
            check.await.unwrap_or_else(|_| CheckLine {
                subject: slug.to_owned(),
                is_well: false,
                finding: format!("the provider does not answer within {} s", SOURCE_TIMEOUT.as_secs()),
            })
        });
    }
    while let Some(line) = checks.next().await {
        add(line);
    }
    for line in check_alerts(app).await {
        add(line);
    }
    Ok(lines)
}

async fn check_database(app: &App) -> CheckLine {
    let subject = "database".to_owned();
    let pending =
        async { anyhow::Ok(db::pending_migrations(&app.pool(Purpose::Probe(Departures::default())).await?).await?) };
    let (is_well, finding) = match pending.await {
        Ok(0) => (true, "it responds, and its schema is current".to_owned()),
        Ok(count) => (true, format!("it responds; the next start applies {count} migrations")),
        Err(error) => (false, format!("{error:#}")),
    };
    CheckLine { subject, is_well, finding }
}

/// Tries the writes that a start needs; `None` where the database does not answer, which another check reports.
async fn check_writes(app: &App) -> Option<CheckLine> {
    let pool = app.pool(Purpose::Probe(Departures::default())).await.ok()?;
    let (is_well, finding) = match server_check::try_write(&pool).await {
        Ok(()) => (true, "it accepts writes, and the user may create schemas".to_owned()),
        Err(error) => {
            let remedy = match DatabaseTrouble::of(&error) {
                Some(trouble) => trouble.advice().to_owned(),
                None => "grant create on the database to the user of database.url, and give it the service's tables"
                    .to_owned(),
            };
            (false, format!("{}. {remedy}", error.cause()))
        }
    };
    Some(CheckLine { subject: "writes".to_owned(), is_well, finding })
}

/// Compares the connections of all instances, this one included, with those that the server allows.
async fn check_connections(app: &App) -> Option<CheckLine> {
    let pool = app.pool(Purpose::Probe(Departures::default())).await.ok()?;
    let limits = server_check::limits(&pool).await.ok()?;
    // polls and answers have a pool each
    let of_one = i64::from(app.config.database.max_connections) * 2 + i64::from(PROBE_CONNECTIONS);
    let instances = limits.instance_count + 1;
    let needed = of_one * instances + limits.other_connection_count;
    let is_well = app.config.database.has_transaction_pooler || needed <= limits.connection_limit;
    let counted = format!(
        "{instances} instances use up to {of_one} each, other programs {} now, and Postgres allows {}",
        limits.other_connection_count, limits.connection_limit
    );
    let remedy = if is_well { "" } else { ": lower database.max_connections, or raise max_connections of Postgres" };
    Some(CheckLine { subject: "connections".to_owned(), is_well, finding: format!("{counted}{remedy}") })
}

/// Compares the sums that questions read with the sessions that they stand for; `None` where the database does not
/// answer or its schema is not current, which another check reports.
async fn check_closed_hours(app: &App) -> Option<CheckLine> {
    let pool = app.pool(Purpose::Probe(Departures::default())).await.ok()?;
    if db::pending_migrations(&pool).await.ok()? > 0 {
        return None;
    }
    let (is_well, finding) = match closed_hours::differing(&pool).await {
        Err(error) => (false, format!("they could not be compared: {}", error.cause())),
        Ok(None) => (true, "none is closed yet: questions read each session".to_owned()),
        Ok(Some(0)) => (true, "they equal their sessions".to_owned()),
        Ok(Some(count)) => (
            false,
            format!(
                "{count} differ from their sessions: report this, and make them again with \
                 `update ingest.closed_hours_state set complete_through = null, touched_since = null`"
            ),
        ),
    };
    Some(CheckLine { subject: "closed hours".to_owned(), is_well, finding })
}

/// Looks for files with secrets that every user of the machine can read.
fn check_files(app: &App) -> Vec<CheckLine> {
    let keys = app.config.sources.iter().filter_map(|source| source.api_key.file());
    let tls = app.config.server.tls.as_ref().map(|tls| tls.key_file.as_path());
    let open = keys.chain(tls).filter(|path| {
        let mode = std::fs::metadata(path).map_or(0, |file| file.permissions().mode());
        // a container's secrets are mounted there, readable, for its own users alone
        mode & 0o007 != 0 && !path.starts_with("/run/secrets")
    });
    let line = |path: &Path| CheckLine {
        subject: "files".to_owned(),
        is_well: false,
        finding: format!("every user of this machine can use {}: chmod o= it", path.display()),
    };
    open.map(line).collect()
}

/// Checks whether the database knows the time zones of queries, or equivalent ones.
async fn check_zones(app: &App) -> CheckLine {
    let subject = "time zones".to_owned();
    let read = async { anyhow::Ok(ZoneNames::read(&app.pool(Purpose::Probe(Departures::default())).await?).await?) };
    let (is_well, finding) = match read.await {
        Ok(names) => describe_zones(&names, app.config.server.default_zone),
        Err(error) => (false, format!("{error:#}")),
    };
    CheckLine { subject, is_well, finding }
}

fn describe_zones(names: &ZoneNames, default_zone: Tz) -> (bool, String) {
    const REMEDY: &str = "install the time zone data (tzdata) of the database server, aliases included";
    let Some(name) = names.resolve(default_zone) else {
        let detail = format!("the database has no zone for server.default_zone {default_zone}: {REMEDY}");
        return (false, format!("{detail}, or configure a zone that it has"));
    };
    let mut findings = vec![if name == default_zone.name() {
        format!("the database has server.default_zone {name}")
    } else {
        format!("the database has no zone {default_zone} (server.default_zone); {name} is used instead")
    }];
    let (mapped, missing): (Vec<_>, Vec<_>) = names.mapped().into_iter().partition(|(_, name)| name.is_some());
    let shown = |zones: &[(Tz, Option<&str>)]| {
        let names: Vec<&str> = zones.iter().map(|(zone, _)| zone.name()).take(3).collect();
        format!("{} ({}{})", zones.len(), names.join(", "), if zones.len() > names.len() { ", …" } else { "" })
    };
    if !mapped.is_empty() {
        findings.push(format!("equivalent names are used instead of {} that it lacks", shown(&mapped)));
    }
    if !missing.is_empty() {
        findings.push(format!("queries in {} are refused: {REMEDY}", shown(&missing)));
    }
    (true, findings.join("; "))
}

/// Compares the database's clock with ours; `None` where the database does not answer, which another check
/// reports, and where our own clock is set by hand.
async fn check_clock(app: &App) -> Option<CheckLine> {
    if app.clock.is_set_by_hand() {
        return None;
    }
    let pool = app.pool(Purpose::Probe(Departures::default())).await.ok()?;
    let before = app.clock.now();
    let database_now = server::now(&pool).await.ok()?;
    // assume that half of the round trip lies on either side of the reading
    let skew = database_now - (before + (app.clock.now() - before) / 2);
    let seconds = skew.as_seconds_f64();
    let is_well = skew.abs() <= DATABASE_SKEW_BORNE;
    let finding = if is_well {
        format!("the database's clock and this machine's differ by {seconds:.1} s")
    } else {
        format!(
            "the database's clock differs from this machine's by {seconds:.1} s: set both clocks (NTP); until then, \
             the list of a provider without a Date header counts as complete only up to the earlier of the two"
        )
    };
    Some(CheckLine { subject: "clock".to_owned(), is_well, finding })
}

/// Checks for sources whose account is stored under another slug.
async fn check_accounts(app: &App) -> Vec<CheckLine> {
    let Ok(pool) = app.pool(Purpose::Probe(Departures::default())).await else { return Vec::new() };
    // a database without this version's schema has nothing to compare yet, and gets no key here
    let Ok(stored) = source::accounts(&pool).await else { return Vec::new() };
    if stored.is_empty() {
        return Vec::new();
    }
    let Ok(person_key) = app.person_key(&pool).await else { return Vec::new() };
    let refusals = refusals(app, &person_key, &stored).unwrap_or_default();
    let lines = refusals.into_iter();
    lines.map(|(subject, finding)| CheckLine { subject, is_well: false, finding }).collect()
}

async fn check_source(app: &App, slug: &str, connector: &dyn Connector) -> CheckLine {
    let now = app.clock.now();
    let window = Window { from: now - chrono::TimeDelta::hours(1), to: now };
    let answer = connector.check(PageRequest { window: &window, cursor: None, now }).await;
    let (is_well, finding) = match answer {
        Ok(report) => describe(&report),
        Err(error) => (false, remedy(&error)),
    };
    CheckLine { subject: slug.to_owned(), is_well, finding }
}

fn describe(report: &CheckReport) -> (bool, String) {
    let mut parts = vec!["the credential is accepted".to_owned()];
    parts.extend(report.findings.iter().map(|(name, value)| format!("{name} {value}")));
    let is_well = report.clock_skew_seconds.is_none_or(|skew| skew.abs() <= SKEW_BORNE_SECONDS);
    parts.push(match report.clock_skew_seconds {
        None => "no Date header: completeness is recorded by the database's clock".to_owned(),
        Some(skew) if is_well => format!("clocks differ by {skew} s"),
        Some(skew) => format!("the provider's clock differs by {skew} s: set this machine's clock (NTP)"),
    });
    (is_well, parts.join("; "))
}

fn remedy(error: &PullError) -> String {
    format!("{error}. {}", error.kind.policy().advice)
}

/// Checks whether the query of each alert can be asked; empty where the database does not answer.
async fn check_alerts(app: &App) -> Vec<CheckLine> {
    let Ok(pool) = app.pool(Purpose::Probe(Departures::default())).await else { return Vec::new() };
    let state = alerting::state_for_checks(app, &pool);
    let mut lines = Vec::new();
    for alert in &app.config.alerts {
        let (is_well, finding) = match alert_query::check(&state, &alert.query, &alert.limit).await {
            Ok(()) => (true, "its query can be asked".to_owned()),
            Err(problem) => (false, problem.detail),
        };
        lines.push(CheckLine { subject: format!("alert {}", alert.name), is_well, finding });
    }
    lines
}
