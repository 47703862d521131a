//! Addresses that a link may lead to: public ones, and those near a source's own.

use std::net::IpAddr;

use proptest::prelude::*;
use tributary::connector::download::target::{AddressPolicy, is_public};
use tributary::connector::error::PullErrorKind;

use super::{Host, downloader, failure, limits, whole};

#[tokio::test]
async fn a_source_outside_reaches_nothing_inside() {
    let host = Host::start(|_| whole(b"inside")).await;
    let port = host.address.split(':').next_back().unwrap();
    let downloader = downloader(limits(), AddressPolicy::Public);
    for link in [
        // names that resolve to private addresses
        format!("https://localhost:{port}/bucket"),
        // addresses in every spelling
        format!("https://127.0.0.1:{port}/bucket"),
        format!("https://0x7f.1:{port}/bucket"),
        format!("https://2130706433:{port}/bucket"),
        format!("https://[::1]:{port}/bucket"),
        format!("https://[::ffff:127.0.0.1]:{port}/bucket"),
        "https://169.254.169.254/bucket".to_owned(),
        // and links that are not https
        host.link(),
        format!("http://localhost:{port}/bucket"),
        "https://user:secret.test@files.test/bucket".to_owned(),
        "https://files.test:0/bucket".to_owned(),
        "bucket/file".to_owned(),
        String::new(),
    ] {
        let error = failure(downloader.fetch(&link, "transcript file").await);
        assert_eq!(error.kind, PullErrorKind::Contract, "{link}: {}", error.detail);
    }
    assert!(host.heads().is_empty(), "a connection was made");
}

#[test]
fn the_reach_follows_the_source() {
    let policy = |url: &str| AddressPolicy::of(&url.parse().unwrap());
    for loopback in ["http://127.0.0.1:8080/x", "http://localhost", "https://[::1]/", "https://127.1"] {
        assert_eq!(policy(loopback), AddressPolicy::Loopback, "{loopback}");
    }
    for public in ["https://api.cloudflare.com/client/v4", "https://localhost.evil.test", "https://10.0.0.1"] {
        assert_eq!(policy(public), AddressPolicy::Public, "{public}");
    }
}

#[test]
fn public_addresses_are_distinguished_from_all_others() {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    for public in
        ["1.1.1.1", "104.16.0.1", "100.63.255.255", "172.32.0.1", "2606:4700::1", "64:ff9b::1.1.1.1", "::ffff:1.1.1.1"]
    {
        assert!(is_public(address(public)), "{public}");
    }
    for inside in [
        "0.0.0.0",
        "0.1.2.3",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::1.1.1.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001::1",
        "2001:2::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
    ] {
        assert!(!is_public(address(inside)), "{inside}");
    }
}

proptest! {
    #[test]
    fn a_mapped_address_is_judged_like_the_address_in_it(octets in any::<[u8; 4]>()) {
        let v4 = std::net::Ipv4Addr::from(octets);
        let [a, b, c, d] = octets;
        let nat64 = format!("64:ff9b::{:x}:{:x}", u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        prop_assert_eq!(is_public(v4.into()), is_public(v4.to_ipv6_mapped().into()));
        prop_assert_eq!(is_public(v4.into()), is_public(nat64.parse().unwrap()));
    }
}
