//! A poller as a child process: signals, its end, and its log.

use std::ops::{Deref, DerefMut};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Longest time that a test waits for an event.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// A process that is killed when dropped, so that a test that fails leaves none behind.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

/// A process of the service.
pub(crate) struct Poller {
    pub(crate) child: Running,
    pub(super) log: PathBuf,
}

impl Poller {
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, signal).expect("it gets the signal");
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status;
            }
            assert!(began.elapsed() < DEADLINE, "it never ends\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a trap has killed it.
    pub(crate) async fn killed(&mut self) {
        let status = self.ended().await;
        assert_eq!(status.signal(), Some(9), "{status}\n{}", self.log());
    }

    /// Waits until a trap has stopped it.
    pub(crate) async fn stopped(&mut self) {
        let began = Instant::now();
        let stat = format!("/proc/{}/stat", self.child.id());
        while !std::fs::read_to_string(&stat)
            .is_ok_and(|text| text.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T')))
        {
            assert!(began.elapsed() < DEADLINE, "it never stops\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends it the signal to end and waits until it has.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Waits until its log, which a thread of its own writes, has `text`.
    pub(crate) async fn logged(&self, text: &str) {
        let began = Instant::now();
        while !self.log().contains(text) {
            assert!(began.elapsed() < DEADLINE, "it never logs `{text}`\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// Starts the service without pollers, and with a private Postgres in `data_dir`; its log goes to `log`.
pub(crate) fn serve_embedded(data_dir: &Path, log: Stdio) -> Running {
    let child = Command::new(env!("CARGO_BIN_EXE_tributary"))
        .args(["serve", "--role", "api", "--embedded", "--data"])
        .arg(data_dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TRIBUTARY_CONFIG", "/dev/null")
        .env("TRIBUTARY_SERVER__LISTEN", "127.0.0.1:0")
        .env("TRIBUTARY_LOG", "info")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    Running(child.expect("it starts"))
}
