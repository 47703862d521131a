//! A proxy that simulates distance to the database: it delays the traffic and counts round trips.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::spawn;
use std::time::{Duration, Instant};

/// A listener in front of the server's socket. It uses threads instead of tasks, whose sleep is less exact.
pub(crate) struct Proxy {
    address: SocketAddr,
    round_trips: Arc<AtomicU64>,
}

impl Proxy {
    /// Listens; each round trip takes `delay` longer, half of it in each direction.
    pub(crate) fn start(socket_dir: &Path, delay: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let (address, round_trips) = (listener.local_addr()?, Arc::new(AtomicU64::new(0)));
        let (socket, counter) = (socket_dir.join(".s.PGSQL.5432"), Arc::clone(&round_trips));
        spawn(move || {
            for client in listener.incoming().flatten() {
                let (socket, counter) = (socket.clone(), Arc::clone(&counter));
                spawn(move || connect(client, &socket, delay / 2, &counter));
            }
        });
        Ok(Self { address, round_trips })
    }

    /// Returns the address of the proxy.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how often the poller sent something after a response.
    pub(crate) fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }
}

fn connect(client: TcpStream, socket: &PathBuf, delay: Duration, counter: &Arc<AtomicU64>) -> std::io::Result<()> {
    let server = UnixStream::connect(socket)?;
    client.set_nodelay(true)?;
    let was_answered = Arc::new(AtomicBool::new(true));
    let (asked, counter) = (Arc::clone(&was_answered), Arc::clone(counter));
    let note_question = move || {
        if asked.swap(false, Ordering::Relaxed) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    let note_answer = move || was_answered.store(true, Ordering::Relaxed);
    pass(client.try_clone()?, server.try_clone()?, delay, note_question);
    pass(server, client, delay, note_answer);
    Ok(())
}

/// Passes the data of `from` on to `to`, each piece `delay` after it arrived.
fn pass<R, W>(mut from: R, to: W, delay: Duration, note: impl Fn() + Send + 'static)
where
    R: Read + Send + 'static,
    W: Write + Send + Shut + 'static,
{
    let (sender, receiver): (Sender<(Instant, Vec<u8>)>, _) = channel();
    spawn(move || hand_over(&receiver, to));
    spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            note();
            if sender.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    });
}

fn hand_over<W: Write + Shut>(receiver: &Receiver<(Instant, Vec<u8>)>, mut to: W) {
    while let Ok((due, piece)) = receiver.recv() {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&piece).is_err() {
            return;
        }
    }
    to.shut();
}

/// Ends the sending direction.
trait Shut {
    fn shut(&self);
}

impl Shut for TcpStream {
    fn shut(&self) {
        let _ = self.shutdown(std::net::Shutdown::Write);
    }
}

impl Shut for UnixStream {
    fn shut(&self) {
        let _ = self.shutdown(std::net::Shutdown::Write);
    }
}
