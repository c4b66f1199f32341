//! Items and futures beside a scheduler: what a batcher of any function is made of.

mod admit;
pub mod caller;
pub mod class;
mod counts;
pub mod limit;
pub mod rows;
mod slab;
mod submit;
mod watch;
mod withdraw;
