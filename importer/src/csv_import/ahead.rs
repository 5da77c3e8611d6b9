//! Work on the pieces of a file on two threads, ahead of whoever takes the results, who gets them in order.
//!
//! A thread of its own reads pieces and works on them; the consumer, rather than wait, works on the next piece itself.
//! So both are busy, whichever part is the slow one on this machine and for this file.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::failure::ReadError;

/// Pieces between the reader and the consumer, worked on or not.
const AHEAD: usize = 4;

/// A piece on its way.
enum Slot<Piece, Worked> {
    Waiting(Piece),
    /// Somebody works on it.
    Taken,
    Done(Worked),
}

struct Queue<Piece, Worked> {
    slots: VecDeque<Slot<Piece, Worked>>,
    /// How many slots have been taken out at the front: the number of the first one that is there.
    first: u64,
    /// What follows the last slot, once that is known.
    end: Option<Result<(), ReadError>>,
    /// Nobody wants more.
    closed: bool,
    /// How many wait for a change: mostly none, and then there is nobody to wake.
    waiting: u8,
}

impl<Piece, Worked> Queue<Piece, Worked> {
    /// Takes the first piece that nobody works on, with its number.
    fn take(&mut self) -> Option<(u64, Piece)> {
        let at = self.slots.iter().position(|slot| matches!(slot, Slot::Waiting(_)))?;
        match std::mem::replace(self.slots.get_mut(at)?, Slot::Taken) {
            Slot::Waiting(piece) => Some((self.first + at as u64, piece)),
            Slot::Taken | Slot::Done(_) => None,
        }
    }

    fn put_back(&mut self, number: u64, worked: Worked) {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(slot) = at.and_then(|at| self.slots.get_mut(at)) {
            *slot = Slot::Done(worked);
        }
    }
}

struct Shared<Piece, Worked> {
    queue: Mutex<Queue<Piece, Worked>>,
    changed: Condvar,
}

impl<Piece, Worked> Shared<Piece, Worked> {
    fn lock(&self) -> MutexGuard<'_, Queue<Piece, Worked>> {
        // A slot is replaced whole, so that the queue is sound whoever panicked.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'q>(&self, mut queue: MutexGuard<'q, Queue<Piece, Worked>>) -> MutexGuard<'q, Queue<Piece, Worked>> {
        queue.waiting += 1;
        let mut queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        queue.waiting -= 1;
        queue
    }

    fn tell(&self, queue: &Queue<Piece, Worked>) {
        if queue.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// Reads and works until the end, or until nobody wants more. Reading comes first: it costs little, and leaves the
    /// consumer something to work on.
    fn run_ahead(&self, next: &mut impl FnMut() -> Result<Option<Piece>, ReadError>, work: &dyn Fn(Piece) -> Worked) {
        let mut queue = self.lock();
        while !queue.closed {
            if queue.end.is_none() && queue.slots.len() < AHEAD {
                drop(queue);
                let piece = next();
                queue = self.lock();
                match piece {
                    Ok(Some(piece)) => queue.slots.push_back(Slot::Waiting(piece)),
                    Ok(None) => queue.end = Some(Ok(())),
                    Err(error) => queue.end = Some(Err(error)),
                }
                self.tell(&queue);
            } else if let Some((number, piece)) = queue.take() {
                drop(queue);
                let worked = work(piece);
                queue = self.lock();
                queue.put_back(number, worked);
                self.tell(&queue);
            } else if queue.end.is_some() {
                return;
            } else {
                queue = self.wait(queue);
            }
        }
    }
}

/// What `work` makes of the pieces, in their order.
pub(super) struct Ahead<Piece, Worked> {
    shared: Arc<Shared<Piece, Worked>>,
    work: Arc<dyn Fn(Piece) -> Worked + Send + Sync>,
}

impl<Piece: Send + 'static, Worked: Send + 'static> Ahead<Piece, Worked> {
    /// Starts to take pieces from `next`, which gives `None` or an error at the end, and to work on them.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(
        mut next: impl FnMut() -> Result<Option<Piece>, ReadError> + Send + 'static,
        work: impl Fn(Piece) -> Worked + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let queue = Queue { slots: VecDeque::with_capacity(AHEAD), first: 0, end: None, closed: false, waiting: 0 };
        let ahead = Self {
            shared: Arc::new(Shared { queue: Mutex::new(queue), changed: Condvar::new() }),
            work: Arc::new(work),
        };
        let (guard, work) = (Panicking(ahead.shared.clone()), ahead.work.clone());
        thread::Builder::new()
            .name("table pieces".into())
            .spawn(move || guard.0.run_ahead(&mut next, work.as_ref()))?;
        Ok(ahead)
    }

    /// What became of the next piece; `None` at the end, and again after an error.
    ///
    /// # Errors
    /// The error of `next`, after the pieces before it.
    pub(super) fn next_worked(&self) -> Result<Option<Worked>, ReadError> {
        let mut queue = self.shared.lock();
        loop {
            match queue.slots.pop_front() {
                Some(Slot::Done(worked)) => {
                    queue.first += 1;
                    self.shared.tell(&queue);
                    return Ok(Some(worked));
                }
                Some(slot) => queue.slots.push_front(slot),
                None => {
                    if let Some(end) = &mut queue.end {
                        return std::mem::replace(end, Ok(())).map(|()| None);
                    }
                }
            }
            if let Some((number, piece)) = queue.take() {
                drop(queue);
                let worked = (self.work)(piece);
                queue = self.shared.lock();
                queue.put_back(number, worked);
            } else {
                queue = self.shared.wait(queue);
            }
        }
    }
}

impl<Piece, Worked> Drop for Ahead<Piece, Worked> {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.closed = true;
        self.shared.tell(&queue);
    }
}

/// Ends the queue for the consumer where the thread ahead panics, as what it had taken never comes.
struct Panicking<Piece, Worked>(Arc<Shared<Piece, Worked>>);

impl<Piece, Worked> Drop for Panicking<Piece, Worked> {
    fn drop(&mut self) {
        if thread::panicking() {
            let mut queue = self.0.lock();
            queue.slots.clear();
            let error = io::Error::other("the reader of the table ended before the table did");
            queue.end = Some(Err(ReadError::Io(error)));
            self.0.tell(&queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting_to(
        last: u32,
        end: fn() -> Result<Option<u32>, ReadError>,
    ) -> impl FnMut() -> Result<Option<u32>, ReadError> {
        let mut next = 0;
        move || {
            next += 1;
            if next > last { end() } else { Ok(Some(next)) }
        }
    }

    #[test]
    fn results_come_in_order_and_then_the_end() {
        let ahead = Ahead::start(counting_to(1000, || Ok(None)), |piece| piece * 2).expect("a thread");
        for piece in 1..=1000 {
            assert_eq!(ahead.next_worked().expect("sound"), Some(piece * 2));
        }
        assert_eq!(ahead.next_worked().expect("the end"), None);
        assert_eq!(ahead.next_worked().expect("still the end"), None);
    }

    #[test]
    fn an_error_comes_after_what_stood_before_it() {
        let ahead =
            Ahead::start(counting_to(9, || Err(ReadError::LineTooLong { row: 10 })), |piece| piece).expect("a thread");
        for piece in 1..=9 {
            assert_eq!(ahead.next_worked().expect("sound"), Some(piece));
        }
        assert_eq!(ahead.next_worked().expect_err("the error").code(), "line_too_long");
        assert_eq!(ahead.next_worked().expect("nothing more"), None);
    }

    #[test]
    fn a_reader_that_dies_does_not_leave_the_consumer_waiting() {
        let ahead = Ahead::start(counting_to(2, || panic!("a fault in the reader")), |piece| piece).expect("a thread");
        let mut ended = None;
        for _ in 0..3 {
            ended = ended.or_else(|| ahead.next_worked().err());
        }
        assert_eq!(ended.expect("an error").code(), "io");
    }

    #[test]
    fn a_consumer_that_goes_ends_the_reader() {
        let (alive, gone) = std::sync::mpsc::channel::<()>();
        let next = move || {
            let _held = &alive;
            Ok(Some(1))
        };
        let ahead = Ahead::start(next, |piece: u32| piece).expect("a thread");
        assert_eq!(ahead.next_worked().expect("sound"), Some(1));
        drop(ahead);
        // Ends when the thread has dropped its end of the channel.
        assert!(gone.recv().is_err());
    }
}
