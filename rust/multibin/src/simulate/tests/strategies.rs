//! Random workloads, configurations and servers, for the tests of the simulation.

use std::time::Duration;

use proptest::prelude::*;

use crate::config::{Budget, Config, Fill, Order, Overrun};
use crate::costs::{Completion, CostModel, CostTable, Costs, Counts, LinearCosts, Measurements};
use crate::edges::Edges;
use crate::simulate::arrivals::Arrivals;
use crate::simulate::workload::{Servers, Workload};

/// The bounds of the bins.
const BOUNDS: [u32; 6] = [0, 8, 16, 32, 64, 65];

/// Coefficients in whole nanoseconds: no sum is rounded.
pub(in crate::simulate) const LINEAR: LinearCosts = LinearCosts {
    fixed: 0.05,
    prompt_token: 0.003,
    moved_row: 0.02,
    step: 0.02,
    row_step: 0.001,
    kv_token: 0.0001,
    padded_token: 0.0002,
};

/// Returns a table by which more rows and tokens take longer, not in proportion.
pub(in crate::simulate) fn table(counts: Counts) -> CostTable {
    let table = CostTable::new(Measurements {
        rows: vec![1, 3],
        tokens: vec![2, 20, 50],
        step: vec![0.01, 0.02, 0.03, 0.015, 0.03, 0.06],
        prefill: vec![0.05, 0.1, 0.3, 0.07, 0.2, 0.6],
        moved: vec![0.01, 0.02, 0.03, 0.02, 0.03, 0.04],
        counts,
    });
    table.expect("the grids fit their axes")
}

prop_compose! {
    /// Generates up to 150 requests; a third of them arrive together with their predecessor.
    pub(in crate::simulate) fn workloads()(
        requests in prop::collection::vec((0u64..900_000_000, 0u32..60, 1u32..60, 0u32..9), 1..150),
        shares in prop::option::of(prop::collection::vec(0u32..9, 150)),
    ) -> Workload {
        let mut arrival = 0;
        let mut arrivals = Vec::new();
        let mut workload = Workload::default();
        for (gap, predicted, actual, prompt) in requests {
            arrival += if gap % 3 == 0 { 0 } else { gap };
            arrivals.push(arrival);
            workload.predicted.push(predicted);
            workload.actual.push(actual);
            workload.prompts.push(prompt);
        }
        workload.arrivals = Arrivals::At(arrivals);
        // Without shares no prompt is cached.
        for (prompt, share) in workload.prompts.iter().zip(shares.iter().flatten()) {
            workload.cached.push(*share.min(prompt));
        }
        workload
    }
}

/// Returns the times of an open loop.
pub(in crate::simulate) fn times(workload: &Workload) -> &[u64] {
    match &workload.arrivals {
        Arrivals::At(times) => times,
        Arrivals::Users { .. } => panic!("a closed loop has no times"),
    }
}

pub(in crate::simulate) fn overruns() -> impl Strategy<Value = Overrun> {
    prop_oneof![Just(Overrun::Finish), Just(Overrun::Climb), Just(Overrun::Recompute)]
}

fn orders() -> impl Strategy<Value = Option<Order>> {
    let orders = [Order::Formed, Order::Oldest, Order::Shortest, Order::Deadline];
    prop_oneof![Just(None), prop::sample::select(orders.to_vec()).prop_map(Some)]
}

fn budgets() -> impl Strategy<Value = Option<Budget>> {
    let sum = (1u64..200).prop_map(|max| Some(Budget::Sum(max)));
    let padded = (1u64..200).prop_map(|max| Some(Budget::Padded(max)));
    prop_oneof![3 => Just(None), 1 => sum, 1 => padded]
}

prop_compose! {
    pub(in crate::simulate) fn configs()(
        batch_size in 1u32..6,
        batch_sizes in prop::option::of(prop::collection::vec(1u32..6, BOUNDS.len() - 1)),
        fill in prop_oneof![Just(Fill::Elastic), Just(Fill::Strict)],
        overrun in overruns(),
        order in orders(),
        budget in budgets(),
        max_padding in prop::option::of(0.0..1.0f64),
        max_parked in prop::option::of(0usize..20),
        max_wait in prop::option::of(0u64..5_000_000_000),
    ) -> Config {
        let max_wait = max_wait.map(Duration::from_nanos);
        let config = Config::new(batch_size);
        let limits = Config { budget, max_padding, max_wait, max_parked, ..config };
        Config { batch_sizes, fill, order, overrun, ..limits }
    }
}

fn all_costs() -> impl Strategy<Value = Costs> {
    let free = LinearCosts { step: 0.02, ..LinearCosts::default() };
    let costs = [CostModel::from(LINEAR), free.into(), table(Counts::Mean).into()];
    (
        prop::sample::select(costs.to_vec()),
        prop_oneof![Just(Completion::Batch), Just(Completion::Row)],
    )
        .prop_map(|(cost, completes)| Costs { model: cost, completes })
}

prop_compose! {
    pub(in crate::simulate) fn servers()(
        count in 1usize..6,
        costs in all_costs(),
        drain in any::<bool>(),
        gate in any::<bool>(),
    ) -> Servers {
        Servers { drain, gate, ..Servers::new(count, costs) }
    }
}

/// Generates open loops, and closed ones whose pauses are the gaps of the open one.
pub(in crate::simulate) fn loads() -> impl Strategy<Value = Workload> {
    (workloads(), prop::option::of(1usize..9)).prop_map(|(workload, users)| {
        let Some(count) = users else { return workload };
        let before = times(&workload).iter().fold(vec![0], |mut times, &time| {
            times.push(time);
            times
        });
        let pauses = before.windows(2).map(|pair| pair[1] - pair[0]).collect();
        Workload { arrivals: Arrivals::Users { count, pauses }, ..workload }
    })
}

pub(in crate::simulate) fn edges() -> Edges {
    Edges::new(&BOUNDS).unwrap()
}

/// Returns the number of rows of the largest batch.
pub(in crate::simulate) fn largest(config: &Config) -> u32 {
    let sizes = config.batch_sizes.as_deref();
    sizes.and_then(|sizes| sizes.iter().copied().max()).unwrap_or(config.batch_size)
}

/// Generates how many rows a server holds beside those of a batch.
pub(in crate::simulate) fn rooms() -> impl Strategy<Value = Option<usize>> {
    prop::option::of(0usize..8)
}

/// Limits the resident rows to a batch and `room`, if the configuration allows a limit.
pub(in crate::simulate) fn with_room(
    servers: Servers,
    config: &Config,
    room: Option<usize>,
) -> Servers {
    let strict_climbers = (config.fill, config.overrun) == (Fill::Strict, Overrun::Climb);
    let room = room.filter(|_| !strict_climbers);
    Servers { max_resident: room.map(|room| largest(config) as usize + room), ..servers }
}

/// Generates numbers uniform on `[0, 1)`, equal at every call.
fn uniforms(n: usize) -> impl Iterator<Item = f64> {
    let mut state = 1u64;
    std::iter::repeat_with(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    })
    .take(n)
}

/// Returns requests that are all there at the start, with lengths uniform on [lo, hi].
pub(in crate::simulate) fn backlog(n: usize, lo: f64, hi: f64) -> Workload {
    #[expect(clippy::cast_sign_loss, reason = "lengths are positive")]
    let lengths: Vec<u32> = uniforms(n).map(|u| (lo + (hi - lo) * u).round() as u32).collect();
    Workload {
        arrivals: Arrivals::At(vec![0; n]),
        predicted: lengths.clone(),
        actual: lengths,
        prompts: vec![0; n],
        cached: Vec::new(),
    }
}

pub(in crate::simulate) fn one_server(cost: LinearCosts) -> Servers {
    let costs = Costs { model: cost.into(), completes: Completion::Row };
    Servers::new(1, costs)
}
