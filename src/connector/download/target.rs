//! Where a download may go: to public addresses by https, and nowhere else.
//!
//! Checked are the link, at every hop, and each address its host's name resolves to; the connection is made to
//! the addresses that were checked, so that a name cannot mean one thing when it is asked for and another when
//! it is used. Only for a source that itself lives on this machine are loopback addresses allowed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// How far downloads of a source go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses, by https.
    Public,
    /// This machine too, also by http.
    Loopback,
}

/// Why a link is not followed. Names the reason and nothing of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// `http:`, `file:` and others.
    #[error("the link is not https")]
    Scheme,
    /// They would be sent.
    #[error("the link holds a user or a password")]
    UserInfo,
    /// No host, or port 0.
    #[error("the link names no host that can be reached")]
    Host,
    /// Private, loopback, link-local and the like.
    #[error("the link leads to an address that is not public")]
    Address,
}

impl Reach {
    /// What suits a source at `base_url`.
    pub fn of(base_url: &Url) -> Self {
        if is_this_machine(base_url) { Self::Loopback } else { Self::Public }
    }

    /// Whether `link` may be followed, as far as it can be told without asking for its host's name.
    pub fn check(self, link: &Url) -> Result<(), Refused> {
        match link.scheme() {
            "https" => {}
            "http" if self == Self::Loopback && is_this_machine(link) => {}
            _ => return Err(Refused::Scheme),
        }
        if !link.username().is_empty() || link.password().is_some() {
            return Err(Refused::UserInfo);
        }
        if link.port_or_known_default().is_none_or(|port| port == 0) {
            return Err(Refused::Host);
        }
        match literal_address(link) {
            Some(address) if !self.allows(address) => Err(Refused::Address),
            _ if link.host_str().is_none_or(str::is_empty) => Err(Refused::Host),
            _ => Ok(()),
        }
    }

    fn allows(self, address: IpAddr) -> bool {
        is_public(address) || (self == Self::Loopback && address.to_canonical().is_loopback())
    }
}

fn is_this_machine(url: &Url) -> bool {
    url.host_str() == Some("localhost")
        || literal_address(url).is_some_and(|address| address.to_canonical().is_loopback())
}

/// The host where it is an address; the parser of links has brought `0x7f.1` and the like into one form.
fn literal_address(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Resolves names to addresses that may be reached; an error where there is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct GuardedResolver {
    pub(super) reach: Reach,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.reach;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|found| reach.allows(found.ip())).collect();
            if allowed.is_empty() {
                return Err(Refused::Address.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether `address` belongs to the public internet: what IANA's registries of special-purpose addresses leave.
/// Forms that hold an IPv4 address are judged by that.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_public_v4(mapped),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    // this network, loopback, multicast, and what is reserved, broadcast among it
    let is_reserved = matches!(a, 0 | 127 | 224..);
    // addresses a provider's customers share, benchmarks, protocol assignments, relays of 6to4
    let is_set_apart = matches!((a, b, c), (100, 64..=127, _) | (198, 18 | 19, _) | (192, 0, 0) | (192, 88, 99));
    let is_local = address.is_private() || address.is_link_local() || address.is_documentation();
    !(is_reserved || is_set_apart || is_local)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // NAT64 leads to the IPv4 address in it
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // protocol assignments with Teredo, documentation, 6to4, documentation
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // global unicast is the only block that was ever given out
        [first, ..] => first & 0xe000 == 0x2000,
    }
}
