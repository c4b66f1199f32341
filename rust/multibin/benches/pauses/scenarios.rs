//! What may hold the forming lock for long.

use std::iter::repeat_n;
use std::thread::sleep;
use std::time::{Duration, Instant};

use multibin::{Change, Config, Edges, Fill, Options, Overrun, Scheduler, Worker};

use crate::others;
use crate::random::Random;
use crate::run::{Figures, Other, PACES, Stage, run};

const WAITING: u32 = 1_000_000;
const CAPACITY: usize = 1 << 21;
const BATCH: u32 = 32;
const BINS: u32 = 16;
const CLIMBERS: usize = 100_000;
const HOUR: Duration = Duration::from_secs(3600);

pub struct Scenario {
    pub name: &'static str,
    make: fn() -> Stage,
    /// What happens happens once, so that each pace has a stage of its own.
    once: bool,
}

impl Scenario {
    /// One run of each pace.
    pub fn run(&self) -> Vec<Figures> {
        let all: Vec<usize> = (0..PACES.len()).collect();
        let shares = all.chunks(if self.once { 1 } else { PACES.len() });
        shares.flat_map(|paces| run((self.make)(), paces)).collect()
    }
}

const fn always(name: &'static str, make: fn() -> Stage) -> Scenario {
    Scenario { name, make, once: false }
}

const fn once(name: &'static str, make: fn() -> Stage) -> Scenario {
    Scenario { name, make, once: true }
}

pub const SCENARIOS: [Scenario; 14] = [
    always("nothing else happens", quiet),
    always("two workers", workers),
    always("bulks of 65,536, a worker", bulks),
    always("cancels", cancels),
    always("cancels of ttls", cancelled_ttls),
    always("priorities, a worker", priorities),
    always("priorities, cancels", cancelled_priorities),
    once("a million ttls at once, a worker", ttls),
    once("a million ttls at once, no worker", unattended_ttls),
    once("a worker of 100,000 climbers closes", closing),
    always("reconfigure, a worker", edges),
    always("snapshots of 4,096 bins", snapshots),
    always("200 tasks sleep, 1,024 bins", sleepers),
    always("200 tasks sleep, 1,024 bins, ttls", sleepers_and_ttls),
];

/// A priority, 0 to 3.
fn priority(priority: u32) -> Options {
    Options::new().priority(priority)
}

fn ttl(ttl: Duration) -> Options {
    Options::new().ttl(ttl)
}

fn config() -> Config {
    Config { capacity: CAPACITY, ..Config::new(BATCH) }
}

/// So many bins, each of one length.
fn unit(bins: u32) -> Edges {
    Edges::new(&(0..=bins).collect::<Vec<_>>()).expect("ascending")
}

/// A stage with a million requests whose options, if any, take turns.
fn stage(bins: u32, config: Config, options: &[Options]) -> Stage {
    let scheduler = Scheduler::new(unit(bins), config).expect("a configuration");
    let keys: Vec<u64> = (0..WAITING.into()).collect();
    let mut random = Random::new(1, 0, 0);
    let lengths: Vec<u32> = keys.iter().map(|_| random.below(bins)).collect();
    let each: Vec<Options> = if options.is_empty() {
        Vec::new()
    } else {
        keys.iter().map(|_| options[random.below(options.len() as u32) as usize]).collect()
    };
    scheduler.submit_many_with(&keys, &lengths, &each).expect("there is room");
    let options = options.first().copied().unwrap_or_default();
    Stage { scheduler, options, longest: bins, others: Vec::new() }
}

fn quiet() -> Stage {
    stage(BINS, config(), &[])
}

fn workers() -> Stage {
    let mut stage = quiet();
    stage.others = repeat_n((), 2).map(|()| others::work(&stage.scheduler)).collect();
    stage
}

fn bulks() -> Stage {
    let mut stage = stage(BINS, Config { batch_size: 1024, ..config() }, &[]);
    stage.others = vec![others::submit_many(&stage.scheduler, 1 << 16, BINS)];
    stage
}

/// Cancels what is left of the million in an order of its own, after nearly half of it: a queue closes its holes when
/// they are more than its entries.
fn cancelling(scheduler: &Scheduler) -> Other {
    // Coprime to a million, so that each ticket comes once.
    let mut order = (0..u64::from(WAITING)).map(|i| i * 618_033 % u64::from(WAITING));
    let mut before = order.by_ref().take(WAITING as usize * 49 / 100);
    assert!(before.all(|ticket| scheduler.cancel(ticket)));
    others::cancel(scheduler, order)
}

fn cancels() -> Stage {
    let mut stage = quiet();
    stage.others = vec![cancelling(&stage.scheduler)];
    stage
}

fn cancelled_ttls() -> Stage {
    let mut stage = stage(BINS, config(), &[ttl(HOUR), ttl(2 * HOUR)]);
    stage.others = vec![cancelling(&stage.scheduler)];
    stage
}

fn aged() -> Stage {
    let config = Config { ageing: Some(1e-3), ..config() };
    stage(BINS, config, &[0, 1, 2, 3].map(priority))
}

fn priorities() -> Stage {
    let mut stage = aged();
    stage.others = vec![others::take(&stage.scheduler)];
    stage
}

fn cancelled_priorities() -> Stage {
    let mut stage = aged();
    stage.others = vec![cancelling(&stage.scheduler), others::take(&stage.scheduler)];
    stage
}

/// They end soon after the run has started, unless it takes longer to submit them.
fn unattended_ttls() -> Stage {
    const TTL: Duration = Duration::from_millis(250);
    let start = Instant::now();
    let mut stage = stage(BINS, config(), &[ttl(TTL)]);
    stage.options = Options::default();
    sleep(TTL.saturating_sub(others::ONCE).saturating_sub(start.elapsed()));
    stage
}

fn ttls() -> Stage {
    let mut stage = unattended_ttls();
    stage.others = vec![others::take(&stage.scheduler)];
    stage
}

/// A worker for which so many climbers wait.
fn climb(scheduler: &Scheduler, climbers: usize) -> Worker {
    let worker = scheduler.worker();
    let mut left = climbers;
    while left > 0 {
        let batch = worker.next_batch(None).expect("a batch");
        let rows: Vec<_> = (0..batch.rows().len().min(left)).map(|row| (row, 1)).collect();
        left -= rows.len();
        batch.resubmit(&rows, false).expect("fresh rows");
        batch.done();
    }
    worker
}

fn closing() -> Stage {
    let config = Config { overrun: Overrun::Climb, batch_size: 8192, ..config() };
    let mut stage = stage(BINS, config, &[]);
    let worker = climb(&stage.scheduler, CLIMBERS);
    stage.others = vec![others::close(worker), others::work(&stage.scheduler)];
    stage
}

fn edges() -> Stage {
    let mut stage = quiet();
    let wide = Edges::new(&(0..=BINS).map(|bin| 2 * bin).collect::<Vec<_>>()).expect("ascending");
    stage.others = vec![
        others::change_edges(&stage.scheduler, [unit(BINS), wide]),
        others::work(&stage.scheduler),
    ];
    stage
}

fn snapshots() -> Stage {
    let mut stage = stage(4096, config(), &[]);
    stage.others = vec![others::watch(&stage.scheduler), others::take(&stage.scheduler)];
    stage
}

fn asleep(options: &[Options]) -> Stage {
    let config = Config { fill: Fill::Strict, overrun: Overrun::Climb, ..config() };
    let mut stage = stage(1024, config, options);
    let worker = climb(&stage.scheduler, 1);
    let change = Change { batch_size: Some(CAPACITY as u32), ..Change::default() };
    stage.scheduler.reconfigure(&change).expect("as much as the capacity");
    let tasks = others::sleep_in_tasks(&stage.scheduler, 200);
    // The worker lives as long as the run, and so does its climber.
    let tasks = |running: &_| {
        tasks(running);
        drop(worker);
    };
    stage.others = vec![Box::new(tasks)];
    stage
}

fn sleepers() -> Stage {
    asleep(&[])
}

fn sleepers_and_ttls() -> Stage {
    asleep(&[ttl(HOUR)])
}
