//! Followers of the event stream miss nothing and get nothing twice.

use futures::StreamExt;
use serde_json::json;
use workbench_tests::Setting;

/// Reads a stream of events until one of `last` kind has come: their numbers, in order of arrival.
async fn follow(url: &str, token: &str, after: i64, last: &str) -> Vec<i64> {
    let request = reqwest::Client::new().get(format!("{url}/sys/events")).bearer_auth(token);
    let response = request.header("last-event-id", after.to_string()).send().await.expect("the daemon answers");
    let mut bytes = response.bytes_stream();
    let (mut text, mut numbers) = (String::new(), Vec::new());
    while let Some(chunk) = bytes.next().await {
        text.push_str(&String::from_utf8_lossy(&chunk.expect("the stream goes on")));
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let Some(number) = field("id:") {
                numbers.push(number.parse().expect("ids are numbers"));
            }
            if field("event:") == Some(last) {
                return numbers;
            }
        }
    }
    numbers
}

async fn resumes(setting: Setting) {
    let client = setting.client();
    let token = setting.token("viewer");
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
    let first = follow(&client.url, &token, 0, "checklist_opened").await;
    assert_eq!(first, (1..=i64::try_from(first.len()).unwrap_or(0)).collect::<Vec<_>>(), "from 1 without a gap");

    // A follower is waiting while a job of another process writes.
    let last = first.last().copied().unwrap_or(0);
    let (seen, _) = tokio::join!(follow(&client.url, &token, last, "health_checked"), async {
        client.post("/sys/onboarding/svbf/health-check", &json!({})).await.expect(202)
    });
    let expected: Vec<i64> = (last + 1..).take(seen.len()).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_follower_resumes_embedded() {
    resumes(Setting::embedded()).await;
}

#[tokio::test]
async fn a_follower_resumes_on_postgres_and_redis() {
    resumes(Setting::shared().await).await;
}
