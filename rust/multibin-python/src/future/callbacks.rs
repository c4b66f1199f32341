//! The callbacks of a future.

use pyo3::prelude::*;

use super::state::State;

/// A function to call when the future is over.
pub struct Callback {
    pub function: Py<PyAny>,
    pub context: Option<Py<PyAny>>,
    /// The event loop that calls it; `None`: the thread that ends the future does.
    pub event_loop: Option<Py<PyAny>>,
    /// A task waits.
    pub is_wakeup: bool,
}

impl State {
    /// Adds a callback.
    pub fn add(&mut self, callback: Callback) {
        if self.callback.is_none()
            && self.rare.as_ref().is_none_or(|rare| rare.callbacks.is_empty())
        {
            self.callback = Some(callback);
        } else {
            self.rare().callbacks.push(callback);
        }
    }

    /// Returns the functions of all callbacks.
    pub fn functions(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        let rest = self.rare.iter().flat_map(|rare| &rare.callbacks);
        self.callback.iter().chain(rest).map(|callback| callback.function.clone_ref(py)).collect()
    }

    /// Removes the callbacks whose function is one of `functions`; returns them.
    pub fn remove(&mut self, functions: &[Py<PyAny>]) -> Vec<Callback> {
        let is_one = |callback: &Callback| functions.iter().any(|one| one.is(&callback.function));
        let (removed, kept) = self.take_callbacks().into_iter().partition(is_one);
        let _: &Vec<Callback> = &kept;
        for callback in kept {
            self.add(callback);
        }
        removed
    }
}
