//! `tributary erase` and `export-person`, and the work of erasures beside the pollers.
//!
//! The command line finishes its erasure itself; what the API begins, and what a killed process left, the pollers do.

use std::fmt::Write;
use std::io::Read;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::app::{App, say};
use crate::clock::Clock;
use crate::db::Purpose;
use crate::query::erasures;
use crate::store::StoreError;
use crate::store::erasure::{ErasureRequest, IDENTITY_KINDS, Named, People, unfinished};
use crate::store::operation::Operator;

/// Interval at which a process looks for erasures to do.
const EVERY: Duration = Duration::from_secs(2);

/// A person on the command line.
#[derive(Debug, Args)]
pub struct PersonArgs {
    /// Slug of the source
    #[arg(long)]
    source: String,
    /// An identity of the person, or its pseudonym; `-`: read from standard input, so that no list of processes has it
    #[arg(long)]
    person: String,
    /// Kind of the identity; default: any
    #[arg(long, value_parser = IDENTITY_KINDS)]
    kind: Option<String>,
}

/// Arguments of `tributary erase`.
#[derive(Debug, Args)]
pub struct EraseArgs {
    #[command(flatten)]
    person: PersonArgs,
    /// Delete the sessions of the person too, instead of keeping them as counted
    #[arg(long)]
    delete_sessions: bool,
    /// Erase; without this option only print what would be erased
    #[arg(long)]
    yes: bool,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

impl PersonArgs {
    fn identity(&self) -> anyhow::Result<String> {
        let mut identity = self.person.clone();
        if identity == "-" {
            identity.clear();
            std::io::stdin().read_to_string(&mut identity).context("the person cannot be read from standard input")?;
        }
        Ok(one_identity(&identity)?.to_owned())
    }

    fn named<'a>(&'a self, identity: &'a str) -> Named<'a> {
        Named { source: &self.source, identity, identity_kind: self.kind.as_deref() }
    }
}

/// Returns the identity in a text. Of several lines, it is not known which is meant.
fn one_identity(text: &str) -> anyhow::Result<&str> {
    let identity = text.trim();
    if identity.is_empty() {
        bail!("name the person with --person");
    }
    if identity.contains(['\n', '\r']) {
        bail!("name one person: standard input has several lines");
    }
    if identity.contains('\0') {
        bail!("no identity of a person contains the character NUL");
    }
    Ok(identity)
}

/// Erases a person, or prints what would be erased.
pub async fn erase(app: &App, args: &EraseArgs, user: &str, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    let people = people(app).await?;
    let identity = args.person.identity()?;
    let operator = Operator { requested_by: user.to_owned(), request_id: None };
    let request = ErasureRequest {
        person: args.person.named(&identity),
        deletes_sessions: args.delete_sessions,
        is_dry_run: !args.yes,
        operator: &operator,
        now: app.clock.now(),
    };
    let requested = people.erase(&request).await?;
    let Some(erasure_id) = requested.erasure_id else {
        if args.json {
            let rows = json!({"is_dry_run": true, "person_count": requested.person_count, "rows": requested.rows});
            say(&(serde_json::to_string_pretty(&rows)? + "\n"))?;
        } else {
            let mut text = table(&requested.rows);
            text.push_str(if requested.rows.is_empty() {
                "no stored row belongs to this identity; --yes only keeps later records of it out\n"
            } else {
                "nothing was erased; --yes erases these rows\n"
            });
            say(&text)?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    people.finish(erasure_id, || app.clock.now(), || stop.is_cancelled()).await?;
    let erasure = erasures::find(&people.pool, erasure_id).await?.context("the erasure is not in the journal")?;
    let is_proven = erasure.found_by_identifier.as_ref().is_some_and(|found| found.0.is_empty());
    if args.json {
        say(&(serde_json::to_string_pretty(&erasure)? + "\n"))?;
    } else {
        let mut text = table(&erasure.erased_rows.0);
        if erasure.finished_at.is_some() && text.is_empty() {
            text.push_str("no stored row belonged to this identity; later records of it are kept out\n");
        }
        for (what, found) in [("an identifier", &erasure.found_by_identifier), ("a name", &erasure.found_by_name)] {
            for (table, rows) in found.iter().flat_map(|found| &found.0) {
                let _ = writeln!(text, "{what} of the person is still in {rows} rows of {table}");
            }
        }
        let _ = match (&erasure.finished_at, is_proven) {
            (None, _) => writeln!(text, "erasure {erasure_id} goes on: another process works on it, or it was stopped"),
            (_, true) => writeln!(text, "erasure {erasure_id} is done: no identifier of the person was found again"),
            (_, false) => writeln!(text, "erasure {erasure_id} is done, but identifiers were found again"),
        };
        say(&text)?;
    }
    Ok(if is_proven { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints all rows of a person as JSON.
pub async fn export(app: &App, args: &PersonArgs, user: &str) -> anyhow::Result<ExitCode> {
    let people = people(app).await?;
    let identity = args.identity()?;
    let operator = Operator { requested_by: user.to_owned(), request_id: None };
    let exported = people.export(&args.named(&identity)).await?;
    people.record_export(&args.source, &operator, app.clock.now()).await?;
    let text = json!({
        "source": args.source, "person_ids": exported.person_ids, "identifiers": exported.identifiers,
        "names": exported.names, "rows": exported.rows
    });
    say(&(serde_json::to_string_pretty(&text)? + "\n"))?;
    Ok(ExitCode::SUCCESS)
}

async fn people(app: &App) -> anyhow::Result<People> {
    let pool = app.pool(Purpose::Poll).await?;
    app.migrate(&pool).await?;
    Ok(People { person_key: app.person_key(&pool).await?, pool })
}

fn table(rows: &std::collections::BTreeMap<String, i64>) -> String {
    let mut text = String::new();
    for (table, rows) in rows {
        // writing to a string cannot fail
        let _ = writeln!(text, "{rows:>10}  {table}");
    }
    text
}

/// Does the work of erasures until stopped.
pub(super) async fn follow(people: People, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut could_look = true;
    loop {
        let found = unfinished(&people.pool).await;
        // once for each outage of the database
        if let Some(error) = found.as_ref().err().filter(|_| could_look) {
            tracing::warn!(cause = error.cause(), "no erasure could be looked for; this is tried again");
        }
        could_look = found.is_ok();
        if let Err(error) = finish(&people, found.unwrap_or_default(), clock.as_ref(), &stop).await {
            tracing::warn!(cause = error.cause(), "an erasure could not be continued, and is tried again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Does the work of all erasures that have not finished.
pub async fn finish_all(people: &People, clock: &dyn Clock, stop: &CancellationToken) -> Result<(), StoreError> {
    finish(people, unfinished(&people.pool).await?, clock, stop).await
}

async fn finish(
    people: &People,
    erasures: Vec<i64>,
    clock: &dyn Clock,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    for erasure_id in erasures {
        people.finish(erasure_id, || clock.now(), || stop.is_cancelled()).await?;
        tracing::info!(erasure_id, "worked on an erasure");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_is_read_from_standard_input() {
        assert_eq!(one_identity("+49151 1\n").unwrap(), "+49151 1");
        let fault = |text: &str| one_identity(text).unwrap_err().to_string();
        assert_eq!(fault(" \n"), "name the person with --person");
        for several in ["ada\nben\n", "ada\rben"] {
            assert_eq!(fault(several), "name one person: standard input has several lines");
        }
        assert_eq!(fault("ada\0"), "no identity of a person contains the character NUL");
    }
}
