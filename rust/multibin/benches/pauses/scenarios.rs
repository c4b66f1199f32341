//! Situations that may hold the forming lock for long.

use std::iter::repeat_n;
use std::thread::sleep;
use std::time::{Duration, Instant};

use multibin::{Change, Config, Edges, Fill, Options, Overrun, Scheduler, Worker};

use crate::background;
use crate::random::Random;
use crate::run::{Background, Figures, PACES, Setup, run};

const WAITING: u32 = 1_000_000;
const CAPACITY: usize = 1 << 21;
const BATCH: u32 = 32;
const BINS: u32 = 16;
const CLIMBERS: usize = 100_000;
const HOUR: Duration = Duration::from_secs(3600);

pub struct Scenario {
    pub name: &'static str,
    make: fn() -> Setup,
    /// The event happens once, so that each pace has a set-up of its own.
    once: bool,
}

impl Scenario {
    /// Runs each pace once.
    pub fn run(&self) -> Vec<Figures> {
        let all: Vec<usize> = (0..PACES.len()).collect();
        let shares = all.chunks(if self.once { 1 } else { PACES.len() });
        shares.flat_map(|paces| run((self.make)(), paces)).collect()
    }
}

const fn always(name: &'static str, make: fn() -> Setup) -> Scenario {
    Scenario { name, make, once: false }
}

const fn once(name: &'static str, make: fn() -> Setup) -> Scenario {
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
    always("200 tasks sleep, 1,024 bins", waiting_tasks),
    always("200 tasks sleep, 1,024 bins, ttls", waiting_tasks_and_ttls),
];

fn priority(priority: u32) -> Options {
    Options::new().priority(priority)
}

fn ttl(ttl: Duration) -> Options {
    Options::new().ttl(ttl)
}

fn config() -> Config {
    Config { capacity: CAPACITY, ..Config::new(BATCH) }
}

/// Returns the edges of so many bins, each of one length.
fn unit(bins: u32) -> Edges {
    Edges::new(&(0..=bins).collect::<Vec<_>>()).expect("ascending")
}

/// Returns a set-up with a million requests whose options are drawn from these, if any.
fn setup(bins: u32, config: Config, options: &[Options]) -> Setup {
    let scheduler = Scheduler::new(unit(bins), config).expect("a configuration");
    let keys: Vec<u64> = (0..WAITING.into()).collect();
    let mut random = Random::new();
    let lengths: Vec<u32> = keys.iter().map(|_| random.below(bins)).collect();
    let each: Vec<Options> = if options.is_empty() {
        Vec::new()
    } else {
        keys.iter().map(|_| options[random.below(options.len() as u32) as usize]).collect()
    };
    scheduler.submit_many_with(&keys, &lengths, &each).expect("there is room");
    let options = options.first().copied().unwrap_or_default();
    Setup { scheduler, options, longest: bins, background: Vec::new() }
}

fn quiet() -> Setup {
    setup(BINS, config(), &[])
}

fn workers() -> Setup {
    let mut setup = quiet();
    setup.background = repeat_n((), 2).map(|()| background::work(&setup.scheduler)).collect();
    setup
}

fn bulks() -> Setup {
    let mut setup = setup(BINS, Config { batch_size: 1024, ..config() }, &[]);
    setup.background = vec![background::submit_many(&setup.scheduler, 1 << 16, BINS)];
    setup
}

/// Cancels nearly half of the million in scattered order; the returned thread cancels the rest.
///
/// A queue is compacted when its tombstones outnumber its entries.
fn cancelling(scheduler: &Scheduler) -> Background {
    // Coprime to a million, so that each ticket comes once.
    let mut order = (0..u64::from(WAITING)).map(|i| i * 618_033 % u64::from(WAITING));
    let mut before = order.by_ref().take(WAITING as usize * 49 / 100);
    assert!(before.all(|ticket| scheduler.cancel(ticket)));
    background::cancel(scheduler, order)
}

fn cancels() -> Setup {
    let mut setup = quiet();
    setup.background = vec![cancelling(&setup.scheduler)];
    setup
}

fn cancelled_ttls() -> Setup {
    let mut setup = setup(BINS, config(), &[ttl(HOUR), ttl(2 * HOUR)]);
    setup.background = vec![cancelling(&setup.scheduler)];
    setup
}

fn aged() -> Setup {
    let config = Config { ageing: Some(1e-3), ..config() };
    setup(BINS, config, &[0, 1, 2, 3].map(priority))
}

fn priorities() -> Setup {
    let mut setup = aged();
    setup.background = vec![background::take(&setup.scheduler)];
    setup
}

fn cancelled_priorities() -> Setup {
    let mut setup = aged();
    setup.background = vec![cancelling(&setup.scheduler), background::take(&setup.scheduler)];
    setup
}

/// The requests expire soon after the run has started, unless it takes longer to submit them.
fn unattended_ttls() -> Setup {
    const TTL: Duration = Duration::from_millis(250);
    let start = Instant::now();
    let mut setup = setup(BINS, config(), &[ttl(TTL)]);
    setup.options = Options::default();
    sleep(TTL.saturating_sub(background::ONCE).saturating_sub(start.elapsed()));
    setup
}

fn ttls() -> Setup {
    let mut setup = unattended_ttls();
    setup.background = vec![background::take(&setup.scheduler)];
    setup
}

/// Returns a worker for which so many climbers wait.
fn climb(scheduler: &Scheduler, climbers: usize) -> Worker {
    let worker = scheduler.worker();
    let mut left = climbers;
    while left > 0 {
        let batch = worker.next_batch(None).expect("a batch");
        let rows: Vec<_> = (0..batch.rows().len().min(left)).map(|row| (row, 1)).collect();
        left -= rows.len();
        batch.resubmit(&rows, false).expect("they start");
        batch.done();
    }
    worker
}

fn closing() -> Setup {
    let config = Config { overrun: Overrun::Climb, batch_size: 8192, ..config() };
    let mut setup = setup(BINS, config, &[]);
    let worker = climb(&setup.scheduler, CLIMBERS);
    setup.background = vec![background::close(worker), background::work(&setup.scheduler)];
    setup
}

fn edges() -> Setup {
    let mut setup = quiet();
    let wide = Edges::new(&(0..=BINS).map(|bin| 2 * bin).collect::<Vec<_>>()).expect("ascending");
    setup.background = vec![
        background::change_edges(&setup.scheduler, [unit(BINS), wide]),
        background::work(&setup.scheduler),
    ];
    setup
}

fn snapshots() -> Setup {
    let mut setup = setup(4096, config(), &[]);
    setup.background =
        vec![background::watch(&setup.scheduler), background::take(&setup.scheduler)];
    setup
}

/// Lets 200 tasks wait for a batch: the scheduler is strict, and no bin is full.
fn with_waiting_tasks(options: &[Options]) -> Setup {
    let config = Config { fill: Fill::Strict, overrun: Overrun::Climb, ..config() };
    let mut setup = setup(1024, config, options);
    let worker = climb(&setup.scheduler, 1);
    let change = Change { batch_size: Some(CAPACITY as u32), ..Change::default() };
    setup.scheduler.reconfigure(&change).expect("as much as the capacity");
    let tasks = background::wait_in_tasks(&setup.scheduler, 200);
    // The worker lives as long as the run, and so does its climber.
    let tasks = |running: &_| {
        tasks(running);
        drop(worker);
    };
    setup.background = vec![Box::new(tasks)];
    setup
}

fn waiting_tasks() -> Setup {
    with_waiting_tasks(&[])
}

fn waiting_tasks_and_ttls() -> Setup {
    with_waiting_tasks(&[ttl(HOUR)])
}
