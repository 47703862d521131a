//! The cost of an answer from memory, beside that of a route that computes nothing, over real HTTP by `wrk`.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tributary::api::connections::{ConnectionLimits, serve};

/// Prints the requests a second of both, and their ratio.
pub(crate) async fn measure(router: axum::Router, path: &str) -> anyhow::Result<()> {
    let (listener, stop) = (TcpListener::bind("127.0.0.1:0").await?, CancellationToken::new());
    let base = format!("http://{}", listener.local_addr()?);
    let serving = tokio::spawn(serve(listener, None, router, ConnectionLimits::of_process(1_000), stop.clone()));
    let (mut fixed, mut again) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        fixed.push(per_second(&format!("{base}/healthz")).await?);
        again.push(per_second(&format!("{base}{path}")).await?);
    }
    let median = |mut rates: Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[1]
    };
    let (fixed, again) = (median(fixed), median(again));
    println!("\nrequests/s by wrk: /healthz {fixed:.0}, a known answer {again:.0}, ratio {:.2}", fixed / again);
    stop.cancel();
    serving.await.context("the server failed")
}

async fn per_second(url: &str) -> anyhow::Result<f64> {
    let url = url.to_owned();
    let ran = tokio::task::spawn_blocking(move || {
        let arguments = ["-t1", "-c8", "-d3s", "-H", "accept-encoding: gzip"];
        Command::new("wrk").args(arguments).arg(url).output().context("wrk is not installed")
    });
    let output = tokio::time::timeout(Duration::from_secs(30), ran).await???;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(!text.contains("Non-2xx"), "{text}");
    let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:")).with_context(|| text.clone())?;
    Ok(line.trim().parse()?)
}
