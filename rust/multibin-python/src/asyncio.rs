//! What the `_async` methods return: futures of the core, driven by an event loop.

pub mod awaitable;
mod event_loop;
pub mod futures;
