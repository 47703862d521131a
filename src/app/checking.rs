//! `tributary check`: configuration, database, and each source's credential, clock and paging.

use anyhow::Context;

use crate::app::App;
use crate::connector::CheckReport;
use crate::connector::error::PullError;
use crate::db::Purpose;
use crate::ingest::Source;
use crate::model::page::PageRequest;
use crate::model::time::Window;

/// Skew above this is told as a fault, seconds: proofs are then cut to the provider's clock.
const SKEW_BORNE_SECONDS: i64 = 30;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckLine {
    /// What: `database`, or a source's slug.
    pub subject: String,
    /// Whether it is well.
    pub is_well: bool,
    /// What was found, and what to do where it is not well.
    pub finding: String,
}

/// Looks at everything; all of it, whatever fails.
pub async fn check(app: &App) -> anyhow::Result<Vec<CheckLine>> {
    let pool = app.pool(Purpose::Poll).await?;
    crate::db::migrate(&pool).await?;
    let mut lines = vec![CheckLine {
        subject: "database".to_owned(),
        is_well: true,
        finding: "it answers, and its schema is this version's".to_owned(),
    }];
    let sources = super::connect_sources(app, &pool).await.context("the sources could not be registered")?;
    for source in &sources {
        lines.push(check_source(app, source).await);
    }
    Ok(lines)
}

async fn check_source(app: &App, source: &Source) -> CheckLine {
    let now = app.clock.now();
    let window = Window { from: now - chrono::TimeDelta::hours(1), to: now };
    let answer = source.connector.check(PageRequest { window: &window, cursor: None, now }).await;
    let (is_well, finding) = match answer {
        Ok(report) => describe(&report),
        Err(error) => (false, remedy(&error)),
    };
    CheckLine { subject: source.slug.to_string(), is_well, finding }
}

fn describe(report: &CheckReport) -> (bool, String) {
    let mut parts = vec!["the credential is accepted".to_owned()];
    parts.extend(report.findings.iter().map(|(name, value)| format!("{name} {value}")));
    let skew = report.clock_skew_seconds.unwrap_or(0);
    let is_well = skew.abs() <= SKEW_BORNE_SECONDS;
    if is_well {
        parts.push(format!("clocks differ by {skew} s"));
    } else {
        parts.push(format!("the provider's clock differs by {skew} s: set this machine's clock (NTP)"));
    }
    (is_well, parts.join("; "))
}

fn remedy(error: &PullError) -> String {
    format!("{error}. {}", error.kind.policy().advice)
}
