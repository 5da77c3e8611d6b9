//! What was counted before for the retrospective, with the last event that it knows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use workbench_engine::retrospective::cohorts::Question;
use workbench_engine::retrospective::process_change::BeforeAfter;
use workbench_engine::retrospective::report::Retrospective;
use workbench_engine::store::ProcessChange;

/// Answers kept at once. Their size grows with the number of onboardings, whose names are in them.
const KEPT: usize = 16;
/// Longest that an answer is kept: onboardings in flight grow older without an event.
const FRESH: TimeDelta = TimeDelta::hours(1);

/// What was counted lately.
#[derive(Debug, Default)]
pub struct LookedBack(Mutex<HashMap<Question, Kept>>);

#[derive(Debug)]
struct Kept {
    found: Arc<Retrospective>,
    seq: i64,
    counted_at: DateTime<Utc>,
}

impl LookedBack {
    /// An answer that is not too old, and the last event that it is known to agree with.
    pub fn find(&self, question: &Question, now: DateTime<Utc>) -> Option<(Arc<Retrospective>, i64)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.get(question).filter(|kept| now - kept.counted_at < FRESH)?;
        Some((Arc::clone(&kept.found), kept.seq))
    }

    /// Notes that an answer agrees with the log up to an event.
    pub fn still_holds(&self, question: &Question, seq: i64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = all.get_mut(question) {
            kept.seq = kept.seq.max(seq);
        }
    }

    /// Keeps an answer that agrees with the log up to an event; the oldest goes where there are too many.
    pub fn keep(&self, question: &Question, found: &Arc<Retrospective>, seq: i64, now: DateTime<Utc>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT && !all.contains_key(question) {
            let oldest = all.iter().min_by_key(|(_, kept)| kept.counted_at).map(|(question, _)| question.clone());
            oldest.and_then(|oldest| all.remove(&oldest));
        }
        all.insert(question.clone(), Kept { found: Arc::clone(found), seq, counted_at: now });
    }
}

/// What process changes made, as it was compared last.
#[derive(Debug, Default)]
pub struct BeforeAndAfter(Mutex<Option<Compared>>);

#[derive(Debug)]
struct Compared {
    changes: Vec<ProcessChange>,
    found: Arc<Vec<BeforeAfter>>,
    seq: i64,
    made_at: DateTime<Utc>,
}

impl BeforeAndAfter {
    /// What was compared for just these changes, unless it is too old, and the last event that it is known to agree with.
    pub fn find(&self, changes: &[ProcessChange], now: DateTime<Utc>) -> Option<(Arc<Vec<BeforeAfter>>, i64)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref().filter(|known| known.changes == changes && now - known.made_at < FRESH)?;
        Some((Arc::clone(&known.found), known.seq))
    }

    /// Keeps what agrees with the log up to an event. What was kept before stays as old as it is.
    pub fn keep(&self, changes: &[ProcessChange], found: &Arc<Vec<BeforeAfter>>, seq: i64, now: DateTime<Utc>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.as_mut().filter(|known| Arc::ptr_eq(&known.found, found)) {
            Some(known) => known.seq = known.seq.max(seq),
            None => {
                *known = Some(Compared { changes: changes.to_vec(), found: Arc::clone(found), seq, made_at: now });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use workbench_engine::retrospective::report::retrospective;

    use super::*;

    #[test]
    fn another_list_of_changes_is_compared_anew() {
        let (cache, begin) = (BeforeAndAfter::default(), DateTime::UNIX_EPOCH);
        let change = |id: &str| ProcessChange {
            id: id.to_owned(),
            changed_at: begin,
            title: "Template".to_owned(),
            country: None,
            workflow: None,
            noted_by: "anna".to_owned(),
            noted_at: begin,
        };
        let found = Arc::new(Vec::new());
        cache.keep(&[change("pc_1")], &found, 7, begin);
        cache.keep(&[change("pc_1")], &found, 9, begin + TimeDelta::hours(2));
        assert_eq!(cache.find(&[change("pc_1")], begin).map(|(_, seq)| seq), Some(9));
        assert!(cache.find(&[change("pc_1")], begin + TimeDelta::hours(1)).is_none());
        assert!(cache.find(&[change("pc_1"), change("pc_2")], begin).is_none());
    }

    #[test]
    fn the_oldest_goes_and_an_hour_is_the_end() {
        let (cache, begin) = (LookedBack::default(), DateTime::UNIX_EPOCH);
        let question = |number: usize| Question { country: Some(number.to_string()), ..Question::default() };
        let found = Arc::new(retrospective(&[], &Question::default(), begin));
        for number in 0..=KEPT {
            let later = TimeDelta::seconds(i64::try_from(number).unwrap_or_default());
            cache.keep(&question(number), &found, 7, begin + later);
        }
        assert!(cache.find(&question(0), begin).is_none());
        cache.still_holds(&question(1), 9);
        assert_eq!(cache.find(&question(1), begin).map(|(_, seq)| seq), Some(9));
        assert!(cache.find(&question(1), begin + TimeDelta::hours(2)).is_none());
    }
}
