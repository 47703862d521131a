//! Runs `tributary_fuzz::cursor`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tributary_fuzz::cursor(bytes));
