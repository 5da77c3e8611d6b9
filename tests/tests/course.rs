//! The course is what it says: a script plays the learner through command line and HTTP, mentors sign in the console, and every
//! command that a task shows is run.

use std::path::Path;
use std::process::Command;

use regex::Regex;
use serde_json::{Value, json};
use workbench_tests::{Client, Daemon, Visitor, workbench};

const COURSE: &str = "docs/engineering/operator-manual/onboarding";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests live in the repository")
}

fn text_of(page: &str) -> String {
    let path = repository().join(COURSE).join(format!("{page}.md"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A daemon, a folder to work in, and the people of the course.
struct School {
    folder: tempfile::TempDir,
    daemon: Daemon,
}

impl School {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--sandbox", "127.0.0.1:0"];
        let daemon = Daemon::start(&folder.path().join("data"), &arguments);
        let school = Self { folder, daemon };
        for (name, role) in [("anna", "admin"), ("maria", "mentor")] {
            school.run("maria", &format!("workbench token create --name {name} --role {role} > {name}.token"));
        }
        school.run("anna", "workbench course files .");
        school
    }

    fn url(&self) -> &str {
        self.daemon.said("console").trim_end_matches('/')
    }

    /// Runs a script as somebody would who followed the start page.
    fn run(&self, who: &str, script: &str) -> String {
        let binary = workbench();
        let search = std::env::join_paths(
            std::iter::once(binary.parent().expect("the binary has a folder").to_owned())
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        )
        .expect("a search path");
        let output = Command::new("bash")
            .args(["-c", &format!("exec 2>&1\n{script}")])
            .current_dir(self.folder.path())
            .env("PATH", search)
            .env("WORKBENCH_URL", self.url())
            .env("WORKBENCH_DATA_DIR", self.folder.path().join("data"))
            .env("WORKBENCH_TOKEN_FILE", self.folder.path().join(format!("{who}.token")))
            .env("SANDBOX", "course-anna-1")
            .env("LEARNER", "anna")
            .env("PLATFORM", self.daemon.said("sandbox").trim_end_matches('/'))
            .output()
            .expect("bash can be started");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn client(&self, who: &str) -> Client {
        let token = std::fs::read_to_string(self.folder.path().join(format!("{who}.token"))).expect("there is a token");
        let token = token.lines().last().unwrap_or_default().trim().to_owned();
        Client::new(self.url(), Some(&token))
    }

    async fn visitor(&self, name: &str, role: &str) -> Visitor {
        let link = self.run(name, &format!("workbench login-link --name {name} --role {role}"));
        Visitor::log_in(self.url(), link.trim()).await
    }

    /// Runs the blocks of a text; every line that a block shows must be among what comes.
    fn follow(&self, who: &str, page: &str, text: &str) {
        for part in text.split("\n```console").skip(1) {
            let (_, block) = part.split_once('\n').expect("a block has lines");
            let block = block.split("\n```").next().unwrap_or_default();
            let mut script = String::new();
            let mut shown: Vec<(usize, &str)> = Vec::new();
            let mut commands = 0;
            for line in block.lines() {
                if let Some(command) = line.strip_prefix("$ ") {
                    commands += 1;
                    script.extend(["printf '\\036'\n", command, "\n"]);
                } else {
                    shown.push((commands, line));
                }
            }
            let came = self.run(who, &script);
            let answers: Vec<String> = came.split('\u{1e}').map(folded).collect();
            for (command, line) in shown {
                let answer = answers.get(command).map(String::as_str).unwrap_or_default();
                assert!(answer.contains(folded(line).trim()), "{page}: “{line}” is not in:\n{came}");
            }
        }
    }
}

/// What reports wrap lines with, and how wide columns are, is no matter of the course.
fn folded(text: &str) -> String {
    let text = text.replace(['│', '×'], " ");
    Regex::new(r"\s+").expect("a pattern").replace_all(&text, " ").into_owned()
}

/// The tasks, by chapter and place.
async fn tasks(anna: &Client) -> Vec<Value> {
    let progress = anna.get("/sys/course/learners/anna").await.expect(200);
    progress["tasks"].as_array().expect("there are tasks").clone()
}

#[tokio::test]
async fn a_learner_is_led_to_autonomy() {
    let school = School::open();
    let anna = school.client("anna");
    school.follow("anna", "README", &text_of("README"));
    assert_eq!(anna.post("/sys/course/learners", &json!({})).await.problem(409), "exists");
    assert_eq!(tasks(&anna).await.len(), 20);

    let maria = school.visitor("maria", "mentor").await;
    let page = "/onboarding-progress/learners/anna";
    for chapter in 1..=4 {
        let sign = format!("{page}/sign-off/checkpoint-{chapter}");
        let early = maria.submit(&maria.get(page).await, &sign, &[("text", "well done")]).await;
        assert_eq!(early.status, 409, "{}", early.text);
        for task in tasks(&anna).await.into_iter().filter(|task| task["chapter"] == chapter) {
            let id = task["id"].as_str().unwrap_or_default();
            assert_eq!(task["state"], "open", "{id} is ticked before it was done");
            school.follow("anna", id, &text_of(id));
            if task["leaves_trace"] == false {
                let declare = json!({ "command": "declare", "task": id });
                anna.post("/sys/course/learners/anna/commands", &declare).await.expect(200);
            }
            let after = tasks(&anna).await;
            let after = after.iter().find(|after| after["id"] == id).expect("the task is there");
            let expected = if task["leaves_trace"] == true { "verified" } else { "self_declared" };
            assert_eq!(after["state"], expected, "{id}: {:#}", after["missing"]);
        }
        let signed = maria.submit(&maria.get(page).await, &sign, &[("text", "well done")]).await;
        assert_eq!((signed.status, signed.location.as_deref()), (303, Some(page)), "{}", signed.text);
    }

    // Every scenario is played once; the last of them is the one that counts.
    let mentor = school.client("maria");
    let commands = "/sys/course/learners/anna/commands";
    let mut played = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let drawn = mentor.post(commands, &json!({ "command": "draw" })).await.expect(200);
        let scenario = drawn["scenario"]["id"].as_str().unwrap_or_default().to_owned();
        assert!(played.insert(scenario.clone()), "{scenario} came twice");
        let text = text_of(&scenario);
        let (set_up, ending) = text.split_once("## A good ending").expect("a scenario has an ending");
        school.follow("maria", &scenario, set_up);
        let open = anna.get("/sys/course/learners/anna").await.expect(200);
        assert_eq!(open["scenario"]["solved_at"], Value::Null, "{scenario} is solved before it began");
        school.follow("anna", &scenario, ending);
        let solved = anna.get("/sys/course/learners/anna").await.expect(200);
        assert!(solved["scenario"]["solved_at"].is_string(), "{scenario}: {:#}", solved["scenario"]);
    }

    let learner = school.visitor("anna", "admin").await;
    let entry = r#"<a href="/onboarding-progress""#;
    assert!(learner.get("/").await.text.contains(entry));
    let last = format!("{page}/sign-off/checkpoint-5");
    maria.submit(&maria.get(page).await, &last, &[("text", "sleeps well")]).await;
    assert_eq!(anna.get("/sys/course/learners/anna").await.expect(200)["autonomous"], true);
    assert!(!learner.get("/").await.text.contains(entry), "the course is still in the menu");
    assert_eq!(learner.get("/onboarding-progress").await.status, 200);

    // A signature can be taken back, and so can autonomy.
    let revoked =
        maria.submit(&maria.get(page).await, &format!("{page}/revoke/checkpoint-5"), &[("text", "too soon")]).await;
    assert_eq!(revoked.status, 303, "{}", revoked.text);
    assert_eq!(anna.get("/sys/course/learners/anna").await.expect(200)["autonomous"], false);
    assert!(school.run("anna", "workbench audit verify").contains("events hold"));
}

#[tokio::test]
async fn who_may_sign_and_who_may_look() {
    let school = School::open();
    let (anna, maria) = (school.client("anna"), school.client("maria"));
    anna.post("/sys/course/learners", &json!({ "mentor": "maria" })).await.expect(201);
    maria.post("/sys/course/learners", &json!({})).await.expect(201);
    let sign = json!({ "command": "sign_off", "checkpoint": "checkpoint-1", "remark": "good" });
    let decide = json!({ "command": "decide", "autonomous": true, "reason": "knows it all" });
    for command in [&sign, &decide, &json!({ "command": "draw" })] {
        let of = |learner: &str| format!("/sys/course/learners/{learner}/commands");
        assert_eq!(anna.post(&of("anna"), command).await.problem(403), "not_a_mentor");
        assert_eq!(anna.post(&of("maria"), command).await.problem(403), "forbidden");
        assert_eq!(maria.post(&of("maria"), command).await.problem(403), "own_course");
        assert_eq!(maria.post(&of("nobody"), command).await.problem(404), "not_found");
    }
    let commands = "/sys/course/learners/anna/commands";
    assert_eq!(
        maria.post(commands, &json!({ "command": "declare", "task": "go-live" })).await.problem(403),
        "not_the_learner"
    );
    assert_eq!(
        anna.post(commands, &json!({ "command": "declare", "task": "no-task" })).await.problem(404),
        "not_found"
    );
    assert_eq!(maria.post(commands, &sign).await.problem(409), "not_ready");
    assert_eq!(anna.get("/sys/course/learners").await.problem(403), "forbidden");
    assert_eq!(anna.get("/sys/course/learners/maria").await.problem(403), "forbidden");
    let listed = maria.get("/sys/course/learners").await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2));

    // A mentor's decision is enough, and can be taken back with a reason.
    let blank = json!({ "command": "decide", "autonomous": true, "reason": " " });
    assert_eq!(maria.post(commands, &blank).await.problem(422), "empty");
    assert_eq!(maria.post(commands, &decide).await.expect(200)["autonomous"], true);
    let back = json!({ "command": "decide", "autonomous": false, "reason": "asked twice" });
    assert_eq!(maria.post(commands, &back).await.expect(200)["autonomous"], false);

    // A new sandbox has a name of its own.
    let renewed = anna.post(commands, &json!({ "command": "renew_sandbox" })).await.expect(200);
    assert_eq!(renewed["sandbox"], "course-anna-2");
}

#[tokio::test]
async fn a_first_day_in_the_console() {
    let school = School::open();
    let anna = school.visitor("anna", "admin").await;
    let page = anna.get("/onboarding-progress").await;
    let started = anna.submit(&page, "/onboarding-progress/start", &[("mentor", "maria")]).await;
    assert_eq!((started.status, started.location.as_deref()), (303, Some("/onboarding-progress")), "{}", started.text);
    let page = anna.get("/onboarding-progress").await;
    assert!(page.text.contains("course-anna-1") && page.text.contains("0 of 20"), "{}", page.text);

    let declare = "/onboarding-progress/learners/anna/declare/open-a-sandbox";
    assert_eq!(anna.submit(&page, declare, &[]).await.status, 303);
    let page = anna.get("/onboarding-progress").await;
    assert!(page.text.contains("self-declared") && page.text.contains("0 of 20"), "{}", page.text);
    let withdraw = "/onboarding-progress/learners/anna/withdraw/open-a-sandbox";
    assert_eq!(anna.submit(&page, withdraw, &[]).await.status, 303);
    assert!(!anna.get("/onboarding-progress").await.text.contains("☑"));
    assert!(!page.text.contains("/sign-off/"), "a learner is offered to sign");

    // Every page of the manual, and every page of the console that it names, is there.
    let index = anna.get("/help").await;
    let linked = |text: &str, pattern: &str| -> std::collections::BTreeSet<String> {
        let pattern = Regex::new(pattern).expect("a pattern");
        pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
    };
    let slugs = linked(&index.text, r##"href="(/help/[^"#]+)"##);
    assert!(slugs.len() > 40, "{slugs:?}");
    let mut named = std::collections::BTreeSet::new();
    for slug in &slugs {
        let page = anna.get(slug).await;
        assert_eq!(page.status, 200, "{slug}");
        let article =
            page.text.split("<article").nth(1).unwrap_or_default().split("</article>").next().unwrap_or_default();
        named.extend(linked(article, r##"href="(/[^"#]*)"##));
    }
    for address in named {
        // Those of mentors are for mentors.
        let expected = if address == "/onboarding-progress/learners" { 403 } else { 200 };
        assert_eq!(anna.get(&address).await.status, expected, "{address}");
    }
    for nowhere in ["/help/no-such-page", "/help/..%2F..%2Fetc%2Fpasswd", "/help/week-1.md", "/help/a/b"] {
        assert_eq!(anna.get(nowhere).await.status, 404, "{nowhere}");
    }
    let found = anna.get("/help?q=blocking+reason").await;
    assert!(found.text.contains("/help/block-and-clear"), "{}", found.text);
    let swedish = anna.get("/help/week-1?lang=sv").await;
    assert!(swedish.text.contains("checklistan och konsolen") && swedish.text.contains(r#"lang="en""#));
    assert!(anna.get("/help?q=%3Cscript%3E").await.text.find("<script>").is_none());
}
