//! Tools change nothing that they were not asked to change.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use workbench_tests::{Postgres, workbench};

fn tool(arguments: &[&str], data: &Path) -> (bool, String) {
    let output = Command::new(workbench()).args(arguments).arg("--data-dir").arg(data).output();
    let output = output.expect("the binary can be started");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("the folder is there").permissions().mode() & 0o777
}

const READING: [&[&str]; 4] = [
    &["audit", "verify"],
    &["token", "list"],
    &["token", "create", "--name", "anna", "--role", "csm"],
    &["token", "revoke", "tok_1"],
];

#[test]
fn a_database_that_does_not_exist_is_not_made() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let data = folder.path().join("typo");
    for arguments in READING {
        let (well, said) = tool(arguments, &data);
        assert!(!well && said.contains("there is no database"), "{arguments:?}: {said}");
        assert!(!data.exists(), "{arguments:?} made a folder");
    }
}

#[test]
fn a_schema_that_is_not_current_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::write(folder.path().join("workbench.db"), "").expect("a file can be written");
    for arguments in READING {
        let (well, said) = tool(arguments, folder.path());
        assert!(!well && said.contains("workbench migrate"), "{arguments:?}: {said}");
    }
    let (well, said) = tool(&["migrate"], folder.path());
    assert!(well, "{said}");
    let (well, said) = tool(&["audit", "verify"], folder.path());
    assert!(well, "{said}");
}

#[tokio::test]
async fn a_schema_that_is_not_current_is_told_on_postgres() {
    let postgres = Postgres::start().await;
    let url = postgres.url();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for arguments in READING {
        let (well, said) = tool(&[arguments, &["--database-url", &url]].concat(), folder.path());
        assert!(!well && said.contains("workbench migrate"), "{arguments:?}: {said}");
    }
    assert_eq!(postgres.sql("select count(*) from pg_tables where schemaname = 'public'"), "0");
    let (well, said) = tool(&["migrate", "--database-url", &url], folder.path());
    assert!(well, "{said}");
    let (well, said) = tool(&["audit", "verify", "--database-url", &url], folder.path());
    assert!(well, "{said}");
}

#[test]
fn a_new_data_folder_is_its_owners_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (new, old) = (folder.path().join("new"), folder.path().join("old"));
    std::fs::create_dir(&old).expect("a folder can be made");
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o750)).expect("its mode can be set");
    for data in [&new, &old] {
        let (well, said) = tool(&["migrate"], data);
        assert!(well, "{said}");
    }
    assert_eq!(mode(&new), 0o700);
    assert_eq!(mode(&old), 0o750, "an existing folder keeps its mode");
}
