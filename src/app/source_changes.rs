//! `tributary sources`: lists the stored sources, and renames, merges or removes one.
//!
//! Every change is a dry run unless it is confirmed. Each change is written into the journal of operations with
//! its user.

use std::fmt::Write;
use std::process::ExitCode;

use serde::Serialize;
use sqlx::PgPool;

use crate::app::App;
use crate::db::Purpose;
use crate::query::stored_sources::{self, StoredSource};
use crate::store::operation::Operator;
use crate::store::source_change::{Change, ChangeRequest, Changed};

/// A command about stored sources.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum SourcesVerb {
    /// List the stored sources, configured or not
    List {
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a source another slug; metric values, people and links by id stay as they are
    Rename {
        /// Current slug
        old: String,
        /// New slug
        new: String,
        /// How the change is made
        #[command(flatten)]
        how: How,
    },
    /// Merge two sources of one account; sessions that both have become one, and the newer one wins
    Merge {
        /// The source that is merged and removed
        from: String,
        /// The source that stays
        into: String,
        /// How the change is made
        #[command(flatten)]
        how: How,
    },
    /// Delete the stored data of a source that is no longer configured
    Remove {
        /// Slug of the source
        slug: String,
        /// How the change is made
        #[command(flatten)]
        how: How,
    },
}

/// Options of a change.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct How {
    /// Make the change; without this option only print what would change
    #[arg(long)]
    yes: bool,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

/// The result of a change, or of its dry run.
#[derive(Debug, Serialize)]
struct ChangeReport<'a> {
    change: &'static str,
    source: &'a str,
    other: Option<&'a str>,
    is_dry_run: bool,
    operation_id: Option<i64>,
    sessions_stored_twice: i64,
    rows: std::collections::BTreeMap<String, i64>,
}

/// Runs the command that `verb` gives; `user` is written into the journal.
pub async fn run(app: &App, verb: &SourcesVerb, user: &str) -> anyhow::Result<ExitCode> {
    let pool = app.pool(Purpose::Poll).await?;
    app.migrate(&pool).await?;
    let text = match verb {
        SourcesVerb::List { json } => {
            let sources = stored_sources::list(&pool, &configured(app)).await?;
            if *json { serde_json::to_string_pretty(&sources)? + "\n" } else { list(&sources) }
        }
        SourcesVerb::Rename { old, new, how } => {
            change(app, &pool, old, Change::Rename { to: new }, *how, user).await?
        }
        SourcesVerb::Merge { from, into, how } => change(app, &pool, from, Change::Merge { into }, *how, user).await?,
        SourcesVerb::Remove { slug, how } => change(app, &pool, slug, Change::Remove, *how, user).await?,
    };
    super::say(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn configured(app: &App) -> Vec<String> {
    app.config.sources.iter().map(|source| source.slug.to_string()).collect()
}

async fn change(
    app: &App,
    pool: &PgPool,
    slug: &str,
    change: Change<'_>,
    how: How,
    user: &str,
) -> anyhow::Result<String> {
    let changes = app.source_changes(pool).await?;
    let configured = configured(app);
    let operator = Operator { requested_by: user.to_owned(), request_id: None };
    let request = ChangeRequest {
        slug,
        change,
        is_dry_run: !how.yes,
        configured: Some(&configured),
        operator: &operator,
        now: app.clock.now(),
    };
    let changed = changes.apply(&request).await?;
    let other = match change {
        Change::Rename { to } => Some(to),
        Change::Merge { into } => Some(into),
        Change::Remove => None,
    };
    if how.json {
        let Changed { operation_id, rows, sessions_stored_twice } = changed;
        let outcome = ChangeReport {
            change: change.kind(),
            source: slug,
            other,
            is_dry_run: !how.yes,
            operation_id,
            sessions_stored_twice,
            rows,
        };
        return Ok(serde_json::to_string_pretty(&outcome)? + "\n");
    }
    Ok(describe(slug, change, &changed, !how.yes))
}

fn describe(slug: &str, change: Change<'_>, changed: &Changed, is_dry_run: bool) -> String {
    let (would, did) = match change {
        Change::Rename { to } => (format!("`{slug}` would become `{to}`"), format!("`{slug}` is now `{to}`")),
        Change::Merge { into } => (
            match changed.sessions_stored_twice {
                0 => format!("`{slug}` would be merged into `{into}`; no session shows that they are one account"),
                count => format!("`{slug}` would be merged into `{into}`; {count} sessions are in both"),
            },
            format!("`{slug}` is merged into `{into}`; {} sessions were in both", changed.sessions_stored_twice),
        ),
        Change::Remove => (format!("`{slug}` would be deleted"), format!("`{slug}` is deleted")),
    };
    let mut text = String::new();
    for (table, rows) in &changed.rows {
        // writing to a string cannot fail
        let _ = writeln!(text, "{rows:>10}  {table}");
    }
    match changed.operation_id {
        Some(operation_id) => {
            let _ = writeln!(text, "{did} (operation {operation_id})");
        }
        None => {
            let _ = writeln!(text, "{would}, with the rows above. Nothing was changed; --yes makes the change");
        }
    }
    if let (Change::Rename { to } | Change::Merge { into: to }, false) = (change, is_dry_run) {
        let _ = writeln!(text, "configure it as slug = \"{to}\", and restart the service or send it SIGHUP");
    }
    text
}

fn list(sources: &[StoredSource]) -> String {
    let mut text = String::new();
    for source in sources {
        let state = match source {
            StoredSource { is_removed: true, .. } => "being removed",
            StoredSource { is_configured: true, .. } => "configured",
            _ => "not configured",
        };
        let _ = writeln!(
            text,
            "{:<24} {:<12} {:<40} {:>10} sessions  {state}",
            source.source, source.provider, source.account_ref, source.session_count
        );
    }
    text
}
