//! How many job ids go to the queue at a time: a rule about a few numbers.
//!
//! How many ids the queue really holds says whether there is room. How many jobs were handed over and are not claimed
//! says how many ids are missing: as long as the queue holds as many, they only wait, and handing them over again would
//! fill the queue with copies.
//!
//! A queue is served in its order. Jobs that nobody waits for, such as a night's checks, are therefore let into it only as
//! far as the next that somebody waits for can stand behind them.

/// How many ids may go to the queue now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Ids in all, never negative.
    pub room: i64,
    /// Of these, at most so many that were handed over before and are missing.
    pub again: i64,
    /// Of these, at most so many that nobody waits for.
    pub background: i64,
}

/// What a queue shall hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Ids at most.
    pub ids: i64,
    /// Ids at most where those that nobody waits for are added.
    pub background: i64,
    /// Ids handed over at a time.
    pub batch: i64,
}

/// What a queue may be given that holds `waiting` ids, of jobs of which `unclaimed` were handed over and not claimed.
#[must_use]
pub fn share(bounds: Bounds, waiting: i64, unclaimed: i64) -> Share {
    let room = bounds.ids.saturating_sub(waiting).clamp(0, bounds.batch.max(0));
    Share {
        room,
        again: unclaimed.saturating_sub(waiting).clamp(0, room),
        background: bounds.background.saturating_sub(waiting).clamp(0, room),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { ids: 1000, background: 100, batch: 200 };

    #[test]
    fn what_waits_is_not_missing_and_what_is_missing_finds_no_room_in_a_full_queue() {
        let shared = |waiting, unclaimed| {
            let share = share(BOUNDS, waiting, unclaimed);
            (share.room, share.again)
        };
        assert_eq!(shared(3, 3), (200, 0));
        assert_eq!(shared(3, 5), (200, 2));
        assert_eq!(shared(999, 2000), (1, 1));
        assert_eq!(shared(1500, 2000), (0, 0));
        assert_eq!(shared(0, 900), (200, 200));
    }

    #[test]
    fn what_nobody_waits_for_leaves_the_queue_short() {
        assert_eq!(share(BOUNDS, 0, 0).background, 100);
        assert_eq!(share(BOUNDS, 60, 60).background, 40);
        assert_eq!(share(BOUNDS, 100, 100).background, 0);
        assert_eq!(share(Bounds { ids: 50, ..BOUNDS }, 20, 20).background, 30, "nor does it go past the room");
    }
}
