//! Logs and traces: the one place that decides their form and level.
//!
//! A message is understandable by itself, and has fields for log queries. Never log credentials, texts and contacts of
//! people, or response bodies. A thread of its own writes the lines, so that a blocked log delays neither a poll nor an
//! answer: lines that do not fit into the queue are lost, and their number is reported once there is room.

pub mod metrics;
pub mod statements;
pub mod traces;

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use self::statements::Named;

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit that the program was built from; `dev` where that is not known.
pub const COMMIT: &str = env!("TRIBUTARY_COMMIT");

/// Returns the name of this machine.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The random part of the name of this process.
static NUMBER: OnceLock<u32> = OnceLock::new();

/// Returns the name of this process, in its log and to other processes: host, process and a random number, since
/// containers may share the first two.
pub fn instance_id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    let number = NUMBER.get().copied().unwrap_or_default();
    ID.get_or_init(|| format!("{}:{}:{number:08x}", host(), std::process::id()))
}

/// Most lines that wait to be written.
const QUEUE_LINES: usize = 1_024;
/// Longest wait for the last lines at the end of the process.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// Keeps the log running; dropping it writes the waiting lines.
#[must_use = "dropped at once, it ends the log"]
#[derive(Debug)]
pub struct LogGuard {
    queue: Queue,
    writer: Option<JoinHandle<()>>,
    /// Sends the last spans when it is dropped.
    #[cfg(feature = "otel")]
    _export: Option<traces::Export>,
}

/// Starts logging to standard error: lines for people on a terminal, JSON elsewhere. `filter` has the form of
/// `TRIBUTARY_LOG`, such as `info,tributary=debug`; an unusable one falls back to `info`.
/// `number` is a random one, for the name of this process. `exports_traces`: an address for traces is given.
pub fn start(filter: Option<&str>, default: &str, number: u32, exports_traces: bool) -> LogGuard {
    let _ = NUMBER.set(number);
    let filter = EnvFilter::try_new(filter.unwrap_or(default)).unwrap_or_else(|_| EnvFilter::new("info"));
    // the server's notices do not concern us: "already exists, skipping"
    let filter = match "sqlx::postgres::notice=error".parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    };
    let (sender, lines) = sync_channel(QUEUE_LINES);
    let who = format!(r#"{{"instance":"{}","version":"{VERSION}","#, instance_id()).into();
    let queue = Queue { sender, lost: Arc::default(), who };
    let writer = std::thread::Builder::new().name("log".to_owned()).spawn({
        let lost = Arc::clone(&queue.lost);
        move || write_lines(&lines, &lost)
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(queue.clone());
    let lines = if io::stderr().is_terminal() {
        lines.with_ansi(true).with_target(false).compact().map_event_format(Named).boxed()
    } else {
        lines.with_ansi(false).json().flatten_event(true).map_event_format(Named).boxed()
    };
    // one filter for all layers: with one of a layer's own, an event is lost after the driver asks whether to log
    let registry = tracing_subscriber::registry().with(filter).with(lines);
    #[cfg(feature = "otel")]
    let (export, fault) = exports_traces
        .then(|| traces::Export::start(VERSION, instance_id()))
        .transpose()
        .map_or_else(|error| (None, Some(error.to_string())), |export| (export, None));
    #[cfg(feature = "otel")]
    let registry = registry.with(export.as_ref().map(traces::Export::layer));
    #[cfg(not(feature = "otel"))]
    let fault = exports_traces.then_some("this program was built without the feature otel");
    // a second start, as in tests, is refused and harmless
    let _ = registry.try_init();
    if let Some(fault) = fault {
        tracing::warn!(fault, "traces are not exported");
    }
    LogGuard {
        queue,
        writer: writer.ok(),
        #[cfg(feature = "otel")]
        _export: export,
    }
}

/// A message to the writing thread.
enum Order {
    /// Write a line, including its line end.
    Write(Vec<u8>),
    /// End: nothing follows.
    End,
}

/// A handle to the writing thread.
#[derive(Debug, Clone)]
struct Queue {
    sender: SyncSender<Order>,
    lost: Arc<AtomicU64>,
    /// The first fields of each line: instance and version.
    who: Arc<str>,
}

impl Write for Queue {
    /// Takes one line: events are written with one call each. Adds to each who wrote it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = match line.strip_prefix(b"{") {
            Some(rest) => [self.who.as_bytes(), rest].concat(),
            None => line.to_vec(),
        };
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Order::Write(written)) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn write_lines(lines: &Receiver<Order>, lost: &AtomicU64) {
    let mut stderr = io::stderr();
    while let Ok(Order::Write(line)) = lines.recv() {
        // an error of the log itself cannot be logged
        let _ = stderr.write_all(&line);
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(
                stderr,
                r#"{{"level":"WARN","message":"{lost} log lines were lost: they were not read in time"}}"#
            );
        }
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let started = Instant::now();
        let mut order = Order::End;
        // a full queue gets some time to empty, but a blocked log does not keep the process alive
        while let Err(TrySendError::Full(back)) = self.queue.sender.try_send(order) {
            if started.elapsed() > FLUSH_WITHIN {
                return;
            }
            order = back;
            std::thread::sleep(Duration::from_millis(5));
        }
        let Some(writer) = self.writer.take() else { return };
        while !writer.is_finished() && started.elapsed() < FLUSH_WITHIN {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
