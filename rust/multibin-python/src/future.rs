//! The future of a request: one class for threads and for event loops.

mod callbacks;
pub mod class;
pub mod coroutine;
pub mod delivery;
mod end;
mod park;
pub mod running;
pub mod state;
pub mod turn;
mod wakeup;
