//! Runs one target under libFuzzer; the environment says which.

#![no_main]

libfuzzer_sys::fuzz_target!(init: tidegate_fuzz::choose(), |bytes: &[u8]| {
    tidegate_fuzz::run(bytes)
});
