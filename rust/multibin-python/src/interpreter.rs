//! Between Rust and the interpreter: calls, errors, waits without the GIL. Knows no class.

pub mod calls;
pub mod cell;
pub mod errors;
pub mod hooks;
pub mod main_thread;
pub mod wait;
