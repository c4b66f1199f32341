//! Threads and tasks that wait: for a batch, for room, or for the end of all work.
//!
//! A waiter is known by its waker. [`DrainWaiters`], [`Room`] and [`Waiters`] are the three lists.
//! The timer thread serves the deadlines of all three.

mod drain;
mod park;
mod queue;
mod retries;
mod room;
mod timer;

pub(crate) use self::drain::DrainWaiters;
pub(crate) use self::park::{TimedBy, block_on};
#[cfg(all(test, not(loom)))]
pub(crate) use self::queue::ANSWER_BOUND;
pub(crate) use self::queue::{WaiterId, Waiters};
pub(crate) use self::retries::Retries;
pub(crate) use self::room::{CallId, End, Piece, Room, Rows, Settled};
pub(crate) use self::timer::{Tick, TimerThread};
