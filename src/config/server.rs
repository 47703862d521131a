//! `[server]`: where the API listens, who may ask, and by which hosts and origins.
//!
//! The default is open on a loopback address and keys on any other: an address that others can reach is never open.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use chrono_tz::Tz;

use super::reader::{ConfigFault, Section};
use crate::model::api_key::is_environment;

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// `listen`: address and port, default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// `ops_listen`: address and port that answer `/healthz`, `/readyz` and `/metrics` only, in every role; none by
    /// default.
    pub ops_listen: Option<SocketAddr>,
    /// `max_connections`: most connections of callers at once, 1 to 100,000, default 4,000; never more than half of the
    /// files that the process may open.
    pub max_connections: usize,
    /// `answer_memory_mb`: memory for answers that are given again, 0 to 65,536, default 64; 0 keeps none.
    pub answer_memory_mb: u64,
    /// `default_zone`: IANA time zone of queries that name none, default `UTC`.
    pub default_zone: Tz,
    /// `auth`: `keys` or `open`; the default is `open` on a loopback address and `keys` elsewhere.
    pub auth: AuthMode,
    /// `key_environment`: part of the text of keys, 1 to 16 of `a-z` and `0-9`, default `live`. Keys of another
    /// environment are refused.
    pub key_environment: String,
    /// `public_hosts`: names by which clients reach the API, besides loopback names; each with or without a port.
    pub public_hosts: Vec<String>,
    /// `allowed_origins`: origins whose pages may use the API, as browsers state them: `https://host` with a port
    /// where it is not the default.
    pub allowed_origins: Vec<String>,
    /// `trusted_proxy`: addresses or networks whose `X-Forwarded-For`, `X-Forwarded-Host` and `X-Forwarded-Proto`
    /// count.
    pub trusted_proxies: Vec<Network>,
    /// `requests_per_minute`: the budget of one key, in units; a read costs 1, a metric query 5. 0 means no limit,
    /// default 1,200.
    pub requests_per_minute: u32,
    /// `concurrent_queries`: metric queries of one key that run at the same time, default 4.
    pub concurrent_queries: u32,
    /// `[server.tls]`
    pub tls: Option<TlsConfig>,
}

/// `server.auth`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// Every caller needs a key.
    Keys,
    /// Every caller on this machine may do everything.
    Open,
}

/// `[server.tls]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// `cert_file`: the certificate and its chain, PEM.
    pub cert_file: PathBuf,
    /// `key_file`: its private key, PEM.
    pub key_file: PathBuf,
}

/// A network of addresses, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    /// Returns whether the address is in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address.to_canonical() {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
            IpAddr::V6(v6) => (v6.to_bits(), 128),
        };
        let ((network, width), (other, other_width)) = (bits(self.address), bits(address));
        width == other_width && (network ^ other).leading_zeros() >= self.prefix_bits
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| format!("`{text}` is no address and no network"))?;
        let address = address.to_canonical();
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = prefix.map_or(Ok(width), str::parse).ok().filter(|bits| *bits <= width);
        let prefix_bits = prefix_bits.ok_or_else(|| format!("`{text}` has no usable prefix length"))?;
        Ok(Self { address, prefix_bits })
    }
}

impl ServerConfig {
    pub(super) fn read(mut section: Section, faults: &mut Vec<ConfigFault>) -> Self {
        let default_listen = SocketAddr::from(([127, 0, 0, 1], 8080));
        let listen = section.parsed("listen", default_listen, "write an address and a port, 127.0.0.1:8080", faults);
        let remedy = "write an address and a port, 127.0.0.1:8081";
        let ops_listen = section.parsed_optional("ops_listen", remedy, faults);
        let max_connections = section.whole("max_connections", 1..=100_000, 4_000, faults);
        let answer_memory_mb = section.whole("answer_memory_mb", 0..=65_536, 64, faults);
        let default_zone = section.parsed("default_zone", Tz::UTC, "write an IANA zone, Europe/Berlin", faults);
        let key_environment = section.text("key_environment", faults).unwrap_or_else(|| "live".to_owned());
        if !is_environment(&key_environment) {
            let problem = format!("`{key_environment}` is not usable");
            section.fault(faults, "key_environment", &problem, "write 1 to 16 of a-z and 0-9, as in \"live\"");
        }
        let requests_per_minute = section.whole("requests_per_minute", 0..=1_000_000, 1_200, faults);
        let concurrent_queries = section.whole("concurrent_queries", 1..=200, 4, faults);
        let server = Self {
            listen,
            ops_listen,
            max_connections: usize::try_from(max_connections).unwrap_or(usize::MAX),
            answer_memory_mb: u64::try_from(answer_memory_mb).unwrap_or_default(),
            default_zone,
            auth: auth(&mut section, listen, faults),
            key_environment,
            public_hosts: hosts(&mut section, faults),
            allowed_origins: origins(&mut section, faults),
            trusted_proxies: proxies(&mut section, faults),
            requests_per_minute: u32::try_from(requests_per_minute).unwrap_or(1_200),
            concurrent_queries: u32::try_from(concurrent_queries).unwrap_or(4),
            tls: tls(section.section("tls", faults), faults),
        };
        section.finish(faults);
        server
    }
}

fn auth(section: &mut Section, listen: SocketAddr, faults: &mut Vec<ConfigFault>) -> AuthMode {
    let default = if listen.ip().is_loopback() { AuthMode::Open } else { AuthMode::Keys };
    match section.text("auth", faults).as_deref() {
        None => default,
        Some("keys") => AuthMode::Keys,
        Some("open") => {
            if !listen.ip().is_loopback() {
                let problem =
                    format!("{listen} can be reached from outside, and auth = \"open\" authenticates no caller");
                section.fault(faults, "listen", &problem, "write auth = \"keys\", or listen on 127.0.0.1");
            }
            AuthMode::Open
        }
        Some(other) => {
            let problem = format!("there is no mode `{other}`");
            section.fault(faults, "auth", &problem, "write \"keys\", or \"open\" for a loopback address");
            default
        }
    }
}

/// Returns whether a text is a host, with or without a port, as browsers write it.
fn is_authority(text: &str) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_:[]".contains(&byte);
    !text.is_empty() && text.bytes().all(is_usual)
}

fn hosts(section: &mut Section, faults: &mut Vec<ConfigFault>) -> Vec<String> {
    let mut hosts = section.words("public_hosts", faults).unwrap_or_default();
    for host in &mut hosts {
        host.make_ascii_lowercase();
    }
    for host in &hosts {
        if !is_authority(host) {
            section.fault(
                faults,
                "public_hosts",
                &format!("`{host}` is no host name"),
                "write names without scheme and path, [\"tributary.example.com\"]",
            );
        }
    }
    hosts
}

fn origins(section: &mut Section, faults: &mut Vec<ConfigFault>) -> Vec<String> {
    let origins = section.words("allowed_origins", faults).unwrap_or_default();
    for origin in &origins {
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        if !rest.is_some_and(is_authority) {
            section.fault(
                faults,
                "allowed_origins",
                &format!("`{origin}` is no origin"),
                "write each as browsers state it, [\"https://dashboard.example.com\"]; there is no wildcard",
            );
        }
    }
    origins
}

fn proxies(section: &mut Section, faults: &mut Vec<ConfigFault>) -> Vec<Network> {
    let mut networks = Vec::new();
    for text in section.words("trusted_proxy", faults).unwrap_or_default() {
        match text.parse::<Network>() {
            Ok(network) => networks.push(network),
            Err(problem) => {
                let remedy = "write addresses or networks, [\"10.0.0.7\", \"10.1.0.0/16\"]";
                section.fault(faults, "trusted_proxy", &problem, remedy);
            }
        }
    }
    networks
}

fn tls(mut section: Section, faults: &mut Vec<ConfigFault>) -> Option<TlsConfig> {
    let files = (section.text("cert_file", faults), section.text("key_file", faults));
    let tls = match files {
        (Some(cert_file), Some(key_file)) => Some(TlsConfig { cert_file: cert_file.into(), key_file: key_file.into() }),
        (None, None) => None,
        (cert, _) => {
            let missing = if cert.is_none() { "cert_file" } else { "key_file" };
            section.fault(faults, missing, "it is missing", "TLS needs cert_file and key_file");
            None
        }
    };
    section.finish(faults);
    tls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_its_addresses_alone() {
        let contains = |network: &str, address: &str| {
            let network: Network = network.parse().expect("a network");
            network.contains(address.parse().expect("an address"))
        };
        assert!(contains("10.1.0.0/16", "10.1.255.255"));
        assert!(!contains("10.1.0.0/16", "10.2.0.0"));
        assert!(contains("10.1.2.3", "::ffff:10.1.2.3"));
        assert!(!contains("10.1.2.3", "10.1.2.4"));
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("2001:db8::/32", "2001:db8:1::7"));
        for text in ["10.0.0.0/33", "example.com", "10.0.0.0/x", ""] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
