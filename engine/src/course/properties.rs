//! What holds of every learner's progress, whatever is asked in whatever order.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;

/// Two chapters of two tasks, one of which leaves no trace; three checkpoints; three scenarios.
fn course() -> Course {
    let page = |slug: &str, part: &str| {
        let front = format!("---\ntitle: {{ en: {slug} }}\nsummary: {{ en: s }}\n{part}\n---\n");
        Page::read(slug, &front).expect("the page is sound")
    };
    let task = |slug: &str, chapter: u32, place: u32, proof: &str| {
        page(
            slug,
            &format!("task: {{ chapter: {chapter}, place: {place}, minutes: 1, proof: [{proof}], hints: [a, b, c] }}"),
        )
    };
    let proof = "{ when: 'true', missing: m }";
    let mut pages =
        vec![task("a1", 1, 1, proof), task("a2", 1, 2, proof), task("b1", 2, 1, proof), task("b2", 2, 2, "")];
    pages.extend((1..=3).map(|n| page(&format!("c{n}"), &format!("checkpoint: {{ number: {n}, day: {n} }}"))));
    pages.extend(["s1", "s2", "s3"].map(|slug| page(slug, &format!("scenario: {{ proof: [{proof}] }}"))));
    Course::of(&pages)
}

const TASKS: [&str; 5] = ["a1", "a2", "b1", "b2", "zz"];
const CHECKPOINTS: [&str; 4] = ["c1", "c2", "c3", "zz"];

fn command() -> impl Strategy<Value = CourseCommand> {
    let task = || prop::sample::select(TASKS.to_vec()).prop_map(str::to_owned);
    let checkpoint = || prop::sample::select(CHECKPOINTS.to_vec()).prop_map(str::to_owned);
    let words = || prop::sample::select(vec!["", " ", "well done"]).prop_map(str::to_owned);
    prop_oneof![
        6 => (prop::collection::vec(task(), 0..3), any::<bool>())
            .prop_map(|(tasks, solved)| CourseCommand::Observe { tasks, solved }),
        2 => task().prop_map(|task| CourseCommand::Declare { task }),
        1 => task().prop_map(|task| CourseCommand::Withdraw { task }),
        1 => Just(CourseCommand::RenewSandbox),
        2 => (0..100_i64).prop_map(|head| CourseCommand::Draw { head }),
        6 => (checkpoint(), words()).prop_map(|(checkpoint, remark)| CourseCommand::SignOff { checkpoint, remark }),
        1 => (checkpoint(), words()).prop_map(|(checkpoint, reason)| CourseCommand::Revoke { checkpoint, reason }),
        1 => (any::<bool>(), words()).prop_map(|(autonomous, reason)| CourseCommand::Decide { autonomous, reason }),
    ]
}

fn by() -> impl Strategy<Value = By<'static>> {
    prop::sample::select(vec![
        By { name: "anna", mentor: false },
        By { name: "anna", mentor: true },
        By { name: "bo", mentor: false },
        By { name: "maria", mentor: true },
        By { name: "maria", mentor: true },
    ])
}

fn start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

proptest! {
    #[test]
    fn whatever_is_asked(asked in prop::collection::vec((command(), by()), 0..60)) {
        let course = course();
        let mut learner = Learner::new("anna", None, start());
        let mut now = start();
        for (command, by) in asked {
            now += TimeDelta::minutes(1);
            let before = learner.clone();
            let Ok(events) = decide(&course, &learner, &command, by) else { continue };
            for event in &events {
                learner.apply(event, by.name, now);
            }
            // What the log showed once stays shown.
            for (task, _) in before.ticks.iter().filter(|(_, tick)| tick.verified) {
                prop_assert!(learner.ticks[task].verified);
            }
            // A hand makes no verified tick, and the daemon none where no proof is.
            if !matches!(command, CourseCommand::Observe { .. }) {
                let verified = |of: &Learner| of.ticks.values().filter(|tick| tick.verified).count();
                prop_assert_eq!(verified(&before), verified(&learner));
            }
            prop_assert!(!learner.ticks.get("b2").is_some_and(|tick| tick.verified));
            // Signatures are kept, whoever revokes them, and are all of mentors other than the learner.
            prop_assert!(learner.sign_offs.len() >= before.sign_offs.len());
            for one in &learner.sign_offs {
                prop_assert_eq!(&one.by, "maria");
                prop_assert!(!one.remark.trim().is_empty());
            }
            // A signature in force is the only one of its checkpoint, and what it needed was there when it was given.
            for checkpoint in &course.checkpoints {
                let in_force = learner.sign_offs.iter().filter(|one| one.checkpoint == checkpoint.id && one.revoked_at.is_none());
                prop_assert!(in_force.count() <= 1);
                if learner.signed(&checkpoint.id).is_some() && before.signed(&checkpoint.id).is_none() {
                    prop_assert_eq!(before.in_the_way(&course, checkpoint), Vec::<String>::new());
                }
            }
            if learner.is_autonomous(&course) && learner.decision.is_none() {
                prop_assert!(course.tasks.iter().all(|task| learner.counts(task)));
                prop_assert!(course.checkpoints.iter().all(|checkpoint| learner.signed(&checkpoint.id).is_some()));
                prop_assert!(learner.scenarios.iter().any(|run| run.solved_at.is_some()));
            }
            // What is stored is what is read again.
            let stored = serde_json::to_string(&learner).expect("it can be written");
            prop_assert_eq!(&serde_json::from_str::<Learner>(&stored).expect("it can be read"), &learner);
        }
    }

    #[test]
    fn every_name_has_a_tenant_of_its_own(one in ".{1,40}", other in ".{1,40}") {
        let tenant = |name: &str| Learner::new(name, None, start()).sandbox_tenant(1);
        let slug = tenant(&one);
        prop_assert!(slug.len() <= 63 && slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{}", slug);
        prop_assert!(one == other || slug != tenant(&other));
    }

    #[test]
    fn all_scenarios_come_before_one_comes_twice(name in ".{1,20}") {
        let course = course();
        let mut learner = Learner::new(&name, None, start());
        let mut seen = BTreeSet::new();
        for _ in &course.scenarios {
            let scenario = drawn(&course, &learner).expect("there are scenarios");
            prop_assert!(seen.insert(scenario.clone()));
            learner.apply(&CourseEvent::CourseScenarioDrawn { scenario, after: 0 }, "maria", start());
        }
    }
}

/// Who may do what: the learner, the learner who is a mentor of others, somebody else, a mentor.
#[test]
fn the_table_of_who_may() {
    let course = course();
    let mut learner = Learner::new("anna", None, start());
    for task in ["a1", "a2"] {
        learner.apply(&CourseEvent::CourseTaskVerified { task: task.to_owned() }, "workbench", start());
    }
    let mut signed = learner.clone();
    let signature = CourseEvent::CourseCheckpointSigned { checkpoint: "c1".to_owned(), remark: "good".to_owned() };
    signed.apply(&signature, "maria", start());
    let task = || "b1".to_owned();
    let (checkpoint, words) = (|| "c1".to_owned(), || "because".to_owned());
    let rows = [
        (&learner, CourseCommand::Declare { task: task() }, "yes yes no no"),
        (&learner, CourseCommand::Withdraw { task: task() }, "yes yes no no"),
        (&learner, CourseCommand::RenewSandbox, "yes yes no no"),
        (&learner, CourseCommand::Draw { head: 1 }, "no no no yes"),
        (&learner, CourseCommand::SignOff { checkpoint: checkpoint(), remark: words() }, "no no no yes"),
        (&signed, CourseCommand::SignOff { checkpoint: checkpoint(), remark: words() }, "no no no no"),
        (&signed, CourseCommand::Revoke { checkpoint: checkpoint(), reason: words() }, "no no no yes"),
        (&learner, CourseCommand::Revoke { checkpoint: checkpoint(), reason: words() }, "no no no no"),
        (&learner, CourseCommand::Decide { autonomous: true, reason: words() }, "no no no yes"),
    ];
    let people = [("anna", false), ("anna", true), ("bo", false), ("maria", true)];
    for (learner, command, expected) in rows {
        let may = people.map(|(name, mentor)| match decide(&course, learner, &command, By { name, mentor }) {
            Ok(_) => "yes",
            Err(_) => "no",
        });
        assert_eq!(may.join(" "), expected, "{command:?}");
    }
}

#[test]
fn a_self_declared_task_does_not_make_a_checkpoint() {
    let course = course();
    let mut learner = Learner::new("anna", None, start());
    learner.apply(&CourseEvent::CourseTaskVerified { task: "a1".to_owned() }, "workbench", start());
    learner.apply(&CourseEvent::CourseTaskDeclared { task: "a2".to_owned() }, "anna", start());
    let sign = CourseCommand::SignOff { checkpoint: "c1".to_owned(), remark: "good".to_owned() };
    let maria = By { name: "maria", mentor: true };
    match decide(&course, &learner, &sign, maria) {
        Err(CourseRefusal::NotReady { reasons }) => assert!(reasons[0].contains("self-declared"), "{reasons:?}"),
        other => panic!("{other:?}"),
    }
    learner.apply(&CourseEvent::CourseTaskVerified { task: "a2".to_owned() }, "workbench", start());
    assert!(decide(&course, &learner, &sign, maria).is_ok());
}

#[test]
fn a_decision_stands_above_the_course() {
    let course = course();
    let mut learner = Learner::new("anna", None, start());
    for (autonomous, reason) in [(true, "did it for years"), (false, "asked for help twice")] {
        let event = CourseEvent::CourseAutonomyDecided { autonomous, reason: reason.to_owned() };
        learner.apply(&event, "maria", start());
        assert_eq!(learner.is_autonomous(&course), autonomous);
    }
    assert_eq!(learner.day(start()), 1);
    assert_eq!(learner.day(start() + TimeDelta::days(29)), 30);
}
