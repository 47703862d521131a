//! Runs `tributary_fuzz::subtitles`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tributary_fuzz::subtitles(bytes));
