//! What a learner's events show.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::page::Proof;
use crate::definition::condition;
use crate::log::Entry;

/// Events that are looked at, the latest ones: a proof may compare each with each, so that their number bounds the work.
pub const EVENTS: i64 = 500;

/// What each list of proofs still misses, in their order: nothing where all of it happened. Events are in order.
#[must_use]
pub fn missing(asked: &[&[Proof]], events: &[Entry], learner: &str, now: DateTime<Utc>) -> Vec<Vec<String>> {
    let own = |event: &Entry| event.actor == learner && event.acting_as.is_none();
    let seen: Vec<Value> = events
        .iter()
        .map(|event| {
            json!({
                "seq": event.seq,
                "at": event.at,
                "actor": event.actor,
                "own": own(event),
                "kind": event.kind,
                "payload": event.payload,
            })
        })
        .collect();
    let variables = json!({ "events": seen, "learner": learner });
    let expressions: Vec<&str> =
        asked.iter().flat_map(|proofs| proofs.iter().map(|proof| proof.when.as_str())).collect();
    let mut verdicts = condition::evaluate(&expressions, &variables, &Value::Null, now).into_iter();
    let mut holds = || verdicts.next().is_some_and(|verdict| verdict == Ok(true));
    asked.iter().map(|proofs| proofs.iter().filter(|_| !holds()).map(|proof| proof.missing.clone()).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: i64, actor: &str, kind: &str, payload: Value) -> Entry {
        Entry {
            seq,
            at: DateTime::UNIX_EPOCH,
            actor: actor.to_owned(),
            acting_as: None,
            kind: kind.to_owned(),
            tenant_id: None,
            checklist_id: None,
            payload,
            prev_hash: String::new(),
            hash: String::new(),
        }
    }

    fn proof(when: &str) -> Proof {
        Proof { when: when.to_owned(), missing: when.to_owned() }
    }

    #[test]
    fn only_what_the_learner_did_in_this_order_counts() {
        let blocked = "events.exists(b, b.kind == 'step_blocked' && b.own)";
        let cleared = "events.exists(b, b.kind == 'step_blocked' && b.own && \
                       events.exists(e, e.kind == 'step_unblocked' && e.own && e.seq > b.seq && e.payload.step == b.payload.step))";
        let named = "events.exists(n, n.kind == 'step_noted' && n.payload.note.contains('event ' + string(1)) && \
                     size(n.payload.note) >= 7)";
        let proofs = [proof(blocked), proof(cleared), proof(named)];
        let step = json!({ "step": "kickoff" });
        let found = |events: &[Entry]| missing(&[&proofs[..2], &proofs[2..]], events, "anna", DateTime::UNIX_EPOCH);
        assert_eq!(found(&[]), [vec![blocked.to_owned(), cleared.to_owned()], vec![named.to_owned()]]);
        let theirs = [event(1, "bo", "step_blocked", step.clone()), event(2, "bo", "step_unblocked", step.clone())];
        assert_eq!(found(&theirs)[0].len(), 2);
        let backwards =
            [event(1, "anna", "step_unblocked", step.clone()), event(2, "anna", "step_blocked", step.clone())];
        assert_eq!(found(&backwards)[0], [cleared]);
        let right = [
            event(1, "anna", "checklist_completed", Value::Null),
            event(2, "anna", "step_blocked", step.clone()),
            event(3, "anna", "step_unblocked", step),
            event(4, "anna", "step_noted", json!({ "note": "event 1" })),
        ];
        assert_eq!(found(&right), [Vec::<String>::new(), Vec::new()]);
    }

    #[test]
    fn a_proof_that_breaks_does_not_hold() {
        let proofs = [proof("events.exists(e, e.payload.step == 'x')"), proof("events[7].own"), proof("no cel (")];
        let events = [event(1, "anna", "checklist_completed", Value::Null)];
        assert_eq!(missing(&[&proofs], &events, "anna", DateTime::UNIX_EPOCH)[0].len(), 3);
    }
}
