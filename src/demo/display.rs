//! Output of the demo: progress of the first load, example requests, then changes as they arrive.
//!
//! Everything is read from the service's own API, over HTTP.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write, stdout};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Deserialize;
use tributary_simulator::Platform;
use tributary_simulator::world::World;

use crate::connector::http::{HttpLimits, http_client};

/// Interval between two reads during the first load.
const FIRST_LOAD_TICK: Duration = Duration::from_millis(200);
/// Interval between two reads after the first load.
const TICK: Duration = Duration::from_secs(2);

/// The stream whose first run is the first load. The streams of each session follow it.
const LISTING: &str = "sessions";

/// A run as `/v1/sync/runs` returns it, reduced to the fields that are printed.
#[derive(Debug, Deserialize)]
struct RunRow {
    run_id: i64,
    source: String,
    stream: String,
    started_at: DateTime<Utc>,
    verdict: Option<String>,
    reason: Option<String>,
    finished_at: Option<DateTime<Utc>>,
    inserted_count: i64,
    updated_count: i64,
}

#[derive(Debug, Deserialize)]
struct RunList {
    items: Vec<RunRow>,
}

/// Prints the progress of the demo.
pub(super) struct Display {
    http: reqwest::Client,
    api: String,
    psql: String,
    expected: BTreeMap<String, u64>,
    began: DateTime<Utc>,
}

impl Display {
    /// Creates a display that reads from the API at `address`. `psql` is the command with which an analyst connects;
    /// `world` gives the number of sessions to load.
    pub(super) fn new(address: SocketAddr, psql: String, world: &World, began: DateTime<Utc>) -> anyhow::Result<Self> {
        let count = |platform: Platform| world.feed(platform).truth(began).map_or(0, |truth| truth.sessions);
        Ok(Self {
            http: http_client(HttpLimits::default()).context("the demo needs an HTTP client")?,
            api: format!("http://{address}"),
            psql,
            began,
            expected: Platform::ALL.map(|platform| (format!("{}-demo", platform.as_str()), count(platform))).into(),
        })
    }

    /// Prints until dropped, or until the reader of the output has gone.
    pub(super) async fn show(&self) -> anyhow::Result<()> {
        writeln!(stdout(), "  Page         {}/\n", self.api)?;
        let mut last_seen = self.first_load().await?;
        self.print_questions()?;
        loop {
            tokio::time::sleep(TICK).await;
            let Ok(mut runs) = self.runs().await else { continue };
            runs.retain(|run| run.run_id > last_seen && run.finished_at.is_some());
            runs.sort_by_key(|run| run.run_id);
            for run in runs {
                last_seen = last_seen.max(run.run_id);
                print_change(&run)?;
            }
        }
    }

    /// Shows the first run of each source, and returns the newest run's id.
    async fn first_load(&self) -> anyhow::Result<i64> {
        let is_terminal = std::io::stderr().is_terminal();
        let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        let style = ProgressStyle::with_template("  {prefix:<16} {bar:30} {pos:>6}/{len} sessions  {msg}")?;
        let bars: BTreeMap<String, ProgressBar> = self
            .expected
            .iter()
            .map(|(source, count)| {
                let bar = ProgressBar::new(*count).with_style(style.clone()).with_prefix(source.clone());
                (source.clone(), bars.add(bar))
            })
            .collect();
        let started = tokio::time::Instant::now();
        loop {
            let runs = self.runs().await.unwrap_or_default();
            for run in runs.iter().filter(|run| run.stream == LISTING) {
                let Some(bar) = bars.get(&run.source).filter(|bar| !bar.is_finished()) else { continue };
                bar.set_position(u64::try_from(run.inserted_count).unwrap_or(0).max(bar.position()));
                if let (Some(_), Some(verdict)) = (run.finished_at, &run.verdict) {
                    let known = if run.inserted_count == 0 { ", all stored already" } else { "" };
                    bar.finish_with_message(format!("{verdict}{known}"));
                    if !is_terminal {
                        writeln!(
                            stdout(),
                            "  {:<16} {verdict}: {} new sessions{known}",
                            run.source,
                            run.inserted_count
                        )?;
                    }
                }
            }
            if bars.values().all(ProgressBar::is_finished) {
                writeln!(
                    stdout(),
                    "\nLoaded in {:.1} s. Polling continues every 15 seconds.",
                    started.elapsed().as_secs_f64()
                )?;
                writeln!(
                    stdout(),
                    "The artifacts of each meeting (participants, chat, transcript, quality) follow within minutes."
                )?;
                return Ok(runs.iter().map(|run| run.run_id).max().unwrap_or(0));
            }
            tokio::time::sleep(FIRST_LOAD_TICK).await;
        }
    }

    async fn runs(&self) -> anyhow::Result<Vec<RunRow>> {
        let url = format!("{}/v1/sync/runs?limit=30", self.api);
        let list: RunList = self.http.get(url).send().await?.error_for_status()?.json().await?;
        // Runs of an earlier start of the demo are not shown.
        Ok(list.items.into_iter().filter(|run| run.started_at >= self.began).collect())
    }

    fn print_questions(&self) -> io::Result<()> {
        let api = &self.api;
        writeln!(stdout(), "\nTry in another terminal:\n")?;
        writeln!(
            stdout(),
            "  curl -s '{api}/v1/metrics/query?metrics=sessions,minutes_consumed,resolution_rate&dimensions=provider&range=last_365_days&zone=UTC'"
        )?;
        writeln!(stdout(), "  curl -s '{api}/v1/resolution?range=last_7_days&zone=Europe/Berlin&granularity=day'")?;
        writeln!(
            stdout(),
            "  curl -s '{api}/v1/sessions?has_transcript=true'   then '{api}/v1/sessions/…/transcript' with an id, also /participants, /timeline"
        )?;
        writeln!(
            stdout(),
            "  curl -s '{api}/v1/metrics/query?metrics=participants,participant_minutes,transcript_words,audio_mos_avg&dimensions=provider&range=last_7_days&zone=UTC'"
        )?;
        writeln!(
            stdout(),
            "  curl -s '{api}/v1/metrics/query?metrics=talk_share&dimensions=speaker_id&range=last_7_days&zone=UTC'"
        )?;
        writeln!(stdout(), "  curl -s '{api}/v1/health/pollers'")?;
        writeln!(
            stdout(),
            "  {} -c 'select provider, count(*), round(sum(minutes_consumed), 2) from analytics.sessions_counted group by 1'",
            self.psql
        )?;
        writeln!(stdout(), "\nChanges from now on:\n")
    }
}

fn print_change(run: &RunRow) -> io::Result<()> {
    let at = run.finished_at.unwrap_or_default().format("%H:%M:%S");
    let verdict = run.verdict.as_deref().unwrap_or("running");
    let name = if run.stream == LISTING { run.source.clone() } else { format!("{}/{}", run.source, run.stream) };
    if verdict != "complete" {
        writeln!(stdout(), "  {at} UTC  {name:<16} {verdict}: {}", run.reason.as_deref().unwrap_or("no reason given"))?;
    } else if run.inserted_count + run.updated_count > 0 {
        writeln!(stdout(), "  {at} UTC  {name:<16} {} new, {} changed", run.inserted_count, run.updated_count)?;
    }
    Ok(())
}
