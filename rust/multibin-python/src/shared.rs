//! What a scheduler, its workers and their batches share beside the core.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

use crate::{calls, hooks};

/// What was said already, as a scheduler says it once.
#[derive(Default)]
pub struct Shared {
    lost: AtomicBool,
}

impl Shared {
    /// Warns of a batch that was dropped with `rows` that are lost.
    pub fn warn_of_lost(&self, rows: usize) {
        // Relaxed: it orders nothing, only the first one is told apart.
        let first = !self.lost.swap(true, Ordering::Relaxed);
        // `None`: the interpreter ends.
        Python::try_attach(|py| {
            calls::aside(py, |py| hooks::lost(py, (rows, first)).map(|_| ()));
        });
    }
}
