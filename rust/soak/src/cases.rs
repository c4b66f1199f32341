//! The configurations that take turns, and the changes that are made to them under load.

use std::time::Duration;

use multibin::{Change, Config, Edges, Fill, Order, Overrun, Setting};

use crate::random::Random;

/// The most queues of a scheduler.
const MAX_BINS: usize = 6;

/// A configuration, and how the threads of a round use it.
pub struct Case {
    pub config: Config,
    /// Workers wait without a timeout, so that no timeout hides a lost wake-up.
    pub untimed: bool,
    /// One row in so many climbs.
    pub climbs: u32,
    /// Divides the number of requests of a round.
    pub divisor: u32,
}

impl Case {
    /// Returns a number of requests so large that among the last of them some wait.
    pub fn recent(&self) -> u32 {
        self.config.capacity.min(256) as u32 * 2
    }
}

pub const CASES: u64 = 8;

/// Returns the configuration of a round.
///
/// A strict one has a wait bound, or so large a capacity that some bin is always full.
pub fn case(round: u64) -> Case {
    let base = |batch_size, capacity| Config {
        capacity,
        max_bins: Some(MAX_BINS),
        ..Config::new(batch_size)
    };
    let strict = |config| Config { fill: Fill::Strict, ..config };
    let waiting =
        |config, micros| Config { max_wait: Some(Duration::from_micros(micros)), ..config };
    let climbing = |config| Config { overrun: Overrun::Climb, ..config };
    let ordered = |config, order| Config { order: Some(order), ..config };
    let parking = |config, max| Config { max_parked: Some(max), ..config };
    let ageing = |config| Config { ageing: Some(1e-6), ..config };
    let (config, untimed, climbs) = match round % CASES {
        0 => (base(8, 65_536), true, 64),
        1 => (climbing(base(8, 300)), true, 6),
        2 => (waiting(strict(base(8, 300)), 200), false, 64),
        3 => (climbing(strict(base(8, 8192))), true, 6),
        4 => (ordered(waiting(base(12, 2000), 500), Order::Deadline), false, 32),
        5 => (parking(ordered(ageing(climbing(base(8, 1000))), Order::Shortest), 64), true, 4),
        6 => (waiting(parking(climbing(strict(base(4, 100))), 20), 100), true, 3),
        _ => (waiting(ordered(strict(base(2, 8)), Order::Deadline), 50), false, 8),
    };
    // With so small a capacity most batches leave because a request is overdue: that takes time.
    let divisor = if config.capacity < 16 { 16 } else { 1 };
    Case { config, untimed, climbs, divisor }
}

/// Returns one of four sets of edges; a round begins with number 0.
pub fn edges(number: u32) -> Edges {
    let bounds: [&[u32]; 4] =
        [&[0, 8, 16, 32, 64], &[0, 1], &[0, 5, 9, 20, 30, 40, 50], &[0, 16, 32, 64]];
    Edges::new(bounds[number as usize % bounds.len()]).expect("they increase")
}

/// Returns other edges, another batch size or another wait bound.
///
/// A configuration without a wait bound gets none, and one with a bound keeps one.
pub fn change(config: &Config, random: &mut Random) -> Change {
    let max_batch = config.capacity.min(16) as u32;
    let wait = Duration::from_micros(50 + u64::from(random.below(500)));
    Change {
        edges: random.one_in(2).then(|| edges(random.below(4))),
        batch_size: random.one_in(2).then(|| 1 + random.below(max_batch)),
        max_wait: config.max_wait.map_or(Setting::Keep, |_| Setting::Set(wait)),
        ..Change::default()
    }
}
