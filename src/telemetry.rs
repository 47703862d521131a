//! Logs: the one place that decides their form and level.
//!
//! A message is understandable by itself, and has fields for log queries. Never log credentials, texts and contacts of
//! people, or response bodies. A thread of its own writes the lines, so that a blocked log delays neither a poll nor an
//! answer: lines that do not fit into the queue are lost, and their number is reported once there is room.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Most lines that wait to be written.
const QUEUE_LINES: usize = 1_024;
/// Longest wait for the last lines at the end of the process.
const PATIENCE: Duration = Duration::from_secs(1);

/// Keeps the log running; dropping it writes the waiting lines.
#[must_use = "dropped at once, it ends the log"]
#[derive(Debug)]
pub struct LogGuard {
    queue: Queue,
    writer: Option<JoinHandle<()>>,
}

/// Starts logging to standard error: lines for people on a terminal, JSON elsewhere. `filter` has the form of
/// `TRIBUTARY_LOG`, such as `info,tributary=debug`; an unusable one falls back to `info`.
pub fn start(filter: Option<&str>, default: &str) -> LogGuard {
    let filter = EnvFilter::try_new(filter.unwrap_or(default)).unwrap_or_else(|_| EnvFilter::new("info"));
    // the server's notices do not concern us: "already exists, skipping"
    let filter = match "sqlx::postgres::notice=error".parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    };
    let (sender, lines) = sync_channel(QUEUE_LINES);
    let queue = Queue { sender, lost: Arc::default() };
    let writer = std::thread::Builder::new().name("log".to_owned()).spawn({
        let lost = Arc::clone(&queue.lost);
        move || write_lines(&lines, &lost)
    });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(queue.clone());
    // a second start, as in tests, is refused and harmless
    let _ = if io::stderr().is_terminal() {
        builder.with_ansi(true).with_target(false).compact().try_init()
    } else {
        builder.with_ansi(false).json().flatten_event(true).try_init()
    };
    LogGuard { queue, writer: writer.ok() }
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
}

impl Write for Queue {
    /// Takes one line: events are written with one call each.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Order::Write(line.to_vec())) {
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
            if started.elapsed() > PATIENCE {
                return;
            }
            order = back;
            std::thread::sleep(Duration::from_millis(5));
        }
        let Some(writer) = self.writer.take() else { return };
        while !writer.is_finished() && started.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
