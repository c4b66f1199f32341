use multibin::simulate::{
    self as core, Arrivals, BatchRecords, Outcome, RequestColumns, Servers, SimulateError,
    TimedEvent, Workload,
};
use multibin::{Adaptation, Reason};
use numpy::{IntoPyArray, PyArray1, PyArrayMethods, PyReadwriteArray1};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::adapt;
use crate::arrays::{lengths, times};
use crate::baseline::Baseline;
use crate::config::SchedulerConfig;
use crate::convert::{ArrayLike, Count, count, wrong_type};
use crate::costs;
use crate::errors;
use crate::named::{flag, word};
use crate::scheduler::Scheduler;

/// Plays requests through the former of a scheduler, or a baseline, on a virtual clock; the capacity
/// is not counted. Used by ``multibin.simulate``, which documents
/// the arguments.
///
/// ``arrivals`` in seconds, or with ``users`` the pauses of a closed loop; ``predicted``, ``actual``
/// and ``prompts`` in steps and tokens, all of shape ``[n]``; ``costs`` the coefficients of the
/// cost model by name, in seconds, or the axes, the flat grids and ``counts`` of a table. Returns
/// the columns of the requests and of the batches, what adaptation did (time, kind, gain, bins), and
/// its counters as in ``Scheduler.stats()``.
///
/// Raises ``ValueError`` or ``TypeError`` that names the argument and the value.
#[pyfunction]
#[pyo3(signature = (scheduler: "SchedulerConfig | Baseline", arrivals, predicted, actual, prompts, costs: "dict[str, object]", completes: "Literal['batch', 'row']", servers, drain: "bool", gate: "bool", users: "int | None", max_resident: "int | None")
    -> "tuple[dict[str, object], dict[str, object], list[tuple[float, str, float, int | None]], dict[str, object] | None]")]
#[expect(clippy::too_many_arguments, reason = "the columns of a workload")]
pub fn simulate<'py>(
    py: Python<'py>,
    #[pyo3(from_py_with = Policy::of)] scheduler: Policy,
    arrivals: ArrayLike<'py>,
    predicted: ArrayLike<'py>,
    actual: ArrayLike<'py>,
    prompts: ArrayLike<'py>,
    costs: &Bound<'py, PyDict>,
    #[pyo3(from_py_with = word::completes)] completes: &str,
    servers: Count<'py>,
    #[pyo3(from_py_with = flag::drain)] drain: bool,
    #[pyo3(from_py_with = flag::gate)] gate: bool,
    users: Option<Count<'py>>,
    max_resident: Option<Count<'py>>,
) -> PyResult<Simulated<'py>> {
    let workload = Workload {
        arrivals: parse_arrivals(&arrivals, users.as_ref())?,
        predicted: lengths(&predicted, "predicted")?,
        actual: lengths(&actual, "actual")?,
        prompts: lengths(&prompts, "prompts")?,
    };
    let costs = costs::parse(costs, completes)?;
    let max_resident = max_resident.map(|given| count(&given, "max_resident")).transpose()?;
    let servers = Servers { count: count(&servers, "servers")?, costs, drain, gate, max_resident };
    let requests = Requests::new(py, workload.arrivals.len());
    let Outcome { batches, events, adaptation } =
        requests.record(|columns| play(py, &scheduler, &workload, &servers, columns))?;
    let events = events.iter().map(happened).collect();
    let counters = adaptation.map(|so_far| counters(py, &so_far)).transpose()?;
    Ok((requests.columns()?, batch_columns(py, batches)?, events, counters))
}

/// Columns of the requests and of the batches, events, counters of adaptation.
type Simulated<'py> =
    (Bound<'py, PyDict>, Bound<'py, PyDict>, Vec<Happened>, Option<Bound<'py, PyDict>>);

/// Time, kind, gain, bins of other edges.
type Happened = (f64, &'static str, f64, Option<usize>);

fn happened(event: &TimedEvent) -> Happened {
    let TimedEvent { time, event } = *event;
    (time, event.name(), event.gain(), event.bins())
}

fn counters<'py>(py: Python<'py>, so_far: &Adaptation) -> PyResult<Bound<'py, PyDict>> {
    let counters = PyDict::new(py);
    counters.set_item("gate", adapt::gate(py, so_far)?)?;
    counters.set_item("edges", adapt::edges(py, so_far)?)?;
    Ok(counters)
}

/// Columns of the requests. numpy allocates them because it asks for huge pages: the kernel then
/// hands out fresh memory in a fraction of the time.
struct Requests<'py> {
    /// Arrival, start, first token, finish.
    times: [Bound<'py, PyArray1<f64>>; 4],
    /// Bin, batch, entries.
    counts: [Bound<'py, PyArray1<u32>>; 3],
    /// Steps, waste.
    sums: [Bound<'py, PyArray1<u64>>; 2],
}

impl<'py> Requests<'py> {
    fn new(py: Python<'py>, requests: usize) -> Self {
        Self {
            times: std::array::from_fn(|_| PyArray1::zeros(py, requests, false)),
            counts: std::array::from_fn(|_| PyArray1::zeros(py, requests, false)),
            sums: std::array::from_fn(|_| PyArray1::zeros(py, requests, false)),
        }
    }

    /// Lets `play` write to the columns.
    fn record<T>(
        &self,
        play: impl FnOnce(RequestColumns<'_>) -> Result<T, SimulateError>,
    ) -> PyResult<T> {
        let mut times = self.times.each_ref().map(PyArrayMethods::readwrite);
        let mut counts = self.counts.each_ref().map(PyArrayMethods::readwrite);
        let mut sums = self.sums.each_ref().map(PyArrayMethods::readwrite);
        let [arrival, start, first_token, finish] = times.each_mut().map(slice);
        let [bin, batch, entries] = counts.each_mut().map(slice);
        let [steps, waste] = sums.each_mut().map(slice);
        play(RequestColumns {
            arrival,
            start,
            first_token,
            finish,
            bin,
            batch,
            entries,
            steps,
            waste,
        })
        .map_err(errors::simulate)
    }

    fn columns(self) -> PyResult<Bound<'py, PyDict>> {
        let py = self.sums[0].py();
        let [arrival, start, first_token, finish] = self.times.map(Bound::into_any);
        let [bin, batch, entries] = self.counts.map(Bound::into_any);
        let [steps, waste] = self.sums.map(Bound::into_any);
        columns(
            py,
            [
                ("arrival", arrival),
                ("start", start),
                ("first_token", first_token),
                ("finish", finish),
                ("bin", bin),
                ("batch", batch),
                ("entries", entries),
                ("steps", steps),
                ("waste", waste),
            ],
        )
    }
}

fn slice<'a, T: numpy::Element>(column: &'a mut PyReadwriteArray1<'_, T>) -> &'a mut [T] {
    column.as_slice_mut().expect("made contiguous")
}

fn batch_columns(py: Python<'_>, batches: BatchRecords) -> PyResult<Bound<'_, PyDict>> {
    let reason = |reason: &Reason| *reason as u8;
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
            ("parked", array(py, batches.parked)),
        ],
    )
}

/// What forms the batches.
pub enum Policy {
    /// The former of a scheduler.
    Scheduler(Py<SchedulerConfig>),
    /// Something to compare it with.
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
            let SchedulerConfig { edges, config, .. } = scheduler.get();
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
            Arrivals::Users { count: count(users, "users")?, pauses: times(arrivals, "pauses")? }
        }
    })
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
