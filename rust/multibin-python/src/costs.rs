//! How long a batch takes: from Python's coefficients or measurements to the core's.

use multibin::costs::{Completion, CostModel, CostTable, Costs, Counts, LinearCosts, Measurements};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{floats, lengths};
use crate::convert::{ArrayLike, Number, float};
use crate::errors;
use crate::words::choose;

/// Costs from `costs`: the coefficients of the linear model by name, or, where it has `counts`,
/// a table's axes and grids, the grids flat.
pub fn parse(costs: &Bound<'_, PyDict>, completes: &str) -> PyResult<Costs> {
    let model = match costs.get_item("counts")? {
        Some(counts) => CostModel::Table(table(costs, counts.extract()?)?),
        None => CostModel::Linear(linear(costs)?),
    };
    let completes =
        choose("completes", completes, &[("batch", Completion::Batch), ("row", Completion::Row)])?;
    Ok(Costs { model, completes })
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

fn table(costs: &Bound<'_, PyDict>, counts: &str) -> PyResult<CostTable> {
    let get = |name: &str| {
        let missing = || PyTypeError::new_err(format!("costs: has counts but no {name}"));
        costs.get_item(name)?.map(ArrayLike).ok_or_else(missing)
    };
    let measured = Measurements {
        rows: lengths(&get("rows")?, "rows")?,
        tokens: lengths(&get("tokens")?, "tokens")?,
        step: floats(&get("step")?, "step")?,
        prefill: floats(&get("prefill")?, "prefill")?,
        moved: floats(&get("move")?, "move")?,
        counts: choose("counts", counts, &[("longest", Counts::Longest), ("mean", Counts::Mean)])?,
    };
    CostTable::new(measured).map_err(errors::value)
}
