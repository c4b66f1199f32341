use multibin::Reason;
use multibin::simulate::{self as core, Records, Servers, SimulateError, Workload};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{lengths, times};
use crate::convert::{ArrayLike, Count, count};
use crate::errors;
use crate::rival::Rival;
use crate::scheduler::Scheduler;
use crate::service;

/// Plays requests through the former of ``scheduler``, or a rival, on a virtual clock; the
/// scheduler itself is left as it is and its capacity is not counted. Used by ``multibin.simulate``, which documents
/// the arguments.
///
/// ``arrivals`` in seconds, ``predicted``, ``actual`` and ``prompts`` in steps and tokens, all of
/// shape ``[n]``; ``service`` the coefficients of the service model by name, in seconds, or the
/// axes, the flat grids and ``counts`` of a table. Returns the columns of the requests and of the
/// batches.
///
/// Raises ``ValueError`` or ``TypeError`` that names the argument and the value.
#[pyfunction]
#[pyo3(signature = (scheduler, arrivals, predicted, actual, prompts, service: "dict[str, object]", answer: "str", servers, drain, gate)
    -> "tuple[dict[str, object], dict[str, object]]")]
#[expect(clippy::too_many_arguments, reason = "the columns of a workload")]
pub fn simulate<'py>(
    py: Python<'py>,
    scheduler: Policy<'py>,
    arrivals: ArrayLike<'py>,
    predicted: ArrayLike<'py>,
    actual: ArrayLike<'py>,
    prompts: ArrayLike<'py>,
    service: &Bound<'py, PyDict>,
    answer: &str,
    servers: Count<'py>,
    drain: bool,
    gate: bool,
) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>)> {
    let workload = Workload {
        arrivals: times(&arrivals, "arrivals")?,
        predicted: lengths(&predicted, "predicted")?,
        actual: lengths(&actual, "actual")?,
        prompts: lengths(&prompts, "prompts")?,
    };
    let service = service::parse(service, answer)?;
    let servers = Servers { count: count(&servers, "servers")?, service, drain, gate };
    let records = play(py, &scheduler, &workload, &servers).map_err(errors::simulate)?;
    let (requests, batches) = (records.requests, records.batches);
    let reason = |reason: &Reason| *reason as u8;
    Ok((
        columns(
            py,
            [
                ("arrival", array(py, requests.arrival)),
                ("start", array(py, requests.start)),
                ("first_token", array(py, requests.first_token)),
                ("finish", array(py, requests.finish)),
                ("bin", array(py, requests.bin)),
                ("batch", array(py, requests.batch)),
                ("entries", array(py, requests.entries)),
                ("waste", array(py, requests.waste)),
            ],
        )?,
        columns(
            py,
            [
                ("start", array(py, batches.start)),
                ("finish", array(py, batches.finish)),
                ("rows", array(py, batches.rows)),
                ("steps", array(py, batches.steps)),
                ("bin", array(py, batches.bin)),
                ("reason", array(py, batches.reason.iter().map(reason).collect::<Vec<u8>>())),
                ("server", array(py, batches.server)),
            ],
        )?,
    ))
}

/// What forms the batches.
#[derive(FromPyObject)]
pub enum Policy<'py> {
    /// The former of a scheduler.
    Scheduler(Bound<'py, Scheduler>),
    /// Something to compare it with.
    Rival(Bound<'py, Rival>),
}

fn play(
    py: Python<'_>,
    policy: &Policy<'_>,
    workload: &Workload,
    servers: &Servers,
) -> Result<Records, SimulateError> {
    match policy {
        Policy::Scheduler(scheduler) => {
            let scheduler = &scheduler.get().inner;
            let (edges, config) = (scheduler.edges().clone(), scheduler.config());
            py.detach(|| core::simulate(workload, edges, config, servers))
        }
        Policy::Rival(rival) => {
            let rival = &rival.get().0;
            py.detach(|| core::simulate_rival(workload, rival, servers))
        }
    }
}

fn array<T: numpy::Element>(py: Python<'_>, values: Vec<T>) -> Bound<'_, PyAny> {
    let array: Bound<'_, PyArray1<T>> = values.into_pyarray(py);
    array.into_any()
}

fn columns<'py, const N: usize>(
    py: Python<'py>,
    arrays: [(&str, Bound<'py, PyAny>); N],
) -> PyResult<Bound<'py, PyDict>> {
    let columns = PyDict::new(py);
    for (name, array) in arrays {
        columns.set_item(name, array)?;
    }
    Ok(columns)
}
