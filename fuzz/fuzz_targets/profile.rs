//! Declarations of profiles.

#![no_main]

#[path = "../../importer/tests/driver/mod.rs"]
mod driver;
#[path = "../../importer/tests/driver/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    targets::run("profile", bytes);
});
