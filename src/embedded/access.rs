//! How clients reach the server: by a socket, and analysts also by TCP.
//!
//! The port of a server is both its TCP port and part of its socket file's name. A link with the usual name keeps the
//! socket reachable without a port. Port and password stay in one private file, so that connections that a BI tool
//! has saved work after a restart.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rand::{CryptoRng, RngExt};
use secrecy::{ExposeSecret, SecretString};

use crate::embedded::cluster_folder::{ClusterFolder, socket_name};
use crate::embedded::error::PostgresError;
use crate::embedded::scram;

/// The superuser of the cluster.
pub(super) const SUPERUSER: &str = "tributary";
/// The service's database.
pub(super) const DATABASE: &str = "tributary";
/// The role of analysts.
pub(super) const ANALYST: &str = "analyst";
/// The usual port: without TCP it is only a part of the socket file's name.
const USUAL_PORT: u16 = 5432;
/// The only address that the server listens on.
const ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Settings of analysts' access by TCP, from this machine only.
#[derive(Debug, Clone)]
pub struct TcpSettings {
    /// The port; if absent the port of the last start, or a free one if that is taken.
    pub port: Option<u16>,
    /// The password, if the data folder holds none yet.
    pub password: RandomPassword,
}

/// A password that no person chose, and the salt to store its verifier with.
#[derive(Debug, Clone)]
pub struct RandomPassword {
    text: SecretString,
    salt: [u8; scram::SALT_BYTES],
}

impl RandomPassword {
    /// Draws a password of 128 bits.
    pub fn draw(random: &mut impl CryptoRng) -> Self {
        let mut text = String::with_capacity(32);
        for byte in random.random::<[u8; 16]>() {
            let _ = write!(text, "{byte:02x}");
        }
        Self { text: text.into(), salt: random.random() }
    }
}

/// How the server is reached.
#[derive(Debug)]
pub(super) struct Access {
    /// TCP port, and part of the socket file's name.
    pub(super) port: u16,
    /// Access by TCP, if there is any.
    pub(super) tcp: Option<Tcp>,
}

/// Access by TCP.
#[derive(Debug)]
pub(super) struct Tcp {
    /// The file that decides who may connect how.
    pub(super) rules: PathBuf,
    password: RandomPassword,
}

impl Access {
    /// Chooses the port and writes the files, before the server starts.
    pub(super) fn prepare(settings: Option<&TcpSettings>, folder: &ClusterFolder) -> Result<Self, PostgresError> {
        let Some(settings) = settings else { return Ok(Self { port: USUAL_PORT, tcp: None }) };
        let file = folder.root.join("pgpass");
        let (last_port, last_password) = read_password_file(&file).unzip();
        let port = match settings.port.or(last_port).filter(|port| is_free(*port)) {
            Some(port) => port,
            None => settings.port.map_or_else(free_port, |port| Err(PostgresError::PortInUse(port)))?,
        };
        let password =
            RandomPassword { text: last_password.unwrap_or(settings.password.text.clone()), ..settings.password };
        write_password_file(&file, port, &password)?;
        let rules = write_rules(folder)?;
        link_usual_socket(&folder.socket_dir, port)?;
        Ok(Self { port, tcp: Some(Tcp { rules, password }) })
    }

    /// Returns the addresses that the server listens on, as its setting spells them.
    pub(super) fn addresses(&self) -> String {
        self.tcp.as_ref().map(|_| ADDRESS.to_string()).unwrap_or_default()
    }

    /// Returns the connection URL for analysts, which contains the password.
    pub(super) fn url(&self) -> Option<SecretString> {
        let password = self.tcp.as_ref()?.password.text.expose_secret();
        Some(format!("postgresql://{ANALYST}:{password}@{ADDRESS}:{}/{DATABASE}", self.port).into())
    }
}

impl Tcp {
    /// Returns the verifier of the password.
    pub(super) fn verifier(&self) -> String {
        scram::verifier(self.password.text.expose_secret(), &self.password.salt)
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((ADDRESS, port)).is_ok()
}

/// Returns a free port. It is free again when the server binds it; another process could only take it in between.
fn free_port() -> Result<u16, PostgresError> {
    let bound = TcpListener::bind((ADDRESS, 0)).and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(PostgresError::io("find a free port on", Path::new("127.0.0.1")))
}

/// Reads port and password from a file in the format of `libpq`: `host:port:database:user:password`.
fn read_password_file(file: &Path) -> Option<(u16, SecretString)> {
    let text = std::fs::read_to_string(file).ok()?;
    let mut fields = text.lines().next()?.split(':').skip(1);
    let port = fields.next()?.parse().ok()?;
    let password =
        fields.nth(2).filter(|text| text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    Some((port, password.into()))
}

/// Writes the file so that only its owner can read it, as `libpq` demands, and in one step.
fn write_password_file(file: &Path, port: u16, password: &RandomPassword) -> Result<(), PostgresError> {
    let password = password.text.expose_secret();
    let line = format!("{ADDRESS}:{port}:{DATABASE}:{ANALYST}:{password}\n");
    let unfinished = file.with_extension("unfinished");
    let _ = std::fs::remove_file(&unfinished); // one that a killed process left
    let opened = File::options().write(true).create_new(true).mode(0o600).open(&unfinished);
    let written = opened.and_then(|mut opened| opened.write_all(line.as_bytes()));
    written.map_err(PostgresError::io("write", &unfinished))?;
    std::fs::rename(&unfinished, file).map_err(PostgresError::io("rename", &unfinished))
}

/// Writes the rules of access. Those of the cluster would let every role in by TCP without a password.
fn write_rules(folder: &ClusterFolder) -> Result<PathBuf, PostgresError> {
    let file = folder.root.join("pg_hba.conf");
    let rules = format!("local all all trust\nhost {DATABASE} {ANALYST} {ADDRESS}/32 scram-sha-256\n");
    std::fs::write(&file, rules).map_err(PostgresError::io("write", &file))?;
    folder.account.take_over(&file)?;
    Ok(file)
}

/// Links the usual name of the socket file to that of this port. A server that has the usual port replaces the link.
fn link_usual_socket(folder: &Path, port: u16) -> Result<(), PostgresError> {
    if port == USUAL_PORT {
        return Ok(());
    }
    let usual = folder.join(socket_name(USUAL_PORT));
    match std::fs::remove_file(&usual) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(PostgresError::io("remove", &usual)(error));
        }
        _ => {}
    }
    std::os::unix::fs::symlink(socket_name(port), &usual).map_err(PostgresError::io("create", &usual))
}
