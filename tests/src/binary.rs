//! The binary under test.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Path of the `workbench` binary: `WORKBENCH_BIN`, else built once into the target folder of this test.
///
/// # Panics
/// Where it cannot be built.
pub fn workbench() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            if let Some(path) = std::env::var_os("WORKBENCH_BIN") {
                return PathBuf::from(path);
            }
            let built = Command::new(env!("CARGO"))
                // The whole workspace, so that dependencies have the features that the tests were built with.
                .args(["build", "--quiet", "--workspace", "--bins"])
                .status()
                .expect("cargo can be run");
            assert!(built.success(), "the binary could not be built");
            // target/debug/deps/walk-… → target/debug/workbench
            let test = std::env::current_exe().expect("the test has a path");
            let folder = test.parent().and_then(|deps| deps.parent()).expect("tests live in target/…/deps");
            folder.join("workbench")
        })
        .clone()
}
