//! The handles of a scheduler.

use std::ops::Deref;
use std::sync::{Arc, Weak};

use super::inner::Inner;

/// Groups requests of similar length and forms batches. Cheap to clone; clones share it.
///
/// A scheduler belongs to the process that made it. In a child of a fork, calls that return
/// [`SubmitError`](crate::SubmitError), [`NextError`](crate::NextError) or
/// [`ResubmitError`](crate::ResubmitError) return their `Forked`. The others panic, except
/// [`Scheduler::is_forked`]. Values that are dropped there change nothing.
///
/// ```
/// use multibin::{Config, Edges, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(2))?;
/// let first = scheduler.submit_many(&[7, 8], &[40, 50])?;
/// let batch = scheduler.worker().next_batch(None)?;
/// assert_eq!((first, batch.rows().len(), batch.bin()), (0, 2, 1));
/// batch.done();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Scheduler(pub(super) Shared);

/// Shares the ownership of an [`Inner`], which is never freed in a child of the process that made
/// it. A thread of the parent may have been changing it when the process forked.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<Inner>);

impl Shared {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        Self(inner)
    }

    pub(super) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }
}

impl Deref for Shared {
    type Target = Inner;

    #[inline]
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.0.is_forked() {
            std::mem::forget(Arc::clone(&self.0));
        }
    }
}
