//! Cost tables: from Python's to the core's, and back.

use std::sync::Arc;

use multibin::costs::{BatchTimes, CostTable, Counts, Measurements};
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;

use crate::convert::words::choose;
use crate::interpreter::{errors, hooks};

pub const COUNTS: &[(&str, Counts)] = &[("longest", Counts::Longest), ("mean", Counts::Mean)];

/// Rows, tokens, the flat grids of steps, prefills and moves, and what they count.
type Parts = (Vec<u32>, Vec<u32>, Vec<f64>, Vec<f64>, Vec<f64>, String);

/// The argument `costs`: a `CostTable`.
pub struct Table<'py>(pub Bound<'py, PyAny>);

impl<'py> Table<'py> {
    /// Converts the argument of a constructor.
    pub fn optional(given: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        Ok((!given.is_none()).then(|| Self(given.clone())))
    }

    /// Returns the seconds of its batches.
    pub fn times(&self) -> PyResult<Arc<BatchTimes>> {
        let py = self.0.py();
        let parts: Parts = hooks::cost_table_parts(py, (&self.0,))?.extract()?;
        let (rows, tokens, step, prefill, moved, counts) = parts;
        let counts = choose(py, "counts", &counts, COUNTS)?;
        let measured = Measurements { rows, tokens, step, prefill, moved, counts };
        let table = CostTable::new(measured).map_err(errors::value)?;
        let times = BatchTimes::from_table(&table, BatchTimes::MOST_ROWS);
        times.map(Arc::new).map_err(errors::value)
    }
}

/// Seconds that Python sees as a `CostTable` with their measurements.
pub struct Measured(pub Arc<BatchTimes>);

impl<'py> IntoPyObject<'py> for Measured {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;
    const OUTPUT_TYPE: PyStaticExpr = PyStaticExpr::Attribute {
        value: &PyStaticExpr::Name { id: "multibin.costs" },
        attr: "CostTable",
    };

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let Measurements { rows, tokens, step, prefill, moved, .. } = self.0.measurements();
        let parts = (rows.clone(), tokens.clone(), step.clone(), prefill.clone(), moved.clone());
        hooks::cost_table(py, parts)
    }
}
