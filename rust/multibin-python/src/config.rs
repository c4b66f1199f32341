// Arguments are listed as Python lists them.
#![allow(clippy::doc_markdown)]

use multibin::{Budget, Config, ConfigError, Fill, Overrun};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::adapt::Adapt;
use crate::arrays::sizes;
use crate::convert::{Count, Missing, Number, Sizes, count, float, length, seconds};
use crate::edges::Edges;
use crate::errors;
use crate::named::{maybe, whole, word};
use crate::show;
use crate::words::{self, BudgetOf, FillWord, OrderWord, OverrunWord};

/// How a scheduler behaves: the arguments of ``Scheduler``, checked, and without a scheduler.
///
/// Give it to ``simulate``, or to ``Scheduler.from_config``. It can be compared, copied and pickled.
///
/// Args:
///     edges: map lengths to bins. ``None``: 16 bins, or ``max_bins`` if fewer, whose bounds grow
///         geometrically to ``longest``; ``adapt`` is ``Adapt()`` unless it is given or there is one bin.
///     batch_size: the rows of a full batch, one number or one for each of ``max_bins``. A batch of several
///         bins obeys the smallest.
///     longest: the longest length to expect, where there are no ``edges``.
///     capacity: the most requests that wait or are leased.
///     max_wait: seconds in a queue after which a request is overdue and leads one of the next batches.
///     fill: ``"elastic"``: no request waits for a full bin, the oldest leads, topped up from the nearest
///         bins. ``"strict"``: only full bins leave (Algorithm 1 of arXiv 2412.04504).
///     order: which full bin goes first. ``"formed"``: the one that was full first (the paper, the default).
///         ``"oldest"``: the one whose head arrived first (the default with climbing or ``ageing``).
///         ``"shortest"``: the lowest. ``"deadline"``: bins and what leaves are in order of the times at
///         which requests expire.
///     overrun: ``"finish"``: batches run until their last row is finished. ``"climb"``: batches have a
///         ``limit`` of steps, which takes half of their rows to the ends of their bins, and a request that
///         is unfinished then is resubmitted to the bin of its progress. ``"recompute"``: the same for
///         back-ends that cannot keep state, so that a climber starts over.
///     max_parked: while so many climbers wait, a worker that may take one starts only overdue requests, and
///         with ``fill="strict"`` others where climbers hold no batch.
///     max_bins: the most bins that ``reconfigure`` or ``adapt`` may bring. ``None``: those of ``edges``,
///         or of ``adapt`` if that has more.
///     ageing: seconds per step; lets requests have priorities. Each unit of a request's priority puts it
///         off by ``ageing`` × its length, so that only those pass it that arrive within that time after it.
///     budget: bounds what a batch costs. A bin is full as well when its next row would not fit.
///     budget_of: what the budget counts. ``"padded"``: rows × the longest. ``"cost"``: the sum of the
///         requests' ``cost``.
///     max_padding: a share; rows of other bins join only while, by the predictions, no larger share of
///         the batch's slots × steps is padding.
///     adapt: how edges follow the requests that ``observe`` is told of, and a gate watches their
///         predictions. ``None``: neither.
///
/// Raises ``ValueError`` or ``TypeError`` that names the argument and its value.
#[pyclass(frozen, eq, weakref, module = "multibin")]
#[derive(Clone)]
pub struct SchedulerConfig {
    pub edges: multibin::Edges,
    pub config: Config,
    longest: Option<u32>,
}

impl PartialEq for SchedulerConfig {
    /// Edges that came of `longest` are as good as others.
    fn eq(&self, other: &Self) -> bool {
        self.edges == other.edges && self.config == other.config
    }
}

/// What the constructors of `Scheduler` and `SchedulerConfig` are given, as it came.
pub struct Given<'a, 'py> {
    pub edges: Option<Py<Edges>>,
    pub batch_size: Missing<'py>,
    pub longest: Option<Number<'py>>,
    pub capacity: usize,
    pub max_wait: Option<Number<'py>>,
    pub fill: &'a str,
    pub order: Option<&'a str>,
    pub overrun: &'a str,
    pub max_parked: Option<Count<'py>>,
    pub max_bins: Option<Count<'py>>,
    pub ageing: Option<Number<'py>>,
    pub budget: Option<Count<'py>>,
    pub budget_of: &'a str,
    pub max_padding: Option<Number<'py>>,
    pub adapt: Option<Py<Adapt>>,
}

/// Bins where only the longest length is known.
const BINS: usize = 16;

impl Given<'_, '_> {
    pub fn check(self) -> PyResult<SchedulerConfig> {
        let (edges, longest) = self.edges()?;
        let Missing::Given(batch_size) = &self.batch_size else {
            let message = "batch_size: is missing: needs an int, or one for each bin";
            return Err(PyTypeError::new_err(message));
        };
        let (batch_size, batch_sizes) = sizes(&Sizes(batch_size.clone()), "batch_size")?;
        let budget_of = match words::choose("budget_of", self.budget_of, words::BUDGETS)? {
            BudgetOf::Padded => Budget::Padded,
            BudgetOf::Cost => Budget::Sum,
        };
        let number = |given: &Option<Number<'_>>, name| {
            given.as_ref().map(|given| float(given, name)).transpose()
        };
        let whole = |given: &Option<Count<'_>>, name| {
            given.as_ref().map(|given| count::<usize>(given, name)).transpose()
        };
        let budget = self.budget.as_ref().map(|most| count(most, "budget").map(budget_of));
        let max_wait = self.max_wait.as_ref().map(|wait| seconds(wait, "max_wait")).transpose()?;
        let order = self.order.map(|order| words::choose("order", order, words::ORDERS));
        // With one bin there is nothing to adapt.
        let usual = longest.filter(|_| edges.bins() > 1).map(|_| multibin::Adapt::default());
        let config = Config {
            batch_sizes,
            budget: budget.transpose()?,
            max_padding: number(&self.max_padding, "max_padding")?,
            capacity: self.capacity,
            max_wait,
            fill: words::choose("fill", self.fill, words::FILLS)?,
            order: order.transpose()?,
            overrun: words::choose("overrun", self.overrun, words::OVERRUNS)?,
            max_parked: whole(&self.max_parked, "max_parked")?,
            max_bins: whole(&self.max_bins, "max_bins")?,
            ageing: number(&self.ageing, "ageing")?,
            adapt: self.adapt.map(|given| given.get().0).or(usual),
            ..Config::new(batch_size)
        };
        SchedulerConfig { edges, config, longest }.checked()
    }

    fn edges(&self) -> PyResult<(multibin::Edges, Option<u32>)> {
        match (&self.edges, &self.longest) {
            (Some(edges), None) => Ok((edges.get().0.clone(), None)),
            (None, Some(longest)) => {
                let longest = length(longest, "longest")?;
                let most =
                    self.max_bins.as_ref().map(|most| count(most, "max_bins")).transpose()?;
                let bins = most.unwrap_or(BINS).clamp(1, BINS);
                Ok((Edges::up_to(longest, bins)?.0, Some(longest)))
            }
            (Some(_), Some(_)) => {
                Err(PyValueError::new_err("longest: goes without edges, which say it themselves"))
            }
            (None, None) => {
                Err(PyTypeError::new_err("edges: are missing: give them, or the longest length"))
            }
        }
    }
}

impl SchedulerConfig {
    /// Of a scheduler that runs: `made` is what it was made of.
    pub fn current(made: &Self, edges: multibin::Edges, config: Config) -> Self {
        let longest = made.longest.filter(|_| made.edges == edges);
        let config = Config { max_bins: made.config.max_bins, ..config };
        Self { edges, config, longest }
    }

    fn checked(self) -> PyResult<Self> {
        let ageing = self.config.ageing.unwrap_or_default();
        self.config.validate(&self.edges).map_err(|error| match error {
            ConfigError::AgeingOrder(_) => ageing_beside(ageing, self.order_name()),
            _ => errors::config(error),
        })?;
        self.adapts()?;
        Ok(self)
    }

    /// Whether `adapt` could ever change anything.
    fn adapts(&self) -> PyResult<()> {
        let Some(adapt) = &self.config.adapt else { return Ok(()) };
        let fitted = adapt.bins.unwrap_or(0);
        let queues = self.config.max_bins.unwrap_or(self.edges.bins().max(fitted));
        let message = match adapt.bins {
            _ if queues == 1 => {
                "there is one bin, and never another: give max_bins or Adapt(bins=…)"
            }
            Some(1) if adapt.edges => "bins = 1 leave no edges to fit: give Adapt more bins",
            _ => return Ok(()),
        };
        Err(PyValueError::new_err(format!("adapt: {message}")))
    }

    fn order_name(&self) -> &'static str {
        self.config.order.map_or("", |order| words::name(order, words::ORDERS))
    }

    /// The arguments that differ from their defaults, as Python writes them.
    fn arguments(&self) -> Vec<String> {
        let Config { capacity, max_wait, fill, order, overrun, .. } = &self.config;
        let Config { max_parked, max_bins, ageing, budget, max_padding, adapt, .. } = &self.config;
        let sizes = self.config.batch_sizes.as_ref();
        let sizes = sizes.map_or(self.config.batch_size.to_string(), |sizes| format!("{sizes:?}"));
        let mut all = vec![show::edges(&self.edges), format!("batch_size={sizes}")];
        let mut add = |name: &str, value: Option<String>| {
            all.extend(value.map(|value| format!("{name}={value}")));
        };
        add("capacity", (*capacity != Config::new(1).capacity).then(|| capacity.to_string()));
        add("max_wait", max_wait.map(show::seconds));
        add("fill", (*fill != Fill::default()).then(|| words::quoted(*fill, words::FILLS)));
        add("order", order.map(|order| words::quoted(order, words::ORDERS)));
        let usual = *overrun == Overrun::default();
        add("overrun", (!usual).then(|| words::quoted(*overrun, words::OVERRUNS)));
        add("max_parked", max_parked.map(|most| most.to_string()));
        add("max_bins", max_bins.map(|most| most.to_string()));
        add("ageing", ageing.map(|ageing| format!("{ageing:?}")));
        add("budget", budget.map(|budget| budget.max().to_string()));
        let costs = matches!(budget, Some(Budget::Sum(_)));
        add("budget_of", costs.then(|| "\"cost\"".to_owned()));
        add("max_padding", max_padding.map(|share| format!("{share:?}")));
        add("adapt", adapt.as_ref().map(show::adapt));
        all
    }
}

#[pymethods]
impl SchedulerConfig {
    #[new]
    #[pyo3(signature = (edges: "Edges | None" = None, batch_size = Missing::Not, *, longest = None, capacity: "int" = 65_536, max_wait = None, fill: "Literal['elastic', 'strict']" = "elastic", order: "Literal['formed', 'oldest', 'shortest', 'deadline'] | None" = None, overrun: "Literal['finish', 'climb', 'recompute']" = "finish", max_parked: "int | None" = None, max_bins: "int | None" = None, ageing = None, budget: "int | None" = None, budget_of: "Literal['padded', 'cost']" = "padded", max_padding = None, adapt: "Adapt | None" = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of the class")]
    fn new(
        #[pyo3(from_py_with = maybe::edges)] edges: Option<Py<Edges>>,
        batch_size: Missing<'_>,
        longest: Option<Number<'_>>,
        #[pyo3(from_py_with = whole::capacity)] capacity: usize,
        max_wait: Option<Number<'_>>,
        #[pyo3(from_py_with = word::fill)] fill: &str,
        #[pyo3(from_py_with = maybe::order)] order: Option<&str>,
        #[pyo3(from_py_with = word::overrun)] overrun: &str,
        max_parked: Option<Count<'_>>,
        max_bins: Option<Count<'_>>,
        ageing: Option<Number<'_>>,
        budget: Option<Count<'_>>,
        #[pyo3(from_py_with = word::budget_of)] budget_of: &str,
        max_padding: Option<Number<'_>>,
        #[pyo3(from_py_with = maybe::adapt)] adapt: Option<Py<Adapt>>,
    ) -> PyResult<Self> {
        let given = Given {
            edges,
            batch_size,
            longest,
            capacity,
            max_wait,
            fill,
            order,
            overrun,
            max_parked,
            max_bins,
            ageing,
            budget,
            budget_of,
            max_padding,
            adapt,
        };
        given.check()
    }

    /// The map from lengths to bins.
    #[getter]
    fn edges(&self) -> Edges {
        Edges(self.edges.clone())
    }

    /// The rows of a full batch: one number, or one for each bin.
    #[getter]
    fn batch_size(&self) -> BatchSize {
        match &self.config.batch_sizes {
            Some(sizes) => BatchSize::Each(sizes.clone()),
            None => BatchSize::All(self.config.batch_size),
        }
    }

    /// The longest length that was given in the place of edges.
    #[getter]
    fn longest(&self) -> Option<u32> {
        self.longest
    }

    /// The most requests that wait or are leased.
    #[getter]
    fn capacity(&self) -> usize {
        self.config.capacity
    }

    /// Seconds in a queue after which a request is overdue.
    #[getter]
    fn max_wait(&self) -> Option<f64> {
        self.config.max_wait.map(|wait| wait.as_secs_f64())
    }

    /// Whether batches leave while no bin is full.
    #[getter]
    fn fill(&self) -> FillWord {
        FillWord(words::name(self.config.fill, words::FILLS))
    }

    /// Which full bin goes first; ``None``: as ``overrun`` and ``ageing`` have it.
    #[getter]
    fn order(&self) -> Option<OrderWord> {
        self.config.order.map(|order| OrderWord(words::name(order, words::ORDERS)))
    }

    /// What happens to a request that is longer than its bin.
    #[getter]
    fn overrun(&self) -> OverrunWord {
        OverrunWord(words::name(self.config.overrun, words::OVERRUNS))
    }

    /// How many climbers wait before nothing but overdue requests starts.
    #[getter]
    fn max_parked(&self) -> Option<usize> {
        self.config.max_parked
    }

    /// The most bins there may ever be.
    #[getter]
    fn max_bins(&self) -> Option<usize> {
        self.config.max_bins
    }

    /// Seconds per step by which a unit of priority puts a request off.
    #[getter]
    fn ageing(&self) -> Option<f64> {
        self.config.ageing
    }

    /// The most that a batch costs.
    #[getter]
    fn budget(&self) -> Option<u64> {
        self.config.budget.map(Budget::max)
    }

    /// What the budget counts.
    #[getter]
    fn budget_of(&self) -> words::BudgetWord {
        let costs = matches!(self.config.budget, Some(Budget::Sum(_)));
        words::BudgetWord(if costs { "cost" } else { "padded" })
    }

    /// The most padding beside which rows of other bins join.
    #[getter]
    fn max_padding(&self) -> Option<f64> {
        self.config.max_padding
    }

    /// How edges follow the traffic and a gate watches the predictions.
    #[getter]
    fn adapt(&self) -> Option<Adapt> {
        self.config.adapt.map(Adapt)
    }

    /// Pickles and copies by value.
    #[pyo3(signature = () -> "tuple[tuple[()], dict[str, object]]")]
    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<((), Bound<'py, PyDict>)> {
        let given = PyDict::new(py);
        match self.longest {
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
        Ok(((), given))
    }

    fn __repr__(&self) -> String {
        format!("SchedulerConfig({})", self.arguments().join(", "))
    }
}

/// One number, or one for each bin.
#[derive(IntoPyObject)]
pub enum BatchSize {
    All(u32),
    Each(Vec<u32>),
}

fn ageing_beside(ageing: f64, order: &str) -> PyErr {
    let message = "goes with order = \"oldest\" or \"shortest\", not with order";
    PyValueError::new_err(format!("ageing: {ageing} {message} = {order:?}"))
}
