//! Random configurations and programs.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use crate::costs::BatchTimes;
use crate::{Budget, Config, Fill, Options, Order, Overrun, Setting};

pub(super) const WORKERS: usize = 2;
pub(super) const BOUNDS: [&[u32]; 3] = [&[0, 100], &[5, 20, 40], &[0, 8, 16, 32, 64, 65]];
/// Queues: more than any of the bounds have bins.
pub(super) const QUEUES: usize = 7;

/// A step of a program.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Submit(u32, Options),
    SubmitMany(Vec<u32>, Options),
    /// Nanoseconds pass.
    Tick(u64),
    Next(usize),
    /// Chooses an open batch by the first number, lets these rows climb by so much, and ends it.
    Resubmit(usize, Vec<bool>, u32, bool),
    Done(usize),
    Drop(usize),
    Close,
    /// Cancels the request that was accepted so many before the last.
    Cancel(u64),
    /// Other bounds, another batch size, another bound of climbers, another budget.
    Reconfigure(Option<usize>, Option<u32>, Setting<usize>, u64),
    /// Other costs.
    Costs(Setting<Arc<BatchTimes>>),
    DropWorker(usize),
}

pub(super) fn ops() -> impl Strategy<Value = Op> {
    let length = 0u32..70;
    prop_oneof![
        8 => (length.clone(), options()).prop_map(|(length, options)| Op::Submit(length, options)),
        3 => (prop::collection::vec(length, 0..20), options())
            .prop_map(|(lengths, options)| Op::SubmitMany(lengths, options)),
        6 => (0u64..1_000).prop_map(Op::Tick),
        10 => (0..WORKERS).prop_map(Op::Next),
        4 => (any::<usize>(), prop::collection::vec(any::<bool>(), 8), 0u32..30, any::<bool>())
            .prop_map(|(batch, rows, by, anywhere)| Op::Resubmit(batch, rows, by, anywhere)),
        3 => any::<usize>().prop_map(Op::Done),
        1 => any::<usize>().prop_map(Op::Drop),
        1 => Just(Op::Close),
        4 => (0u64..100).prop_map(Op::Cancel),
        2 => reconfigurations(),
        1 => prop_oneof![Just(Setting::Unset), costs().prop_map(Setting::Set)].prop_map(Op::Costs),
        1 => (0..WORKERS).prop_map(Op::DropWorker),
    ]
}

fn options() -> impl Strategy<Value = Options> + Clone {
    let ttl = prop::option::weighted(0.2, (0u64..3_000).prop_map(Duration::from_nanos));
    (prop::option::of(0u32..40), 0u32..3, ttl).prop_map(|(cost, priority, ttl)| Options {
        cost,
        priority,
        ttl,
    })
}

fn reconfigurations() -> impl Strategy<Value = Op> {
    let bounds = prop::option::of(0..BOUNDS.len());
    let parked = prop_oneof![
        2 => Just(Setting::Keep),
        1 => Just(Setting::Unset),
        1 => (0usize..20).prop_map(Setting::Set),
    ];
    (bounds, prop::option::of(1u32..6), parked, 1u64..300)
        .prop_map(|(bounds, size, parked, budget)| Op::Reconfigure(bounds, size, parked, budget))
}

/// Returns the seconds of batches: any, also such that many cuts are equally good.
fn costs() -> impl Strategy<Value = Arc<BatchTimes>> {
    let seconds = prop_oneof![
        prop::collection::vec(0.0..9.0, 9),
        prop::collection::vec((0u8..3).prop_map(f64::from), 9),
    ];
    (seconds, 1u32..8).prop_map(|(seconds, max_rows)| {
        Arc::new(BatchTimes::new(vec![1, 2, 5], vec![0, 16, 60], seconds, max_rows).unwrap())
    })
}

pub(super) fn configs() -> impl Strategy<Value = Config> {
    let costs = prop::option::weighted(0.4, costs());
    (sizes(), choices(), limits(), costs).prop_map(|(sizes, choices, limits, costs)| {
        let (batch_size, batch_sizes, capacity) = sizes;
        let (mut fill, order, mut overrun, ageing) = choices;
        if costs.is_some() {
            (fill, overrun) = (Fill::Elastic, Overrun::Finish);
        }
        let (budget, max_padding, max_parked, max_wait) = limits;
        Config {
            batch_sizes,
            budget,
            max_padding,
            ageing: ageing.filter(|_| !matches!(order, Some(Order::Formed | Order::Deadline))),
            max_wait,
            capacity,
            max_parked,
            fill,
            order,
            overrun,
            max_bins: Some(QUEUES),
            costs,
            ..Config::new(batch_size)
        }
    })
}

fn sizes() -> impl Strategy<Value = (u32, Option<Vec<u32>>, usize)> {
    let sizes = prop::option::weighted(0.3, prop::collection::vec(1u32..6, QUEUES));
    (1u32..6, sizes, 6usize..60)
}

fn choices() -> impl Strategy<Value = (Fill, Option<Order>, Overrun, Option<f64>)> {
    let fill = prop_oneof![Just(Fill::Elastic), Just(Fill::Strict)];
    let order = prop::sample::select(vec![
        None,
        Some(Order::Formed),
        Some(Order::Oldest),
        Some(Order::Shortest),
        Some(Order::Deadline),
    ]);
    let overrun = prop_oneof![Just(Overrun::Finish), Just(Overrun::Climb)];
    (fill, order, overrun, prop::option::weighted(0.3, 0.0..20e-9))
}

type Limits = (Option<Budget>, Option<f64>, Option<usize>, Option<Duration>);

fn limits() -> impl Strategy<Value = Limits> {
    let budget = prop::option::weighted(0.4, (any::<bool>(), 1u64..300)).prop_map(|budget| {
        budget.map(|(padded, max)| if padded { Budget::Padded(max) } else { Budget::Sum(max) })
    });
    let max_padding = prop::option::weighted(0.3, 0.0..0.9);
    let max_parked = prop_oneof![Just(None), (0usize..20).prop_map(Some)];
    let max_wait = prop::option::weighted(0.2, (0u64..3_000).prop_map(Duration::from_nanos));
    (budget, max_padding, max_parked, max_wait)
}
