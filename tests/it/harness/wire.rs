//! A provider at the level of the wire: it sends any bytes with any timing, which no HTTP server would.
//!
//! A [`Wire`] listens in front of a simulator. Each request is recorded and, unless a [`Hit`] applies, gets the
//! simulator's response. A hit gets that good response and turns it into [`Step`]s:
//! bytes, drips, resets. Connections stay open as long as responses state their length. The wire knows no
//! provider's spelling, and nothing of the service that polls it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tributary_simulator::Simulator;

/// The simulator's response.
#[derive(Debug, Clone)]
pub(crate) struct Good {
    pub(crate) status: u16,
    /// Its headers except those that state the length, each line with its end.
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Good {
    /// Returns the unchanged response.
    pub(crate) fn whole(&self) -> Vec<u8> {
        let length = format!("content-length: {}\r\n", self.body.len());
        self.with(self.status, &length, &self.body)
    }

    /// Returns the good headers with another status, more headers (each with its line end) and another body.
    pub(crate) fn with(&self, status: u16, more: &str, body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 {status} X\r\n{}{more}\r\n", self.headers);
        [head.as_bytes(), body].concat()
    }

    /// Returns the good headers with another body, whose length is stated.
    pub(crate) fn with_body(&self, body: &[u8]) -> Vec<u8> {
        self.with(self.status, &format!("content-length: {}\r\n", body.len()), body)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a simulator sends text")
    }
}

/// An operation on a connection.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    /// The same bytes again and again, with a pause after each, until the caller closes the connection.
    Endless(Vec<u8>, Duration),
    /// Nothing more, until the caller closes the connection.
    Silence,
    /// RST.
    Reset,
    /// FIN.
    Close,
    /// FIN on all connections, and none is accepted any more.
    Shut,
}

type Damage = Arc<dyn Fn(&Good) -> Vec<Step> + Send + Sync>;

/// A fault and its time. By default it happens once, to the next request; the other methods change that.
#[derive(Clone)]
pub(crate) struct Hit {
    damage: Damage,
    from_request: usize,
    left: usize,
    only: Option<&'static str>,
}

impl Hit {
    pub(crate) fn new(damage: impl Fn(&Good) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self { damage: Arc::new(damage), from_request: 1, left: 1, only: None }
    }

    /// Sends this response with the good headers.
    pub(crate) fn answer(status: u16, more: &str, body: &str) -> Self {
        let (more, body) = (format!("{more}content-length: {}\r\n", body.len()), body.to_owned());
        Self::new(move |good| vec![Step::Send(good.with(status, &more, body.as_bytes()))])
    }

    /// Sends the good response with its body changed.
    pub(crate) fn body(change: impl Fn(String) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::new(move |good| vec![Step::Send(good.with_body(&change(good.text())))])
    }

    /// Waits for the `k`-th request since the script was set, counted from 1.
    pub(crate) fn at_request(self, k: usize) -> Self {
        Self { from_request: k, ..self }
    }

    pub(crate) fn times(self, times: usize) -> Self {
        Self { left: times, ..self }
    }

    pub(crate) fn forever(self) -> Self {
        self.times(usize::MAX)
    }

    /// Applies only to requests whose path and query contain `part`.
    pub(crate) fn only(self, part: &'static str) -> Self {
        Self { only: Some(part), ..self }
    }
}

/// A request as received.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    /// Request line and headers, literally.
    pub(crate) head: String,
}

#[derive(Default)]
struct State {
    hits: Vec<Hit>,
    seen: Vec<Seen>,
    /// Requests since the script was set.
    counted: usize,
    connections: usize,
    is_shut: bool,
    /// Bytes that were read of each endless response before the caller closed the connection.
    hang_ups: Vec<usize>,
}

impl State {
    fn due(&mut self, head: &str) -> Option<Damage> {
        self.counted += 1;
        let (counted, line) = (self.counted, head.lines().next().unwrap_or_default());
        let is_due = |hit: &&mut Hit| {
            hit.left > 0 && hit.from_request <= counted && hit.only.is_none_or(|part| line.contains(part))
        };
        let hit = self.hits.iter_mut().find(is_due)?;
        hit.left -= 1;
        Some(Arc::clone(&hit.damage))
    }
}

struct Shared {
    state: Mutex<State>,
    changed: Notify,
    behind: SocketAddr,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A listener that ends when it is dropped.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    pub(crate) simulator: Simulator,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Wire {
    pub(crate) async fn before(simulator: Simulator) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Notify::new(), behind: simulator.address() });
        let task = tokio::spawn(listen(listener, address, Arc::clone(&shared)));
        Self { address, simulator, shared, task }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Replaces the remaining faults. Requests are counted from here, beginning with 1.
    pub(crate) fn script(&self, hits: Vec<Hit>) {
        let mut state = self.shared.state();
        state.hits = hits;
        state.counted = 0;
        state.is_shut = false;
        drop(state);
        self.shared.changed.notify_one();
    }

    /// Accepts no connection until the next [`Self::script`].
    pub(crate) fn shut(&self) {
        self.shared.state().is_shut = true;
        self.shared.changed.notify_one();
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }

    /// Returns the number of accepted connections.
    pub(crate) fn connections(&self) -> usize {
        self.shared.state().connections
    }

    /// Returns the bytes that were read of each endless response before the caller closed the connection.
    pub(crate) fn hang_ups(&self) -> Vec<usize> {
        self.shared.state().hang_ups.clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, address: SocketAddr, shared: Arc<Shared>) {
    let mut open = Some(listener);
    loop {
        let is_shut = shared.state().is_shut;
        match &open {
            Some(_) if is_shut => open = None,
            None if !is_shut => open = Some(TcpListener::bind(address).await.expect("the port it had")),
            None => shared.changed.notified().await,
            Some(listener) => tokio::select! {
                () = shared.changed.notified() => {}
                taken = listener.accept() => if let Ok((stream, _)) = taken {
                    // the connection may have arrived while the listener was closing
                    if !shared.state().is_shut {
                        shared.state().connections += 1;
                        tokio::spawn(converse(stream, Arc::clone(&shared)));
                    }
                },
            },
        }
    }
}

/// Serves one connection: requests and responses until one side ends it.
async fn converse(mut stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    while let Some(head) = read_head(&mut stream).await {
        let damage = {
            let mut state = shared.state();
            if state.is_shut {
                return; // the caller may have had a second connection open
            }
            state.seen.push(Seen { at: Instant::now(), head: head.clone() });
            state.due(&head)
        };
        let good = ask(shared.behind, &head).await;
        let steps = damage.map_or_else(|| vec![Step::Send(good.whole())], |damage| damage(&good));
        for step in steps {
            if !perform(&mut stream, step, &shared).await {
                return;
            }
        }
    }
}

/// Does one step; returns `false` when the connection is over.
async fn perform(stream: &mut TcpStream, step: Step, shared: &Shared) -> bool {
    match step {
        Step::Send(bytes) => return stream.write_all(&bytes).await.is_ok(),
        Step::Endless(bytes, pause) => {
            let mut sent = 0;
            while stream.write_all(&bytes).await.is_ok() {
                sent += bytes.len();
                tokio::time::sleep(pause).await;
            }
            shared.state().hang_ups.push(sent);
        }
        Step::Silence => {
            let _ = stream.read(&mut [0]).await;
            shared.state().hang_ups.push(0);
        }
        Step::Reset => {
            // the sent data must have left: a reset discards what is buffered
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = stream.set_zero_linger();
        }
        Step::Close => {
            let _ = stream.shutdown().await;
        }
        Step::Shut => {
            shared.state().is_shut = true;
            shared.changed.notify_one();
        }
    }
    false
}

/// Returns request line and headers; `None` when the caller is gone. Only requests without a body are served.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// Returns the simulator's response to this request.
async fn ask(behind: SocketAddr, head: &str) -> Good {
    let mut stream = TcpStream::connect(behind).await.expect("the simulator listens");
    let dropped = ["connection:", "accept-encoding:"];
    let kept = head.lines().filter(|line| !line.is_empty());
    let kept = kept.filter(|line| !dropped.iter().any(|name| line.to_ascii_lowercase().starts_with(name)));
    let request = format!("{}\r\nconnection: close\r\n\r\n", kept.collect::<Vec<_>>().join("\r\n"));
    stream.write_all(request.as_bytes()).await.expect("the simulator reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("the simulator answers");
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let mut headers = String::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        assert_ne!(name, "transfer-encoding", "a simulator tells the length");
        if !["content-length", "connection"].contains(&&*name) {
            headers.push_str(&line.replacen(line.split(':').next().unwrap_or_default(), &name, 1));
            headers.push_str("\r\n");
        }
    }
    Good { status: status.expect("a status"), headers, body: answer[end..].to_vec() }
}
