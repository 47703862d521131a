//! A proxy between the service and the test's database that counts round trips.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// A driver's check of a connection: it does not wait for the response.
const PING: &[u8] = b"S\0\0\0\x04";

/// Counts until dropped.
pub(crate) struct Proxy {
    pub(crate) options: PgConnectOptions,
    round_trips: Arc<AtomicU64>,
}

impl Proxy {
    /// Listens in front of the server of `options`.
    pub(crate) async fn start(options: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let round_trips = Arc::new(AtomicU64::new(0));
        let (server, counter) = (options.clone(), Arc::clone(&round_trips));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let counter = Arc::clone(&counter);
                if let Some(folder) = server.get_socket() {
                    let path = folder.join(format!(".s.PGSQL.{}", server.get_port()));
                    let server = UnixStream::connect(path).await.expect("the server answers");
                    pass_both(client, server.into_split(), counter);
                } else {
                    let address = (server.get_host(), server.get_port());
                    let server = TcpStream::connect(address).await.expect("the server answers");
                    pass_both(client, server.into_split(), counter);
                }
            }
        });
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(port)
            .username(options.get_username())
            .database(options.get_database().expect("a database"))
            .password("test")
            .ssl_mode(PgSslMode::Disable);
        Self { options, round_trips }
    }

    /// Returns the round trips since the last call.
    pub(crate) fn take(&self) -> u64 {
        self.round_trips.swap(0, Ordering::SeqCst)
    }
}

fn pass_both<R, W>(client: TcpStream, (server_reads, server_writes): (R, W), counter: Arc<AtomicU64>)
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (client_reads, client_writes) = client.into_split();
    let was_answered = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&was_answered);
    tokio::spawn(pass(client_reads, server_writes, move |piece| {
        if piece != PING && asked.swap(false, Ordering::SeqCst) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }));
    tokio::spawn(pass(server_reads, client_writes, move |_| was_answered.store(true, Ordering::SeqCst)));
}

async fn pass<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(mut from: R, mut to: W, note: impl Fn(&[u8])) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        note(&buffer[..count]);
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
