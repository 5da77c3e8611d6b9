//! Limits of time, size and number that an answer cannot talk a probe out of.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::routing::get;
use futures::{StreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;
use workbench_probes::sandbox::Fault;
use workbench_probes::{Limits, ProbeStatus};

use crate::serving::{allowing, run_one_step, run_shipped, sandbox, serve, target};

const ASK: &str = r"
request: { method: GET, path: /ask }
assert: [{ that: status == 200, message: it did not answer, hint: try }]";

/// Long enough for a request on one machine to get under way, short enough to wait for in a test.
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_platform_that_does_not_answer_in_time_fails() {
    let (authority, _) = sandbox(None, 0, Some(Fault::Slow { ms: 60_000 })).await;
    let limits = Limits { timeout: SHORT, ..allowing(&authority) };
    let result = run_shipped("sample_login", &target(&authority), &limits).await;
    assert_eq!(result.status, ProbeStatus::Fail);
    assert_eq!(result.message, "POST /login was not answered within the probe's time");
    assert_eq!(result.steps.len(), 1, "the step that it hung in is shown");
}

#[tokio::test]
async fn a_dripping_answer_is_cut_off() {
    async fn drip() -> Body {
        let drops = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(b" ")));
        Body::from_stream(drops.then(|drop| async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            drop
        }))
    }
    let authority = serve(Router::new().route("/acme/ask", get(drip))).await;
    let result = run_one_step(&authority, "timeout: 1s", ASK).await;
    assert_eq!(result.status, ProbeStatus::Fail);
    assert_eq!(result.message, "GET /ask was answered, but the answer did not end within the probe's time");
}

/// Takes one connection, reads the beginning of what is asked, and says byte after byte without end.
async fn drip_bytes(listener: TcpListener, begin: &'static str) -> std::io::Result<()> {
    let (mut socket, _) = listener.accept().await?;
    let _ = socket.read(&mut [0; 1024]).await?;
    socket.write_all(begin.as_bytes()).await?;
    loop {
        socket.write_all(b"x").await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A socket that listens, and its host and port.
async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let authority = listener.local_addr().expect("a bound socket has an address").to_string();
    (listener, authority)
}

#[tokio::test]
async fn a_server_that_drips_is_cut_off_wherever_it_drips() {
    for (begin, message) in [
        ("HTTP/1.1 200 OK\r\nX-Long: ", "GET /ask was not answered within the probe's time"),
        ("HTTP/1.1 2", "GET /ask was not answered within the probe's time"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
            "GET /ask was answered, but the answer did not end within the probe's time",
        ),
    ] {
        let (listener, authority) = listen().await;
        tokio::spawn(drip_bytes(listener, begin));
        let result = run_one_step(&authority, "timeout: 1s", ASK).await;
        let is_cut_off = result.message == message || result.message.contains("broke off");
        assert!(result.status == ProbeStatus::Fail && is_cut_off, "{begin:?}: {result:#?}");
        assert!(result.duration_ms < 10_000, "{begin:?}: {}", result.duration_ms);
    }
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_cut_off() {
    let (listener, authority) = listen().await;
    let mut target = target(&authority);
    target.base_url = Url::parse(&format!("https://{authority}/acme")).expect("a valid address");
    let limits = Limits { timeout: SHORT, ..allowing(&authority) };
    // The kernel accepts for the listener; nobody ever says anything.
    let result = run_shipped("sample_login", &target, &limits).await;
    assert_eq!(result.message, "POST /login was not answered within the probe's time");
    drop(listener);
}

#[tokio::test]
async fn an_assertion_that_takes_too_long_is_given_up() {
    async fn list() -> String {
        format!("[0{}]", ",0".repeat(3999))
    }
    let authority = serve(Router::new().route("/acme/ask", get(list))).await;
    // Sixteen million comparisons.
    let that = "'body.all(a, body.all(b, a + b == 0))'";
    let result = run_one_step(&authority, "timeout: 500ms", &ASK.replace("status == 200", that)).await;
    assert_eq!(result.status, ProbeStatus::Error, "{result:#?}");
    assert!(result.message.ends_with("could not be evaluated: it takes too long"), "{}", result.message);
}

#[tokio::test]
async fn a_run_that_is_given_up_hangs_up() {
    let (listener, authority) = listen().await;
    let running = tokio::spawn(async move { run_one_step(&authority, "", ASK).await });
    let (mut socket, _) = listener.accept().await.expect("the probe connects");
    let mut asked = [0; 1024];
    assert!(socket.read(&mut asked).await.expect("the probe asks") > 0);
    running.abort();
    assert_eq!(socket.read(&mut asked).await.expect("the connection is closed in order"), 0);
}

#[tokio::test]
async fn an_endless_answer_is_read_to_its_limit() {
    async fn pour() -> Body {
        Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 4096]))))
    }
    let authority = serve(Router::new().route("/acme/ask", get(pour))).await;
    let result = run_one_step(&authority, "", &ASK.replace("status == 200", "body.size() == 65536")).await;
    assert_eq!(result.status, ProbeStatus::Pass, "{result:#?}");
    let observed = &result.steps[0].observed;
    assert!(observed.starts_with("200, more than 65536 bytes: xxx"), "{observed}");
    assert!(observed.chars().count() < 400);
}

#[tokio::test]
async fn a_slow_answer_warns_or_fails_as_declared() {
    let (authority, _) = sandbox(None, 0, Some(Fault::Slow { ms: 30 })).await;
    for (slow, status) in [
        ("{ warn: 10ms }", ProbeStatus::Warn),
        ("{ warn: 10ms, fail: 20ms }", ProbeStatus::Fail),
        ("{ warn: 30m, fail: 60m }", ProbeStatus::Pass),
    ] {
        let step = format!(
            "request: {{ method: POST, path: /login, json: {{ user: probe, password: '{{{{secret}}}}' }} }}\n\
             assert: [{{ that: status == 200, message: it did not answer }}]\n\
             slow: {slow}"
        );
        let result = run_one_step(&authority, "", &step).await;
        assert_eq!(result.status, status, "{slow}: {result:#?}");
        assert_eq!(result.message.starts_with("POST /login took "), status != ProbeStatus::Pass, "{}", result.message);
    }
}

#[tokio::test]
async fn a_failure_is_tried_again_as_often_as_declared() {
    for (attempts, status) in [(1, ProbeStatus::Fail), (2, ProbeStatus::Fail), (3, ProbeStatus::Pass)] {
        let asked = Arc::new(AtomicUsize::new(0));
        let third_time = get(move || async move {
            if asked.fetch_add(1, Ordering::Relaxed) < 2 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
        });
        let authority = serve(Router::new().route("/acme/ask", third_time)).await;
        let result = run_one_step(&authority, &format!("attempts: {attempts}"), ASK).await;
        assert_eq!((result.status, result.attempts), (status, attempts));
        assert_eq!(result.steps.len(), 1, "only the last attempt is shown");
    }
}
