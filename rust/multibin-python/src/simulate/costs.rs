//! How long a batch takes: from Python's coefficients or measurements to the core's.

use multibin::costs::{Completion, CostModel, CostTable, Costs, LinearCosts, Measurements};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::arguments::{ArrayLike, Number};
use crate::convert::arrays::{floats, lengths};
use crate::convert::named::extract;
use crate::convert::scalars::float;
use crate::convert::words::choose;
use crate::costs::COUNTS;
use crate::interpreter::errors;

/// What `costs` describes.
#[derive(Clone, Copy)]
enum Model {
    Linear,
    Table,
}

const MODELS: &[(&str, Model)] = &[("linear", Model::Linear), ("table", Model::Table)];
const COMPLETIONS: &[(&str, Completion)] =
    &[("batch", Completion::Batch), ("row", Completion::Row)];

/// Returns costs from the coefficients of a linear model by name, or from a table's axes and flat
/// grids.
pub fn parse(model: &str, costs: &Bound<'_, PyDict>, completes: &str) -> PyResult<Costs> {
    let py = costs.py();
    let model = match choose(py, "model", model, MODELS)? {
        Model::Linear => CostModel::Linear(linear(costs)?),
        Model::Table => CostModel::Table(table(costs)?),
    };
    Ok(Costs { model, completes: choose(py, "completes", completes, COMPLETIONS)? })
}

fn linear(costs: &Bound<'_, PyDict>) -> PyResult<LinearCosts> {
    let get = |name: &str| -> PyResult<f64> {
        let given = |value| float(&Number(value), &format!("costs.{name}"));
        costs.get_item(name)?.map_or(Ok(0.0), given)
    };
    Ok(LinearCosts {
        fixed: get("fixed")?,
        prompt_token: get("prompt_token")?,
        moved_row: get("moved_row")?,
        step: get("step")?,
        row_step: get("row_step")?,
        kv_token: get("kv_token")?,
        padded_token: get("padded_token")?,
    })
}

fn table(costs: &Bound<'_, PyDict>) -> PyResult<CostTable> {
    let get = |name: &str| {
        let missing = || PyTypeError::new_err(format!("costs of a table must have {name}"));
        costs.get_item(name)?.ok_or_else(missing)
    };
    let array = |name: &str| get(name).map(ArrayLike);
    let counts = get("counts")?;
    let measured = Measurements {
        rows: lengths(&array("rows")?, "rows")?,
        tokens: lengths(&array("tokens")?, "tokens")?,
        step: floats(&array("step")?, "step")?,
        prefill: floats(&array("prefill")?, "prefill")?,
        moved: floats(&array("move")?, "move")?,
        counts: choose(costs.py(), "counts", extract(&counts, "counts", "a str")?, COUNTS)?,
    };
    CostTable::new(measured).map_err(errors::value)
}
