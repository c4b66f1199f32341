//! One run: a producer, a thread that only reads the clock, and the others.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use multibin::{Options, Scheduler};

/// What another thread does until it reads false.
pub type Other = Box<dyn FnOnce(&AtomicBool) + Send>;

/// A scheduler in which a million requests wait, and what happens to it during the run.
pub struct Stage {
    pub scheduler: Scheduler,
    /// What the producer submits, of lengths that take turns.
    pub options: Options,
    pub longest: u32,
    pub others: Vec<Other>,
}

/// How the producer submits: so many calls one after another, then a pause, and so on.
pub struct Pace {
    pub name: &'static str,
    calls: usize,
    pause: Duration,
    blocks: usize,
}

/// The producer stops after this time, even with requests left.
const LONGEST: Duration = Duration::from_secs(1);

/// About 100,000 requests a second, and a loop without a pause within 10,000.
pub const PACES: [Pace; 2] = [
    Pace { name: "steady", calls: 10, pause: Duration::from_micros(50), blocks: 2000 },
    Pace { name: "tight", calls: 10_000, pause: Duration::from_millis(1), blocks: 30 },
];

/// How long calls of `submit` took.
pub struct Figures {
    /// A position in [`PACES`].
    pub pace: usize,
    pub p50: Duration,
    pub p99: Duration,
    pub p9999: Duration,
    pub worst: Duration,
    /// The longest gap of the thread that only reads the clock.
    pub clock: Duration,
}

impl Figures {
    /// By how much the longest call exceeds the longest gap of the clock.
    pub fn beyond(&self) -> Duration {
        self.worst.saturating_sub(self.clock)
    }
}

/// Runs with these paces, one after another.
pub fn run(stage: Stage, paces: &[usize]) -> Vec<Figures> {
    let Stage { scheduler, options, longest, others } = stage;
    let (running, start) = (AtomicBool::new(true), Barrier::new(others.len() + 2));
    let gap = AtomicU64::new(0);
    scope(|scope| {
        let (running, start, gap) = (&running, &start, &gap);
        for other in others {
            scope.spawn(move || {
                start.wait();
                other(running);
            });
        }
        scope.spawn(move || {
            start.wait();
            read_the_clock(running, gap);
        });
        start.wait();
        let figures = paces.iter().map(|&pace| {
            gap.store(0, Ordering::Relaxed);
            let times = produce(&scheduler, &options, longest, &PACES[pace]);
            figures(pace, times, Duration::from_nanos(gap.load(Ordering::Relaxed)))
        });
        let figures = figures.collect();
        running.store(false, Ordering::Relaxed);
        figures
    })
}

fn figures(pace: usize, mut times: Vec<Duration>, clock: Duration) -> Figures {
    times.sort_unstable();
    #[expect(clippy::cast_sign_loss, reason = "no share is negative")]
    let at = |share: f64| times[((times.len() as f64 * share) as usize).min(times.len() - 1)];
    Figures { pace, p50: at(0.5), p99: at(0.99), p9999: at(0.9999), worst: at(1.0), clock }
}

fn produce(scheduler: &Scheduler, options: &Options, longest: u32, pace: &Pace) -> Vec<Duration> {
    // Written to, so that the measured calls meet no page fault of this.
    let mut times = vec![Duration::MAX; pace.calls * pace.blocks];
    let (begin, mut key) = (Instant::now(), 0);
    while key < times.len() && begin.elapsed() < LONGEST {
        let length = key as u32 % longest;
        let start = Instant::now();
        let submitted = scheduler.submit_with(key as u64, length, options);
        times[key] = start.elapsed();
        black_box(submitted).expect("there is room");
        key += 1;
        if key.is_multiple_of(pace.calls) {
            sleep(pace.pause);
        }
    }
    times.truncate(key);
    times
}

/// Keeps the longest gap between two readings in `longest`, nanoseconds.
fn read_the_clock(running: &AtomicBool, longest: &AtomicU64) {
    let mut last = Instant::now();
    while running.load(Ordering::Relaxed) {
        let now = Instant::now();
        let gap = (now - last).as_nanos() as u64;
        if gap > longest.load(Ordering::Relaxed) {
            longest.store(gap, Ordering::Relaxed);
        }
        last = now;
    }
}
