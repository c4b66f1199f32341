mod given;
mod settings;

use multibin::Budget;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::adapt::{self, Adapt};
use crate::convert::arguments::{Count, Number, Required};
use crate::convert::named::{extract, maybe_word, whole, word};
use crate::convert::words::{self, BudgetWord, FillWord, OrderWord, OverrunWord};
use crate::costs::{Measured, Table};
use crate::edges::{self, Edges};

pub(crate) use given::given;
pub use given::{Given, change};
pub use settings::Settings;

/// Describes how a scheduler behaves: its arguments, checked, without a scheduler.
///
/// Give it to ``simulate``, or to ``Scheduler.from_config``. It can be compared, copied and
/// pickled.
///
/// Args:
///     edges: map lengths to bins. ``None``: 16 bins, or ``max_bins`` if fewer, whose bounds grow
///         geometrically to ``longest``. ``adapt`` is then ``Adapt()``, unless it is given or there
///         is one bin.
///     batch_size: the rows of a full batch, one number or one for each of ``max_bins``. A batch of
///         several bins obeys the smallest.
///     longest: the longest length to expect, instead of ``edges``.
///     capacity: the most requests that wait or are leased.
///     max_wait: seconds in a queue after which a request is overdue and leads one of the next
///         batches.
///     fill: ``"elastic"``: no request waits for a full bin; the oldest leads, topped up from the
///         nearest bins. ``"strict"``: only full bins leave (Algorithm 1 of arXiv 2412.04504).
///     order: which full bin goes first. ``"formed"``: the one that was full first (the paper, the
///         default). ``"oldest"``: the one whose head arrived first (the default with climbing or
///         ``ageing``). ``"shortest"``: the lowest. ``"deadline"``: bins and rows go in order of
///         the times at which requests expire.
///     overrun: ``"finish"``: batches run until their last row is finished. ``"climb"``: at the
///         ``limit`` of steps of a batch, half of its rows have reached the end of their bin. The
///         unfinished requests are then resubmitted to the bin of their progress. ``"recompute"``:
///         climbers restart at progress 0, for back-ends that cannot keep state.
///     max_parked: while so many climbers wait, a worker that may take one starts only overdue
///         requests. With ``fill="strict"`` it starts others where climbers hold no batch.
///     max_bins: the most bins that ``reconfigure`` or ``adapt`` may bring. ``None``: those of
///         ``edges``, or of ``adapt`` if that has more.
///     ageing: seconds per step; lets requests have priorities. Each unit of a request's priority
///         delays it by ``ageing`` × its length: only requests that arrive within that time after
///         it may pass it.
///     budget: the most that a batch costs. A bin is also full when its next row would not fit.
///     budget_of: what the budget counts. ``"padded"``: rows × the longest length. ``"cost"``: the
///         sum of the requests' ``cost``.
///     max_padding: the largest share of a batch's slots × steps that may be padding, by the
///         predictions, when rows of other bins join.
///     adapt: lets the edges follow the requests that ``observe`` reports, and a gate watch their
///         predictions. ``None``: neither.
///     costs: seconds of a batch by rows and longest length (``prefill``), by which batches are
///         cut. The oldest request leads: with its bin if that is full, else with what makes the
///         least total time with it. Needs ``fill="elastic"`` and ``overrun="finish"``.
///
/// Raises:
///     ValueError: a value is out of range, or two arguments exclude each other.
///     TypeError: an argument has a wrong type, or ``batch_size`` is missing.
///
/// >>> config = SchedulerConfig(Edges([0, 16, 64]), 8, max_wait=0.5)
/// >>> config.max_wait, config.fill
/// (0.5, 'elastic')
/// >>> config == Scheduler.from_config(config).config
/// True
#[pyclass(frozen, eq, weakref, module = "multibin")]
#[derive(Clone, PartialEq)]
pub struct SchedulerConfig(pub Settings);

/// Converts the argument `config`.
pub fn required(given: &Bound<'_, PyAny>) -> PyResult<Py<SchedulerConfig>> {
    extract(given, "config", "a SchedulerConfig")
}

#[pymethods]
impl SchedulerConfig {
    #[new]
    #[pyo3(signature = (edges: "Edges | None" = None, batch_size = Required::Missing, *, longest = None, capacity: "int" = 65_536, max_wait = None, fill: "Literal['elastic', 'strict']" = "elastic", order: "Literal['formed', 'oldest', 'shortest', 'deadline'] | None" = None, overrun: "Literal['finish', 'climb', 'recompute']" = "finish", max_parked: "int | None" = None, max_bins: "int | None" = None, ageing = None, budget: "int | None" = None, budget_of: "Literal['padded', 'cost']" = "padded", max_padding = None, adapt: "Adapt | None" = None, costs = None))]
    fn new(
        py: Python<'_>,
        #[pyo3(from_py_with = edges::optional)] edges: Option<Py<Edges>>,
        batch_size: Required<'_>,
        longest: Option<Number<'_>>,
        #[pyo3(from_py_with = whole::capacity)] capacity: usize,
        max_wait: Option<Number<'_>>,
        #[pyo3(from_py_with = word::fill)] fill: &str,
        #[pyo3(from_py_with = maybe_word::order)] order: Option<&str>,
        #[pyo3(from_py_with = word::overrun)] overrun: &str,
        max_parked: Option<Count<'_>>,
        max_bins: Option<Count<'_>>,
        ageing: Option<Number<'_>>,
        budget: Option<Count<'_>>,
        #[pyo3(from_py_with = word::budget_of)] budget_of: &str,
        max_padding: Option<Number<'_>>,
        #[pyo3(from_py_with = adapt::optional)] adapt: Option<Py<Adapt>>,
        costs: Option<Table<'_>>,
    ) -> PyResult<Self> {
        let given = given! {
            edges, batch_size, longest, capacity, max_wait, fill, order, overrun, max_parked,
            max_bins, ageing, budget, budget_of, max_padding, adapt, costs
        };
        given.check(py).map(Self)
    }

    /// The bounds of the bins.
    ///
    /// >>> SchedulerConfig(Edges([0, 16]), 8).edges
    /// Edges([0, 16])
    #[getter]
    fn edges(&self) -> Edges {
        Edges(self.0.edges.clone())
    }

    /// The rows of a full batch: one number, or one for each bin.
    ///
    /// >>> SchedulerConfig(Edges([0, 16, 64]), [8, 4]).batch_size
    /// [8, 4]
    #[getter]
    fn batch_size(&self) -> BatchSize {
        match &self.0.config.batch_sizes {
            Some(sizes) => BatchSize::Each(sizes.clone()),
            None => BatchSize::All(self.0.config.batch_size),
        }
    }

    /// The longest length that was given instead of edges.
    ///
    /// >>> SchedulerConfig(batch_size=8, longest=1000).longest
    /// 1000
    #[getter]
    fn longest(&self) -> Option<u32> {
        self.0.longest
    }

    /// The most requests that wait or are leased.
    ///
    /// >>> SchedulerConfig(Edges([0, 16]), 8).capacity
    /// 65536
    #[getter]
    fn capacity(&self) -> usize {
        self.0.config.capacity
    }

    /// Seconds in a queue after which a request is overdue; ``None``: never.
    ///
    /// >>> SchedulerConfig(Edges([0, 16]), 8, max_wait=2).max_wait
    /// 2.0
    #[getter]
    fn max_wait(&self) -> Option<f64> {
        self.0.config.max_wait.map(|wait| wait.as_secs_f64())
    }

    /// If batches leave while no bin is full: ``"elastic"``, or not: ``"strict"``.
    ///
    /// >>> SchedulerConfig(Edges([0, 16]), 8, fill="strict").fill
    /// 'strict'
    #[getter]
    fn fill(&self) -> FillWord {
        FillWord(words::name(self.0.config.fill, words::FILLS))
    }

    /// Which full bin goes first; ``None``: the default for ``overrun`` and ``ageing``.
    ///
    /// >>> SchedulerConfig(Edges([0, 16]), 8, order="oldest").order
    /// 'oldest'
    #[getter]
    fn order(&self) -> Option<OrderWord> {
        self.0.config.order.map(|order| OrderWord(words::name(order, words::ORDERS)))
    }

    /// What happens to a request that is longer than its bin.
    ///
    /// >>> SchedulerConfig(Edges([0, 16]), 8, overrun="climb").overrun
    /// 'climb'
    #[getter]
    fn overrun(&self) -> OverrunWord {
        OverrunWord(words::name(self.0.config.overrun, words::OVERRUNS))
    }

    /// How many climbers wait when only overdue requests start; ``None``: no limit.
    ///
    /// >>> SchedulerConfig(Edges([0, 16]), 8, max_parked=3).max_parked
    /// 3
    #[getter]
    fn max_parked(&self) -> Option<usize> {
        self.0.config.max_parked
    }

    /// The most bins that there may ever be; ``None``: those of ``edges`` or of ``adapt``.
    ///
    /// >>> SchedulerConfig(Edges([0, 16]), 8, max_bins=4).max_bins
    /// 4
    #[getter]
    fn max_bins(&self) -> Option<usize> {
        self.0.config.max_bins
    }

    /// Seconds per step by which a unit of priority delays a request; ``None``: no priorities.
    ///
    /// >>> SchedulerConfig(Edges([0, 16]), 8, ageing=0.5).ageing
    /// 0.5
    #[getter]
    fn ageing(&self) -> Option<f64> {
        self.0.config.ageing
    }

    /// The most that a batch costs; ``None``: no limit.
    ///
    /// >>> SchedulerConfig(Edges([0, 16]), 8, budget=100).budget
    /// 100
    #[getter]
    fn budget(&self) -> Option<u64> {
        self.0.config.budget.map(Budget::max)
    }

    /// What the budget counts: ``"padded"`` or ``"cost"``.
    ///
    /// >>> SchedulerConfig(Edges([0, 16]), 8).budget_of
    /// 'padded'
    #[getter]
    fn budget_of(&self) -> BudgetWord {
        let costs = matches!(self.0.config.budget, Some(Budget::Sum(_)));
        BudgetWord(if costs { "cost" } else { "padded" })
    }

    /// The largest share of padding with which rows of other bins join; ``None``: no limit.
    ///
    /// >>> SchedulerConfig(Edges([0, 16]), 8, max_padding=0.2).max_padding
    /// 0.2
    #[getter]
    fn max_padding(&self) -> Option<f64> {
        self.0.config.max_padding
    }

    /// How the edges follow the traffic and a gate watches the predictions; ``None``: neither.
    ///
    /// >>> SchedulerConfig(batch_size=8, longest=1000).adapt == Adapt()
    /// True
    #[getter]
    fn adapt(&self) -> Option<Adapt> {
        self.0.config.adapt.map(Adapt)
    }

    /// The seconds of a batch by which batches are cut, with what the scheduler uses of them;
    /// ``None``: none.
    ///
    /// >>> from multibin import CostTable
    /// >>> table = CostTable.of_batches([1, 8], [0, 512], [[0.01, 0.05], [0.02, 0.3]])
    /// >>> SchedulerConfig(Edges([0, 16]), 8, costs=table).costs.prefill.tolist()
    /// [[0.01, 0.05], [0.02, 0.3]]
    #[getter]
    fn costs(&self) -> Option<Measured> {
        self.0.config.costs.clone().map(Measured)
    }

    /// Pickles and copies by value.
    #[pyo3(signature = () -> "tuple[tuple[()], dict[str, object]]")]
    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<((), Bound<'py, PyDict>)> {
        let given = PyDict::new(py);
        match self.0.longest {
            Some(longest) => given.set_item("longest", longest)?,
            None => given.set_item("edges", self.edges())?,
        }
        given.set_item("batch_size", self.batch_size())?;
        given.set_item("capacity", self.capacity())?;
        given.set_item("max_wait", self.max_wait())?;
        given.set_item("fill", self.fill())?;
        given.set_item("order", self.order())?;
        given.set_item("overrun", self.overrun())?;
        given.set_item("max_parked", self.max_parked())?;
        given.set_item("max_bins", self.max_bins())?;
        given.set_item("ageing", self.ageing())?;
        given.set_item("budget", self.budget())?;
        given.set_item("budget_of", self.budget_of())?;
        given.set_item("max_padding", self.max_padding())?;
        given.set_item("adapt", self.adapt())?;
        given.set_item("costs", self.costs())?;
        Ok(((), given))
    }

    fn __repr__(&self) -> String {
        format!("SchedulerConfig({})", self.0.arguments().join(", "))
    }
}

/// One number, or one for each bin.
#[derive(IntoPyObject)]
pub enum BatchSize {
    All(u32),
    Each(Vec<u32>),
}
