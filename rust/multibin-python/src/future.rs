//! The future of a request: one class for threads and for event loops.

mod callbacks;
pub mod class;
pub mod coroutine;
pub mod delivery;
mod end;
mod observed;
pub mod owner;
mod park;
mod phases;
pub mod running;
pub mod state;
mod traverse;
pub mod turn;
mod wakeup;
