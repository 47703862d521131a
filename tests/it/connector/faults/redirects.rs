//! F20: the key is never sent to the target of a redirect.

use std::time::Duration;

use super::{CONFIG, Rig, rows_of_calls};
use crate::harness::wire::{Hit, Wire};
use crate::harness::{noon, plain_feed, simulator};

/// Every kind of redirect to `location` ends the run at once.
async fn leads_nowhere(location: &str) {
    let location = format!("location: {location}\r\n");
    let kinds = [301, 302, 303, 307, 308].map(|status| Hit::answer(status, &location, "{}"));
    rows_of_calls(kinds, CONFIG, 1).await;
}

#[tokio::test]
async fn f20_a_redirect_to_another_host() {
    let platform = tributary_simulator::Platform::Konpro;
    let clock = std::sync::Arc::new(tributary::clock::SettableClock::at(noon()));
    let elsewhere = Wire::before(simulator(platform, plain_feed(platform, 1), super::uncounted(), clock).await).await;
    leads_nowhere(&format!("http://{}/v1/streaming/sessions", elsewhere.address)).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!((elsewhere.connections(), elsewhere.seen().len()), (0, 0), "no call went there");
}

#[tokio::test]
async fn f20_a_redirect_to_plain_http_and_to_the_clouds_own_address() {
    let mut rig = Rig::new().await;
    let to = |location: &str| Hit::answer(302, &format!("location: {location}\r\n"), "");
    rig.script(&[to("http://api.konpro.test/").at_request(1), to("http://169.254.169.254/latest/meta-data/")]);
    rig.meets(CONFIG).await;
    rig.meets(CONFIG).await;
    assert_eq!(rig.calls(), [2; 3], "one call a run");
    rig.heals().await;
}

#[tokio::test]
async fn f20_a_redirect_to_itself_is_no_loop() {
    let mut rig = Rig::new().await;
    rig.script(&[Hit::answer(302, "location: /\r\n", "").forever()]);
    rig.meets(CONFIG).await;
    assert_eq!(rig.calls(), [1; 3]);
    rig.heals().await;
}

#[tokio::test]
async fn f20_a_redirect_in_the_middle_of_a_list() {
    let mut rig = Rig::new().await;
    rig.script(&[Hit::answer(302, "location: https://elsewhere.test/\r\n", "").at_request(2).forever()]);
    rig.meets(CONFIG).await;
    assert_eq!(rig.calls(), [2; 3]);
    rig.heals().await;
}
