//! Permitted targets of downloads: public addresses by https only.
//!
//! The link is checked at every hop, and so is each address its host name resolves to. The connection uses the
//! addresses that were checked, so a name cannot resolve differently between check and use (DNS rebinding).
//! Loopback addresses are allowed only for a source that itself runs on this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Addresses that downloads of a source may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses, by https.
    Public,
    /// Also this machine, and there also http.
    Loopback,
}

/// The reason why a link is not followed. Contains nothing of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// `http:`, `file:` and others.
    #[error("the link is not https")]
    Scheme,
    /// Credentials in the link, which would be sent to its host.
    #[error("the link contains a user or a password")]
    UserInfo,
    /// No host, or port 0.
    #[error("the link has no usable host")]
    Host,
    /// A private, loopback, link-local or otherwise special address.
    #[error("the link points to an address that is not public")]
    Address,
}

impl Reach {
    /// Returns the reach for a source at `base_url`.
    pub fn of(base_url: &Url) -> Self {
        if is_this_machine(base_url) { Self::Loopback } else { Self::Public }
    }

    /// Checks whether `link` may be followed, as far as this is visible without resolving its host name.
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

/// Returns the host if it is an IP address. The URL parser has normalized forms such as `0x7f.1`.
fn literal_address(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Resolves names to permitted addresses only; errors where a name has none.
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

/// Whether `address` is on the public internet, i.e. outside IANA's registries of special-purpose addresses. Forms
/// that embed an IPv4 address are judged by that address.
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
    // this network, loopback, multicast, and reserved addresses including broadcast
    let is_reserved = matches!(a, 0 | 127 | 224..);
    // carrier-grade NAT, benchmarks, protocol assignments, 6to4 relays
    let is_set_apart = matches!((a, b, c), (100, 64..=127, _) | (198, 18 | 19, _) | (192, 0, 0) | (192, 88, 99));
    let is_local = address.is_private() || address.is_link_local() || address.is_documentation();
    !(is_reserved || is_set_apart || is_local)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // NAT64 leads to the embedded IPv4 address
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // protocol assignments with Teredo, documentation, 6to4, documentation
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // global unicast is the only block allocated so far
        [first, ..] => first & 0xe000 == 0x2000,
    }
}
