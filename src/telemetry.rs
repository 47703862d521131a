//! Logs: the one place that decides their form and level.
//!
//! A message is understandable by itself, and has fields for log queries. Never log credentials, texts and contacts of
//! people, or response bodies. A thread of its own writes the lines, so that a blocked log delays neither a poll nor an
//! answer: lines that do not fit into the queue are lost, and their number is reported once there is room.

pub mod metrics;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

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
}

/// Starts logging to standard error: lines for people on a terminal, JSON elsewhere. `filter` has the form of
/// `TRIBUTARY_LOG`, such as `info,tributary=debug`; an unusable one falls back to `info`.
/// `number` is a random one, for the name of this process.
pub fn start(filter: Option<&str>, default: &str, number: u32) -> LogGuard {
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
    /// The first fields of each line: instance and version.
    who: Arc<str>,
}

impl Write for Queue {
    /// Takes one line: events are written with one call each. Adds to each who wrote it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = match line.strip_prefix(b"{") {
            Some(rest) => [self.who.as_bytes(), &shortened(rest)].concat(),
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

/// The field of the driver's line about a slow statement that holds the whole statement.
const STATEMENT: &[u8] = br#""db.statement":""#;
/// Characters of a statement that are enough to find it.
const STATEMENT_CHARS: usize = 120;

/// Shortens the statement in the driver's line about a slow one: its beginning names it.
fn shortened(line: &[u8]) -> Cow<'_, [u8]> {
    let Some(at) = line.windows(STATEMENT.len()).position(|part| part == STATEMENT) else { return line.into() };
    let text = &line[at + STATEMENT.len()..];
    let mut is_escaped = false;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    let Some(end) = end else { return line.into() };
    let statement = String::from_utf8_lossy(&text[..end]).replace("\\n", " ");
    let words = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = words.chars().take(STATEMENT_CHARS).collect();
    while short.ends_with('\\') {
        short.pop();
    }
    [&line[..at + STATEMENT.len()], short.as_bytes(), &text[end..]].concat().into()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_of_a_slow_query_is_shortened_and_the_line_stays_json() {
        let statement = format!("select \"a\"\n  from t where x = '{}'", "y".repeat(3_000));
        let line = serde_json::json!({"level": "WARN", "db.statement": statement, "elapsed": "2s"}).to_string();
        let short = shortened(&line.as_bytes()[1..]).into_owned();
        let json: serde_json::Value = serde_json::from_slice(&[b"{", short.as_slice()].concat()).expect("JSON");
        let kept = json["db.statement"].as_str().expect("a text");
        assert!(kept.starts_with("select \"a\" from t where x = 'yyy") && kept.len() <= STATEMENT_CHARS, "{kept}");
        assert_eq!((&json["elapsed"], &json["level"]), (&"2s".into(), &"WARN".into()));
        assert_eq!(&*shortened(br#""level":"INFO"}"#), br#""level":"INFO"}"#);
    }
}
