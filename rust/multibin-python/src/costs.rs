//! Cost tables: from Python's to the core's, and back.

use std::sync::Arc;

use multibin::costs::{BatchTimes, CostTable, Counts, Measurements};
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;

use crate::convert::words::choose;
use crate::interpreter::{errors, hooks};

pub const COUNTS: &[(&str, Counts)] = &[("longest", Counts::Longest), ("mean", Counts::Mean)];

const MODULE: PyStaticExpr = PyStaticExpr::Name { id: "multibin.costs" };
const TYPE: PyStaticExpr = PyStaticExpr::Attribute { value: &MODULE, attr: "CostTable" };

/// Rows, tokens, the flat grids of steps, prefills and moves, and what they count.
type Parts = (Vec<u32>, Vec<u32>, Vec<f64>, Vec<f64>, Vec<f64>, String);

/// The argument `costs`: a `CostTable`.
pub struct Table<'py>(pub Bound<'py, PyAny>);

impl<'py> FromPyObject<'_, 'py> for Table<'py> {
    type Error = PyErr;
    const INPUT_TYPE: PyStaticExpr = TYPE;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(given.to_owned()))
    }
}

impl Table<'_> {
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
    const OUTPUT_TYPE: PyStaticExpr = TYPE;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let Measurements { rows, tokens, step, prefill, moved, .. } = self.0.measurements();
        let parts = (rows.clone(), tokens.clone(), step.clone(), prefill.clone(), moved.clone());
        hooks::cost_table(py, parts)
    }
}
