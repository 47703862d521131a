//! `tributary keys`: makes, lists, rotates and revokes keys of the API.
//!
//! A key is printed once, alone on standard output, so that a script can store it. Each command is written into the
//! journal of operations with its user.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::bail;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::app::{App, remark, say};
use crate::clock::secret_bytes;
use crate::db::Purpose;
use crate::model::api_key::{KeyText, MAX_NAME_CHARS, Scope, name_of_key};
use crate::query::api_keys::{self, StoredKey};
use crate::store::api_key::{self, NewKey};
use crate::store::operation::Operator;

/// A command about keys of the API.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum KeysVerb {
    /// Make a key and print it, once
    Create {
        /// Name of the client it is for
        #[arg(long, value_parser = parse_name)]
        label: String,
        /// Person or team that answers for it
        #[arg(long, value_parser = parse_name)]
        owner: String,
        /// What it may do, comma-separated: metrics:read, sessions:read, content:read, health:read, sync:operate,
        /// actions:start, costs:write, people:manage, keys:manage
        #[arg(long, value_delimiter = ',', required = true, value_parser = parse_scope)]
        scopes: Vec<Scope>,
        /// Slugs of the sources it is limited to, comma-separated; without this option all sources
        #[arg(long, value_delimiter = ',')]
        sources: Option<Vec<String>>,
        /// Days after which it ends; 0: never
        #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u16).range(0..=3650))]
        expires_in: u16,
    },
    /// List the keys, without their secrets
    List {
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a successor of a key and print it, once; the old key stays usable for a while
    Rotate {
        /// Id of the key
        key_id: String,
        /// Hours for which the old key stays usable
        #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u16).range(0..=720))]
        overlap: u16,
    },
    /// End a key; running services refuse it within two seconds
    Revoke {
        /// Id of the key
        key_id: String,
    },
}

fn parse_scope(name: &str) -> Result<Scope, String> {
    let known = || Scope::ALL.map(Scope::as_str).join(", ");
    Scope::parse(name).ok_or_else(|| format!("there is no scope `{name}`; the scopes are {}", known()))
}

fn parse_name(text: &str) -> Result<String, String> {
    let name = name_of_key(text).ok_or_else(|| format!("write 1 to {MAX_NAME_CHARS} characters, on one line"))?;
    Ok(name.to_owned())
}

/// Runs the command that `verb` gives; `user` is written into the journal.
pub async fn run(app: &App, verb: KeysVerb, user: &str) -> anyhow::Result<ExitCode> {
    let pool = app.pool(Purpose::Poll).await?;
    app.migrate(&pool).await?;
    let now = app.clock.now();
    let operator = Operator { requested_by: user.to_owned(), request_id: None };
    let generate = || KeyText::generate(&app.config.server.key_environment, &secret_bytes());
    match verb {
        KeysVerb::Create { label, owner, mut scopes, sources, expires_in } => {
            scopes.sort_unstable();
            scopes.dedup();
            if let Some(names) = Scope::unlimitable(&scopes).filter(|_| sources.is_some()) {
                bail!("a key limited to sources cannot have {names}: omit --sources, or these scopes");
            }
            let expires_at = (expires_in > 0).then(|| now + TimeDelta::days(expires_in.into()));
            let key = generate();
            let new = NewKey { label, owner, scopes, sources, expires_at };
            api_key::create(&pool, &key, &new, &operator, now).await?;
            show(&key, &format!("key {} was made; it is shown only now", key.id))?;
        }
        KeysVerb::List { json } => {
            let keys = api_keys::list(&pool).await?;
            say(&if json { as_json(&keys, now)? } else { table(&keys, now) })?;
        }
        KeysVerb::Rotate { key_id, overlap } => {
            let key = generate();
            let overlap = TimeDelta::hours(overlap.into());
            let ends_at = api_key::rotate(&pool, &key, &key_id, overlap, &operator, now).await?;
            let ends_at = instant(ends_at);
            show(&key, &format!("key {} succeeds {key_id}, which ends at {ends_at}; it is shown only now", key.id))?;
        }
        KeysVerb::Revoke { key_id } => {
            api_key::revoke(&pool, &key_id, &operator, now).await?;
            say(&format!("key {key_id} is revoked\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a key alone on standard output, and the remark elsewhere.
fn show(key: &KeyText, text: &str) -> anyhow::Result<()> {
    remark(text);
    say(&format!("{}\n", key.reveal()))
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn scopes(key: &StoredKey) -> Vec<&'static str> {
    key.scopes.iter().map(|scope| scope.as_str()).collect()
}

fn table(keys: &[StoredKey], now: DateTime<Utc>) -> String {
    let mut text = String::new();
    for key in keys {
        let when = |at: Option<DateTime<Utc>>| at.map_or_else(|| "never".to_owned(), instant);
        let sources = key.sources.limit().map_or_else(|| "all sources".to_owned(), |slugs| slugs.join(","));
        let _ = writeln!(
            text,
            "{}  {:<8}{}  {}  {}  {sources}  ends {}  last used {}",
            key.key_id,
            key.state(now),
            key.label,
            key.owner,
            scopes(key).join(","),
            when(key.expires_at),
            when(key.last_used_at),
        );
    }
    text
}

fn as_json(keys: &[StoredKey], now: DateTime<Utc>) -> anyhow::Result<String> {
    let items = keys.iter().map(|key| {
        serde_json::json!({
            "key_id": key.key_id, "label": key.label, "owner": key.owner, "scopes": scopes(key),
            "sources": key.sources.limit(), "state": key.state(now), "created_at": key.created_at,
            "expires_at": key.expires_at, "revoked_at": key.revoked_at, "last_used_at": key.last_used_at,
            "replaces": key.replaces,
        })
    });
    Ok(serde_json::to_string_pretty(&items.collect::<Vec<_>>())? + "\n")
}
