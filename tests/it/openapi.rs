//! The committed description of the API equals the generated one.

#[test]
fn a24_the_committed_document_is_current() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json");
    let committed = std::fs::read_to_string(path).expect("a committed document");
    let generated = tributary::api::document().to_pretty_json().expect("a document");
    assert_eq!(committed.trim(), generated.trim(), "run `cargo run -- openapi > openapi/openapi.json`");
}
