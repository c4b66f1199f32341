//! Adaptation as a state machine, without clock or threads.

use std::collections::VecDeque;

use super::event::Event;
use super::fit::{Fit, Job};
use super::gate::Gate;
use super::report::Adaptation;
use super::sample::Sample;
use crate::config::{Adapt, Overrun};
use crate::edges::Edges;
use crate::policy::Rules;

/// Limit of the events that are kept until a caller asks for them; then the oldest are dropped.
const MAX_EVENTS: usize = 64;

/// Adaptation as a state machine: takes finished requests, turns the gate, hands out fits.
///
/// It knows no clock and no threads. Its owner runs each [`Job`] and puts the edges to use.
#[derive(Debug)]
pub(crate) struct Adapter {
    adapt: Adapt,
    /// Largest number of bins of fitted edges.
    max_bins: usize,
    batch_size: u32,
    /// True if requests climb and keep their state.
    climbs: bool,
    /// Edges in use while the gate is open.
    edges: Edges,
    gate: Option<Gate>,
    sample: Sample,
    /// True while a job runs.
    fitting: bool,
    /// Number of changes that make the result of an earlier job useless.
    epoch: u64,
    report: Adaptation,
    events: VecDeque<Event>,
}

impl Adapter {
    /// Makes an adapter for a scheduler with so many `queues`.
    pub(crate) fn new(adapt: Adapt, edges: Edges, queues: usize, rules: &Rules) -> Self {
        let batch_size = rules.max_batch_size;
        Self {
            adapt,
            max_bins: adapt.bins.unwrap_or(queues),
            batch_size,
            climbs: rules.overrun == Overrun::Climb,
            gate: adapt.gate.then(|| Gate::new(edges.clone(), batch_size)),
            sample: Sample::new(edges.clone(), adapt.window),
            edges,
            fitting: false,
            epoch: 0,
            report: Adaptation::default(),
            events: VecDeque::new(),
        }
    }

    /// Returns the edges in use while the gate is open.
    pub(crate) fn edges(&self) -> &Edges {
        &self.edges
    }

    /// Returns true while the gate is open, and without a gate.
    pub(crate) fn is_open(&self) -> bool {
        self.gate.as_ref().is_none_or(Gate::is_open)
    }

    /// Observes a finished request. Returns true if the gate turned.
    ///
    /// Calls `entered` before an evaluation. That returns how many requests entered each bin since
    /// its last call, if they went to the bins of their predictions.
    pub(crate) fn observe(
        &mut self,
        predicted: u32,
        actual: u32,
        entered: impl FnOnce() -> Option<Vec<u64>>,
    ) -> bool {
        let mut sample_is_due = false;
        if self.adapt.edges {
            self.sample.push(predicted, actual);
            sample_is_due = self.sample.is_due();
        }
        let mut gate_is_due = false;
        if let Some(gate) = &mut self.gate {
            gate.push(predicted, actual);
            gate_is_due = gate.is_due();
        }
        if sample_is_due || gate_is_due {
            self.update_masses(entered().as_deref());
        }
        if sample_is_due && !self.fitting {
            self.report.drifts += u64::from(self.sample.forget_after_drift());
        }
        gate_is_due && self.evaluate_gate()
    }

    fn update_masses(&mut self, arrived: Option<&[u64]>) {
        if self.adapt.edges {
            self.sample.update_masses(arrived);
        }
        if let Some(gate) = &mut self.gate {
            gate.update_masses(arrived);
        }
    }

    /// Evaluates the gate and returns true if it turned.
    fn evaluate_gate(&mut self) -> bool {
        let Some(gate) = &mut self.gate else { return false };
        let before = gate.is_open();
        gate.evaluate();
        if gate.is_open() == before {
            return false;
        }
        let gain = gate.gain().expect("a gate turns by its gain");
        self.record_turn(gain);
        true
    }

    fn record_turn(&mut self, gain: f64) {
        if self.is_open() {
            self.report.opened += 1;
            self.record(Event::Opened { gain });
        } else {
            self.report.closed += 1;
            self.record(Event::Closed { gain });
        }
    }

    /// Returns a fit that is due, if none runs. The caller must end it with [`Adapter::apply`] or
    /// [`Adapter::abandon`].
    pub(crate) fn job(&mut self) -> Option<Job> {
        if !self.adapt.edges || self.fitting || !self.sample.may_fit(self.adapt.every) {
            return None;
        }
        self.fitting = true;
        let requests = self.sample.take();
        // Without predictions, or with useless ones, climbers start in the first level.
        let useful = self.is_open() && requests.iter().any(|request| request.predicted > 0);
        Some(Job {
            requests,
            arrivals: self.sample.arrivals(),
            current: self.edges.clone(),
            bins: self.max_bins,
            batch_size: self.batch_size,
            levels: (self.climbs && !useful).then_some(self.adapt.overhead),
            hysteresis: self.adapt.hysteresis,
            epoch: self.epoch,
        })
    }

    /// Applies the result of a job. Returns true if it changed the edges.
    pub(crate) fn apply(&mut self, fit: Fit) -> bool {
        self.fitting = false;
        self.report.fits += 1;
        if fit.epoch != self.epoch {
            return false;
        }
        self.sample.compare_with(fit.fitted);
        let Some((edges, gain)) = fit.better else { return false };
        self.report.swaps += 1;
        self.record(Event::Swapped { bins: edges.bins(), gain });
        self.edges = edges;
        self.adjust();
        true
    }

    /// Abandons a job that could not run.
    pub(crate) fn abandon(&mut self) {
        self.fitting = false;
    }

    /// Follows a caller's change of edges or batch size.
    ///
    /// Other edges are in use at once: the gate opens, whatever it found with the edges before, and
    /// evaluates a new window.
    pub(crate) fn reconfigure(&mut self, edges: Option<&Edges>, batch_size: Option<u32>) {
        self.epoch += u64::from(edges.is_some() || batch_size.is_some());
        self.batch_size = batch_size.unwrap_or(self.batch_size);
        if let Some(edges) = edges {
            self.edges = edges.clone();
            self.report.opened += u64::from(!self.is_open());
            self.gate = self.adapt.gate.then(|| Gate::new(edges.clone(), self.batch_size));
        }
        self.adjust();
    }

    /// Passes changed edges or batch size to the sample and the gate.
    fn adjust(&mut self) {
        self.sample.set_edges(self.edges.clone());
        if let Some(gate) = &mut self.gate {
            gate.adjust(self.edges.clone(), self.batch_size);
        }
    }

    fn record(&mut self, event: Event) {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Takes the events since the last call.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.events.drain(..).collect()
    }

    /// Returns the counters and the state of the gate.
    pub(crate) fn report(&self) -> Adaptation {
        let gain = self.gate.as_ref().and_then(Gate::gain);
        Adaptation { open: self.is_open(), gain, ..self.report }
    }
}
