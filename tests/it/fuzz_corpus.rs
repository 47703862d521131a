//! The corpus of the fuzz targets, and each beginning of its files: what holds for any bytes holds for these.

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is a library of its own")]
mod targets;

use std::path::Path;

/// Runs a target over its corpus, and over each beginning of each file.
fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let files = std::fs::read_dir(&folder).expect("a corpus").map(|file| file.expect("a file").path());
    let mut count = 0;
    for file in files {
        let bytes = std::fs::read(&file).expect("a readable file");
        for end in 0..=bytes.len() {
            let run = std::panic::catch_unwind(|| target(&bytes[..end]));
            assert!(run.is_ok(), "{}, its first {end} bytes", file.display());
        }
        count += 1;
    }
    assert!(count > 10, "{count} files in {}", folder.display());
}

#[test]
fn json_repair() {
    replay("json_repair", targets::json_repair);
}

#[test]
fn csv() {
    replay("csv", targets::csv);
}

#[test]
fn subtitles() {
    replay("subtitles", targets::subtitles);
}

#[test]
fn cursor() {
    replay("cursor", targets::cursor);
}
