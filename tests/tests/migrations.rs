//! Several daemons that start at once bring the schema up to date together.

use std::path::Path;

use workbench_tests::{Daemon, Postgres};

const DAEMONS: usize = 5;

fn start_all(folder: &Path, database: Option<&str>) {
    let daemons: Vec<Daemon> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..DAEMONS)
            .map(|_| {
                scope.spawn(move || {
                    let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--sandbox", "off"];
                    if let Some(url) = database {
                        arguments.extend(["--database-url", url]);
                    }
                    Daemon::start(folder, &arguments)
                })
            })
            .collect();
        starts.into_iter().map(|start| start.join().expect("the daemon starts")).collect()
    });
    assert_eq!(daemons.len(), DAEMONS);
}

#[test]
fn on_one_sqlite_file() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    start_all(folder.path(), None);
}

#[tokio::test]
async fn on_one_postgres() {
    let postgres = Postgres::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    start_all(folder.path(), Some(&postgres.url()));
}
