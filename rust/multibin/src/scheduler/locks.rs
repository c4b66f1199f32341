//! Locks, and the wakers that are called once no lock is held.
//!
//! # Locking
//!
//! **No foreign code runs under a lock.** A waker may do anything: wait for a lock, such as
//! Python's, whose holder waits for one of ours, or call the scheduler. So no waker is called or
//! dropped under a lock of this crate. Types enforce it: a [`Lock`] is taken with a [`WakeList`],
//! which the guard borrows. Wakers are collected in that list.
//!
//! **The drop-order rule.** A [`WakeList`] calls its wakers when it is dropped, so it must be
//! declared before every guard that borrows it. Every public call makes its list before it takes
//! its first lock, and passes it on to each function that takes a further lock. A list that is
//! dropped under a lock of its caller fails an assertion of debug builds.
//!
//! - A panic of a waker leaves through the drop of its list. A call that must finish first keeps
//!   the panic in a [`Panics`], which is declared before the list.
//! - A call that took rows makes the [`Batch`](super::Batch) before its list is dropped. Then a
//!   panic of a waker loses the rows, and counts them, instead of forgetting them.
//!
//! **The order of locks.** A thread takes them in this order and may leave out any:
//!
//! 1. the adapter's lock, or the lease of one batch,
//! 2. the forming lock,
//! 3. the lock of the drain waiters,
//! 4. the lock of the timer thread, under which no other one is taken.
//!
//! Two locks are taken while none of the first three is held: that of the line for room and that of
//! the wakers to retry. Under them only the timer's is taken.

mod held;
mod lock;
mod wake_list;

pub(crate) use self::lock::{Guard, Lock};
pub(crate) use self::wake_list::{Panics, WakeList};
