//! Runs `tributary_fuzz::csv`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tributary_fuzz::csv(bytes));
