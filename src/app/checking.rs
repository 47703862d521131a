//! `tributary check`: configuration, database, and each source's credential, clock and paging.

mod findings;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sqlx::PgPool;

use crate::api::metrics::alert_query;
use crate::app::alerts;
use crate::app::sources::{ConnectorFactory, refusals};
use crate::app::{App, PROBE_CONNECTIONS, replica};
use crate::connector::Connector;
use crate::db::{self, DatabaseTrouble, Departures, Purpose};
use crate::model::page::PageRequest;
use crate::model::source::being_removed;
use crate::model::time::Window;
use crate::query::zones::ZoneNames;
use crate::store::{closed_hours, server, server_check, source};

/// Skew of the database's clock, which is read to the millisecond, above this is reported as a fault.
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
pub async fn check(app: &App, found: impl FnMut(&CheckLine)) -> anyhow::Result<Vec<CheckLine>> {
    check_beside(app, 0, found).await
}

/// Runs all checks for an instance that is about to start: it needs connections beside those that are alive.
pub async fn check_start(app: &App, found: impl FnMut(&CheckLine)) -> anyhow::Result<Vec<CheckLine>> {
    check_beside(app, 1, found).await
}

async fn check_beside(
    app: &App,
    starting_count: i64,
    mut found: impl FnMut(&CheckLine),
) -> anyhow::Result<Vec<CheckLine>> {
    let mut lines = Vec::new();
    let mut add = |line: CheckLine| {
        found(&line);
        lines.push(line);
    };
    // one pool: where the database does not answer, one wait shows it, and what depends on it is left out
    let pool = app.pool(Purpose::Probe(Departures::default())).await;
    let (is_current, line) = check_schema(&pool).await;
    add(line);
    let pool = pool.ok();
    if let Some(pool) = &pool {
        check_on(app, pool, (starting_count, is_current), &mut add).await;
    }
    check_files(app).into_iter().for_each(&mut add);
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
    if let Some(pool) = pool.filter(|_| is_current) {
        check_alerts(app, &pool).await.into_iter().for_each(&mut add);
    }
    Ok(lines)
}

/// Runs the checks that need the database, those of its content where its schema is current.
async fn check_on(
    app: &App,
    pool: &PgPool,
    (starting_count, is_current): (i64, bool),
    add: &mut impl FnMut(CheckLine),
) {
    let line = |(is_well, finding)| CheckLine { subject: "replica".to_owned(), is_well, finding };
    replica::check(app, pool).await.map(line).into_iter().for_each(&mut *add);
    add(check_writes(pool).await);
    check_connections(app, pool, starting_count).await.into_iter().for_each(&mut *add);
    add(check_zones(app, pool).await);
    if is_current {
        add(check_alterations(app, pool).await);
        add(check_closed_hours(pool).await);
    }
    check_clock(app, pool).await.into_iter().for_each(&mut *add);
    check_accounts(app, pool).await.into_iter().for_each(&mut *add);
}

/// Checks the schema; returns whether it is current, too.
async fn check_schema(pool: &anyhow::Result<PgPool>) -> (bool, CheckLine) {
    let pending = match pool {
        Ok(pool) => {
            db::pending_migrations(pool).await.map_err(anyhow::Error::from).map_err(|error| format!("{error:#}"))
        }
        Err(error) => Err(format!("{error:#}")),
    };
    let is_current = pending == Ok(0);
    let (is_well, finding) = match pending {
        Ok(0) => (true, "it responds, and its schema is current".to_owned()),
        Ok(count) => (true, format!("it responds; the next start applies {count} migrations")),
        Err(error) => (false, error),
    };
    (is_current, CheckLine { subject: "database".to_owned(), is_well, finding })
}

/// Tries the writes that a start needs, and whether the disk has space.
async fn check_writes(pool: &PgPool) -> CheckLine {
    let tried = async {
        server_check::try_write(pool).await?;
        server_check::try_space(pool).await
    };
    let (is_well, finding) = match tried.await {
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
    CheckLine { subject: "writes".to_owned(), is_well, finding }
}

/// Compares the connections of all instances with those that the server allows; of one instance where none is alive.
async fn check_connections(app: &App, pool: &PgPool, starting_count: i64) -> Option<CheckLine> {
    let limits = server_check::limits(pool).await.ok()?;
    // polls and answers have a pool each
    let of_one = i64::from(app.config.database.max_connections) * 2 + i64::from(PROBE_CONNECTIONS);
    let instances = (limits.instance_count + starting_count).max(1);
    let needed = of_one * instances + limits.other_connection_count;
    let is_well = app.config.database.has_transaction_pooler || needed <= limits.connection_limit;
    let using = if instances == 1 { "1 instance uses".to_owned() } else { format!("{instances} instances use") };
    let counted = format!(
        "{using} up to {of_one}{}, other programs {} now, and Postgres allows {}",
        if instances == 1 { "" } else { " each" },
        limits.other_connection_count,
        limits.connection_limit
    );
    let remedy = if is_well { "" } else { ": lower database.max_connections, or raise max_connections of Postgres" };
    Some(CheckLine { subject: "connections".to_owned(), is_well, finding: format!("{counted}{remedy}") })
}

/// Compares the schema with its record.
async fn check_alterations(app: &App, pool: &PgPool) -> CheckLine {
    let (is_well, finding) = if app.config.database.is_citus {
        (true, "it is not compared with its record on Citus".to_owned())
    } else {
        match db::schema_alterations(pool).await {
            Ok(alterations) => findings::of_schema(&alterations),
            Err(error) => (false, format!("it could not be compared with its record: {error}")),
        }
    };
    CheckLine { subject: "schema".to_owned(), is_well, finding }
}

/// Compares the sums that queries read with the sessions that they stand for.
async fn check_closed_hours(pool: &PgPool) -> CheckLine {
    let (is_well, finding) = match closed_hours::differing(pool).await {
        Err(error) => (false, format!("they could not be compared: {}", error.cause())),
        Ok(None) => (true, "no hour is summed yet: queries read sessions".to_owned()),
        Ok(Some(0)) => (true, "they equal their sessions".to_owned()),
        Ok(Some(count)) => (
            false,
            format!(
                "{count} differ from their sessions: report this, and make them again with \
                 `update ingest.closed_hours_state set complete_through = null, touched_since = null`"
            ),
        ),
    };
    CheckLine { subject: "closed hours".to_owned(), is_well, finding }
}

/// Looks for files with secrets that every user of the machine can read.
fn check_files(app: &App) -> Vec<CheckLine> {
    let open = app.config.secret_files().into_iter().filter(|path| {
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
async fn check_zones(app: &App, pool: &PgPool) -> CheckLine {
    let (is_well, finding) = match ZoneNames::read(pool).await {
        Ok(names) => findings::of_zones(&names, app.config.server.default_zone),
        Err(error) => (false, format!("{:#}", anyhow::Error::from(error))),
    };
    CheckLine { subject: "time zones".to_owned(), is_well, finding }
}

/// Compares the database's clock with ours; `None` where our own clock is set by hand.
async fn check_clock(app: &App, pool: &PgPool) -> Option<CheckLine> {
    if app.clock.is_set_by_hand() {
        return None;
    }
    let before = app.clock.now();
    let database_now = server::now(pool).await.ok()?;
    // assume that half of the round trip lies on either side of the reading
    let skew = database_now - (before + (app.clock.now() - before) / 2);
    // no difference has no sign
    let seconds = (skew.as_seconds_f64() * 10.0).round() / 10.0 + 0.0;
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

/// Checks for sources whose account is stored under another slug, and for those that are being removed.
async fn check_accounts(app: &App, pool: &PgPool) -> Vec<CheckLine> {
    // a database without this version's schema has nothing to compare yet, and gets no key here
    let Ok(stored) = source::accounts(pool).await else { return Vec::new() };
    if stored.is_empty() {
        return Vec::new();
    }
    let Ok(person_key) = app.person_key(pool).await else { return Vec::new() };
    let removed = stored.iter().filter(|account| account.is_removed);
    let mut findings: BTreeMap<String, String> =
        removed.map(|account| (account.slug.clone(), being_removed(&account.slug))).collect();
    findings.extend(refusals(app, &person_key, &stored).unwrap_or_default());
    let lines = findings.into_iter();
    lines.map(|(subject, finding)| CheckLine { subject, is_well: false, finding }).collect()
}

async fn check_source(app: &App, slug: &str, connector: &dyn Connector) -> CheckLine {
    let now = app.clock.now();
    let window = Window { from: now - chrono::TimeDelta::hours(1), to: now };
    let answer = connector.check(PageRequest { window: &window, cursor: None, now }).await;
    let (is_well, finding) = match answer {
        Ok(report) => findings::of_source(&report),
        Err(error) => (false, findings::remedy(&error)),
    };
    CheckLine { subject: slug.to_owned(), is_well, finding }
}

/// Checks whether the query of each alert can be asked.
async fn check_alerts(app: &App, pool: &PgPool) -> Vec<CheckLine> {
    let state = alerts::state_for_checks(app, pool);
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
