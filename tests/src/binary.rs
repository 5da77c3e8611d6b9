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
            // target/debug/deps/walk-… or target/debug/workbench-tests → target/debug
            let test = std::env::current_exe().expect("the test has a path");
            let folder = test.ancestors().skip(1).find(|folder| !folder.ends_with("deps"));
            let folder = folder.expect("tests live in target/…").to_owned();
            // The whole workspace, so that dependencies have the features that the tests were built with.
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--quiet", "--workspace", "--bins"]);
            if folder.ends_with("release") {
                build.arg("--release");
            }
            let status = build.status().expect("cargo can be run");
            assert!(status.success(), "the binary could not be built");
            folder.join("workbench")
        })
        .clone()
}
