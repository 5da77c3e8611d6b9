//! How many job ids go to the queue at a time: a rule about three numbers.
//!
//! How many ids the queue really holds says whether there is room. How many jobs were handed over and are not claimed
//! says how many ids are missing: as long as the queue holds as many, they only wait, and handing them over again would
//! fill the queue with copies.

/// How many ids may go to the queue now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Ids in all, never negative.
    pub room: i64,
    /// Of these, at most so many that were handed over before and are missing.
    pub again: i64,
}

/// What a queue may be given that holds `waiting` ids and shall hold no more than `bound`, of jobs of which `unclaimed`
/// were handed over and not claimed; no more than `batch` at a time.
#[must_use]
pub fn share(bound: i64, batch: i64, waiting: i64, unclaimed: i64) -> Share {
    let room = bound.saturating_sub(waiting).clamp(0, batch.max(0));
    Share { room, again: unclaimed.saturating_sub(waiting).clamp(0, room) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_not_missing_and_what_is_missing_finds_no_room_in_a_full_queue() {
        assert_eq!(share(1000, 200, 3, 3), Share { room: 200, again: 0 });
        assert_eq!(share(1000, 200, 3, 5), Share { room: 200, again: 2 });
        assert_eq!(share(1000, 200, 999, 2000), Share { room: 1, again: 1 });
        assert_eq!(share(1000, 200, 1500, 2000), Share { room: 0, again: 0 });
        assert_eq!(share(1000, 200, 0, 900), Share { room: 200, again: 200 });
    }
}
