//! F14: faults hidden by compression.

use std::io::Write;

use super::{CONTRACT, TRANSIENT, Then, row};
use crate::harness::wire::{Good, Hit, Step};

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).expect("packed");
    encoder.finish().expect("packed")
}

/// Sends the second page as `pack` makes it, with the header of gzip.
fn packed(pack: impl Fn(&Good) -> Vec<u8> + Send + Sync + 'static) -> Hit {
    Hit::new(move |good| {
        let body = pack(good);
        let more = format!("content-encoding: gzip\r\ncontent-length: {}\r\n", body.len());
        vec![Step::Send(good.with(200, &more, &body))]
    })
    .at_request(2)
}

#[tokio::test]
async fn f14_gzip_as_it_should_be() {
    row(&[packed(|good| gzip(&good.body)).forever()], Then::Recovers).await;
}

#[tokio::test]
async fn f14_gzip_that_is_cut() {
    let cut = |good: &Good| {
        let whole = gzip(&good.body);
        whole[..whole.len() / 2].to_vec()
    };
    row(&[packed(cut)], Then::Recovers).await;
    // only the checksum at the end is missing
    let unchecked = |good: &Good| {
        let whole = gzip(&good.body);
        whole[..whole.len() - 8].to_vec()
    };
    row(&[packed(unchecked).forever()], TRANSIENT).await;
}

#[tokio::test]
async fn f14_gzip_with_a_wrong_check_value() {
    let wrong = |good: &Good| {
        let mut whole = gzip(&good.body);
        let crc = whole.len() - 8;
        whole[crc] ^= 0xff;
        whole
    };
    row(&[packed(wrong)], Then::Recovers).await;
}

#[tokio::test]
async fn f14_plain_text_that_calls_itself_gzip() {
    row(&[packed(|good| good.body.clone()).forever()], TRANSIENT).await;
}

#[tokio::test]
async fn f14_gzip_that_does_not_say_so() {
    let silent = |good: &Good| vec![Step::Send(good.with_body(&gzip(&good.body)))];
    row(&[Hit::new(silent).at_request(2).forever()], CONTRACT).await;
}

#[tokio::test]
async fn f14_gzip_in_two_members_is_no_shorter_list() {
    // the decoder stops after the first member: the response is refused, and no record counts as missing
    let two = |good: &Good| {
        let (first, second) = good.body.split_at(good.body.len() / 2);
        [gzip(first), gzip(second)].concat()
    };
    row(&[packed(two).forever()], TRANSIENT).await;
}
