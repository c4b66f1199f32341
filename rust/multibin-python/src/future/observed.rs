//! What `concurrent.futures.wait` and `as_completed` use of a future.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::class::Future;
use super::state::Observed;
use crate::interpreter::hooks;

impl Future {
    /// Returns what `concurrent.futures` waits with.
    pub fn observe<T>(&self, py: Python<'_>, get: impl Fn(&Observed) -> T) -> PyResult<T> {
        self.check(py)?;
        if let Some(observed) = self.lock(py).rare.as_ref().and_then(|rare| rare.observed.as_ref())
        {
            return Ok(get(observed));
        }
        let condition = hooks::make_condition(py, ())?.unbind();
        let made = Observed { condition, waiters: PyList::empty(py).into_any().unbind() };
        let mut state = self.lock(py);
        let observed = &mut state.rare().observed;
        let spare = if observed.is_some() { Some(made) } else { observed.replace(made) };
        let got = observed.as_ref().map(get);
        drop(state);
        drop(spare);
        got.ok_or_else(|| PyRuntimeError::new_err("the future is gone"))
    }
}
