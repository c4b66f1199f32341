mod columns;
mod costs;

use multibin::Adaptation;
use multibin::simulate::{
    self as core, Arrivals, Outcome, RequestColumns, Servers, SimulateError, TimedEvent, Workload,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use self::columns::{Requests, batch_columns};
use crate::baseline::Baseline;
use crate::config::{SchedulerConfig, Settings};
use crate::convert::arguments::{ArrayLike, Count};
use crate::convert::arrays::{lengths, times};
use crate::convert::named::{flag, word};
use crate::convert::refusal::wrong_type;
use crate::convert::scalars::positive;
use crate::scheduler::Scheduler;
use crate::stats;

/// Plays requests through the batch former of a scheduler, or a baseline, on a virtual clock.
///
/// ``multibin.simulate`` calls it and documents the arguments. The scheduler's capacity is ignored.
///
/// Args:
///     scheduler: forms the batches.
///     arrivals: seconds, shape ``[n]``; with ``users``, the pauses of a closed loop.
///     predicted: steps, shape ``[n]``.
///     actual: steps, shape ``[n]``.
///     prompts: tokens, shape ``[n]``.
///     model: what ``costs`` describes.
///     costs: of ``"linear"``, the coefficients by name, in seconds. Of ``"table"``, the axes, the
///         flat grids and ``counts``.
///     completes: when a request counts as finished.
///     servers: how many run batches at the same time.
///     drain: close after the last arrival.
///     gate: watch the predictions.
///     users: the users of a closed loop.
///     max_resident: the most rows whose state a server holds.
///     cached: tokens of the prompts that a prefix cache has, shape ``[n]``.
///
/// Returns:
///     The columns of the requests, those of the batches, the events of adaptation (time, kind,
///     gain, bins), and its counters as in ``Scheduler.stats()``.
///
/// Raises:
///     ValueError: a value is out of range.
///     TypeError: an argument has a wrong type.
///
/// >>> config = SchedulerConfig(Edges([0, 16]), 2, fill="strict")
/// >>> requests, batches, events, adaptation = simulate(
/// ...     config, [0.0, 0.0], [5, 7], [5, 7], [0, 0], "linear", {"step": 1.0}, "batch", 1, True,
/// ...     False, None, None)
/// >>> requests["finish"].tolist()
/// [7.0, 7.0]
#[pyfunction]
#[pyo3(signature = (scheduler: "SchedulerConfig | Baseline", arrivals, predicted, actual, prompts, model: "Literal['linear', 'table']", costs: "dict[str, object]", completes: "Literal['batch', 'row']", servers, drain: "bool", gate: "bool", users: "int | None", max_resident: "int | None", cached = None)
    -> "tuple[dict[str, object], dict[str, object], list[tuple[float, str, float, int | None]], dict[str, object] | None]")]
pub fn simulate<'py>(
    py: Python<'py>,
    #[pyo3(from_py_with = Policy::of)] scheduler: Policy,
    arrivals: ArrayLike<'py>,
    predicted: ArrayLike<'py>,
    actual: ArrayLike<'py>,
    prompts: ArrayLike<'py>,
    #[pyo3(from_py_with = word::model)] model: &str,
    costs: &Bound<'py, PyDict>,
    #[pyo3(from_py_with = word::completes)] completes: &str,
    servers: Count<'py>,
    #[pyo3(from_py_with = flag::drain)] drain: bool,
    #[pyo3(from_py_with = flag::gate)] gate: bool,
    users: Option<Count<'py>>,
    max_resident: Option<Count<'py>>,
    cached: Option<ArrayLike<'py>>,
) -> PyResult<Simulated<'py>> {
    let workload = Workload {
        arrivals: parse_arrivals(&arrivals, users.as_ref())?,
        predicted: lengths(&predicted, "predicted")?,
        actual: lengths(&actual, "actual")?,
        prompts: lengths(&prompts, "prompts")?,
        cached: cached.map_or_else(|| Ok(Vec::new()), |given| lengths(&given, "cached"))?,
    };
    let costs = costs::parse(model, costs, completes)?;
    let max_resident = max_resident.map(|given| positive(&given, "max_resident")).transpose()?;
    let count = positive(&servers, "servers")?;
    let servers = Servers { count, costs, drain, gate, max_resident };
    let requests = Requests::new(py, workload.arrivals.len());
    let Outcome { batches, events, adaptation } =
        requests.record(|columns| play(py, &scheduler, &workload, &servers, columns))?;
    let events = events.iter().map(timed).collect();
    let counters = adaptation.map(|so_far| counters(py, &so_far)).transpose()?;
    Ok((requests.columns()?, batch_columns(py, batches)?, events, counters))
}

/// Columns of the requests and of the batches, events, counters of adaptation.
type Simulated<'py> =
    (Bound<'py, PyDict>, Bound<'py, PyDict>, Vec<Timed>, Option<Bound<'py, PyDict>>);

/// Time, kind, gain, bins of the edges that were swapped in.
type Timed = (f64, &'static str, f64, Option<usize>);

fn timed(event: &TimedEvent) -> Timed {
    let TimedEvent { time, event } = *event;
    (time, event.name(), event.gain(), event.bins())
}

fn counters<'py>(py: Python<'py>, so_far: &Adaptation) -> PyResult<Bound<'py, PyDict>> {
    let counters = PyDict::new(py);
    counters.set_item("gate", stats::gate(py, so_far)?)?;
    counters.set_item("edges", stats::edges(py, so_far)?)?;
    Ok(counters)
}

/// Forms the batches.
pub enum Policy {
    /// The batch former of a scheduler.
    Scheduler(Py<SchedulerConfig>),
    /// Another way, to compare with.
    Baseline(Py<Baseline>),
}

impl Policy {
    fn of(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(config) = given.cast::<SchedulerConfig>() {
            return Ok(Self::Scheduler(config.clone().unbind()));
        }
        if let Ok(baseline) = given.cast::<Baseline>() {
            return Ok(Self::Baseline(baseline.clone().unbind()));
        }
        if let Ok(scheduler) = given.cast::<Scheduler>() {
            let config = scheduler.getattr(intern!(given.py(), "config"))?;
            return Ok(Self::Scheduler(config.cast_into::<SchedulerConfig>()?.unbind()));
        }
        Err(wrong_type("scheduler", "a SchedulerConfig or a Baseline", given))
    }
}

fn play(
    py: Python<'_>,
    policy: &Policy,
    workload: &Workload,
    servers: &Servers,
    requests: RequestColumns<'_>,
) -> Result<Outcome, SimulateError> {
    match policy {
        Policy::Scheduler(scheduler) => {
            let Settings { edges, config, .. } = &scheduler.get().0;
            py.detach(|| core::simulate_into(workload, edges, config, servers, requests))
        }
        Policy::Baseline(baseline) => {
            let baseline = &baseline.get().0;
            py.detach(|| core::simulate_baseline_into(workload, baseline, servers, requests))
        }
    }
}

fn parse_arrivals(arrivals: &ArrayLike<'_>, users: Option<&Count<'_>>) -> PyResult<Arrivals> {
    Ok(match users {
        None => Arrivals::At(times(arrivals, "arrivals")?),
        Some(users) => {
            Arrivals::Users { count: positive(users, "users")?, pauses: times(arrivals, "pauses")? }
        }
    })
}
