//! The live scheduler: producers, rings, the forming lock, and workers that wait.
//!
//! The public face is `handle` with `api`, `worker`, `batch` and the futures. `inner` holds what
//! all handles share. The files between them implement its calls, each on those named before it:
//!
//! `collect` → `wake` → `publish` → `cancel` → `serve` → `release` → `expire` → `submit`, `climb`,
//! `form`.
//!
//! What `inner` is built of knows nothing of it: `locks`, `waiters`, `notifier`, `admission`,
//! `ring`, `bin_map`, `withdrawn`, `earliest` and `clock`. The module `locks` documents the order
//! of the locks and when wakers are called.

mod admission;
mod api;
mod batch;
mod bin_map;
mod build;
mod cancel;
mod climb;
mod clock;
mod collect;
mod earliest;
mod errors;
mod expire;
mod form;
mod handle;
mod inner;
mod locks;
#[cfg(all(test, loom))]
mod loom_tests;
mod next_batch;
mod notifier;
mod observe;
mod publish;
mod reconfigure;
mod recording;
mod release;
pub mod ring;
mod serve;
mod shutdown;
mod snapshot;
mod submit;
mod submit_future;
mod tick;
#[cfg(all(test, not(loom)))]
mod waiter_tests;
mod waiters;
mod wake;
mod withdrawn;
mod worker;
mod worker_handle;

pub use self::batch::{Batch, ObserveError, ResubmitError};
pub use self::errors::{NextError, SubmitError};
pub use self::handle::Scheduler;
pub use self::next_batch::NextBatch;
pub use self::shutdown::Drain;
pub use self::submit_future::Submit;
pub use self::worker::Worker;
