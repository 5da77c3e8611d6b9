//! What has expired does not pile up.

use workbench_tests::{Setting, eventually};

#[tokio::test]
async fn expired_rows_are_removed_and_others_stay() {
    let mut setting = Setting::shared().await;
    let _ = setting.postgres().sql(
        "insert into idempotency_keys (actor, key, fingerprint, created_at)
         select 'anna', 'key-' || n, '', 1 from generate_series(1, 1200) n;
         insert into sessions (hash, actor, role, created_at, expires_at)
         values ('old', 'anna', 'admin', 1, 2), ('new', 'anna', 'admin', 1, 9000000000000000);
         insert into login_links (hash, actor, role, expires_at) values ('old', 'anna', 'admin', 2);",
    );
    if let Some(mut daemon) = setting.daemon.take() {
        daemon.stop();
    }
    setting.start();
    let setting = &setting;
    eventually("expired rows to be removed", || async move {
        let left = setting.postgres().sql(
            "select (select count(*) from idempotency_keys where created_at = 1)
                  + (select count(*) from sessions where hash = 'old')
                  + (select count(*) from login_links where hash = 'old')",
        );
        (left == "0").then_some(())
    })
    .await;
    assert_eq!(setting.postgres().sql("select hash from sessions"), "new");
    assert_ne!(setting.postgres().sql("select count(*) from login_links"), "0", "a link that is valid stays");
}
