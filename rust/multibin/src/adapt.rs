//! Edges that follow the traffic, and the gate: what the live scheduler and the simulation share.

mod fit;
mod gain;
mod gate;
mod reference;
mod sample;
mod strata;

use std::collections::VecDeque;
use std::fmt;

use crate::config::{Adapt, Overrun};
use crate::edges::Edges;
use crate::policy::Rules;

pub(crate) use fit::{Fit, Job};
pub use gate::Gate;
use sample::Sample;

/// The most events that are kept for who asks for them; then the oldest go.
const EVENTS: usize = 64;

/// Something that adaptation did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// The gate closed: from now on requests go to the first bin.
    Closed {
        /// What bins gain, as a factor.
        gain: f64,
    },
    /// The gate opened: requests go to the bins of their predictions.
    Opened {
        /// What bins gain, as a factor.
        gain: f64,
    },
    /// Other edges are in use.
    Swapped {
        /// How many bins they have.
        bins: usize,
        /// What the throughput in saturation gains by them, as a share.
        gain: f64,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { gain } => {
                write!(f, "gate closed: bins gain {gain:.3} x; new requests go to the first bin")
            }
            Self::Opened { gain } => write!(f, "gate opened: bins gain {gain:.3} x"),
            Self::Swapped { bins, gain } => {
                write!(f, "edges swapped: {bins} bins, {:.1} % more throughput", gain * 100.0)
            }
        }
    }
}

/// What adaptation did so far, and where the gate stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adaptation {
    /// Whether requests go to the bins of their predictions.
    pub open: bool,
    /// What bins gain, as the gate last found it.
    pub gain: Option<f64>,
    /// How often the gate closed.
    pub closed: u64,
    /// How often it opened again, by its gain or because other edges were given.
    pub opened: u64,
    /// Fits of edges.
    pub fits: u64,
    /// Fits that were put to use.
    pub swaps: u64,
    /// Changes of the traffic that were noticed before the next fit was due.
    pub drifts: u64,
}

impl Default for Adaptation {
    /// Nothing happened; an open gate.
    fn default() -> Self {
        Self { open: true, gain: None, closed: 0, opened: 0, fits: 0, swaps: 0, drifts: 0 }
    }
}

/// Judges finished requests. Knows no clock and no threads: whoever runs it fits the [`Job`]s that it
/// gives and puts to use what it says.
#[derive(Debug)]
pub(crate) struct Adapter {
    adapt: Adapt,
    /// The most bins of fitted edges.
    bins: usize,
    batch_size: u32,
    /// Whether requests climb with their state.
    climbs: bool,
    /// In use while the gate is open.
    edges: Edges,
    gate: Option<Gate>,
    sample: Sample,
    /// Whether a job is under way.
    fitting: bool,
    /// Counts what makes jobs that are under way worthless.
    epoch: u64,
    so_far: Adaptation,
    events: VecDeque<Event>,
}

impl Adapter {
    /// `queues`: the most bins there may be.
    pub(crate) fn new(adapt: Adapt, edges: Edges, queues: usize, rules: &Rules) -> Self {
        let batch_size = rules.max_batch_size;
        Self {
            adapt,
            bins: adapt.bins.unwrap_or(queues),
            batch_size,
            climbs: rules.overrun == Overrun::Climb,
            gate: adapt.gate.then(|| Gate::new(edges.clone(), batch_size)),
            sample: Sample::new(edges.clone(), adapt.window),
            edges,
            fitting: false,
            epoch: 0,
            so_far: Adaptation::default(),
            events: VecDeque::new(),
        }
    }

    /// The edges in use, while the gate is open.
    pub(crate) fn edges(&self) -> &Edges {
        &self.edges
    }

    /// Whether the gate is open.
    pub(crate) fn is_open(&self) -> bool {
        self.gate.as_ref().is_none_or(Gate::is_open)
    }

    /// A request is finished. Whether the gate turned. `entered` is called now and then: how many
    /// requests came into each bin since it was last, if they went to the bins of their predictions.
    pub(crate) fn observe(
        &mut self,
        predicted: u32,
        actual: u32,
        entered: impl FnOnce() -> Option<Vec<u64>>,
    ) -> bool {
        let mut looks = false;
        if self.adapt.edges {
            self.sample.push(predicted, actual);
            looks = self.sample.is_due();
        }
        let mut gate_looks = false;
        if let Some(gate) = &mut self.gate {
            gate.push(predicted, actual);
            gate_looks = gate.is_due();
        }
        if looks || gate_looks {
            self.weigh(entered().as_deref());
        }
        if looks && !self.fitting {
            self.so_far.drifts += u64::from(self.sample.forget_after_drift());
        }
        gate_looks && self.look()
    }

    fn weigh(&mut self, arrived: Option<&[u64]>) {
        if self.adapt.edges {
            self.sample.weigh(arrived);
        }
        if let Some(gate) = &mut self.gate {
            gate.weigh(arrived);
        }
    }

    /// Whether the gate turned.
    fn look(&mut self) -> bool {
        let Some(gate) = &mut self.gate else { return false };
        let before = gate.is_open();
        gate.look();
        if gate.is_open() == before {
            return false;
        }
        let gain = gate.gain().expect("a gate turns by its gain");
        self.turned(gain);
        true
    }

    fn turned(&mut self, gain: f64) {
        if self.is_open() {
            self.so_far.opened += 1;
            self.tell(Event::Opened { gain });
        } else {
            self.so_far.closed += 1;
            self.tell(Event::Closed { gain });
        }
    }

    /// A fit that is due, if none is under way; to be given back to [`Adapter::fitted`] or
    /// [`Adapter::give_up`].
    pub(crate) fn job(&mut self) -> Option<Job> {
        if !self.adapt.edges || self.fitting || !self.sample.may_fit(self.adapt.every) {
            return None;
        }
        self.fitting = true;
        let requests = self.sample.take();
        // Predictions that tell nothing, or are not made, start who climbs in the first level.
        let told = self.is_open() && requests.iter().any(|request| request.predicted > 0);
        Some(Job {
            requests,
            arrivals: self.sample.arrivals(),
            current: self.edges.clone(),
            bins: self.bins,
            batch_size: self.batch_size,
            levels: (self.climbs && !told).then_some(self.adapt.overhead),
            hysteresis: self.adapt.hysteresis,
            epoch: self.epoch,
        })
    }

    /// Whether the edges changed by this fit.
    pub(crate) fn fitted(&mut self, fit: Fit) -> bool {
        self.fitting = false;
        self.so_far.fits += 1;
        if fit.epoch != self.epoch {
            return false;
        }
        self.sample.refer(fit.reference);
        let Some((edges, gain)) = fit.better else { return false };
        self.so_far.swaps += 1;
        self.tell(Event::Swapped { bins: edges.bins(), gain });
        self.edges = edges;
        self.adjust();
        true
    }

    /// The job could not be run.
    pub(crate) fn give_up(&mut self) {
        self.fitting = false;
    }

    /// Somebody else changed edges or batch size. Other edges are in use at once, whatever the gate
    /// found with those before: it opens, and looks at a new window.
    pub(crate) fn reconfigured(&mut self, edges: Option<&Edges>, batch_size: Option<u32>) {
        self.epoch += u64::from(edges.is_some() || batch_size.is_some());
        self.batch_size = batch_size.unwrap_or(self.batch_size);
        if let Some(edges) = edges {
            self.edges = edges.clone();
            self.so_far.opened += u64::from(!self.is_open());
            self.gate = self.adapt.gate.then(|| Gate::new(edges.clone(), self.batch_size));
        }
        self.adjust();
    }

    /// Other edges or another batch size are in use.
    fn adjust(&mut self) {
        self.sample.set_edges(self.edges.clone());
        if let Some(gate) = &mut self.gate {
            gate.adjust(self.edges.clone(), self.batch_size);
        }
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// What happened since this was last asked.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.events.drain(..).collect()
    }

    pub(crate) fn so_far(&self) -> Adaptation {
        let gain = self.gate.as_ref().and_then(Gate::gain);
        Adaptation { open: self.is_open(), gain, ..self.so_far }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
