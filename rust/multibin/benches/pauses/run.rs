//! One run: a producer, a thread that only reads the clock, and the others.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Seek};
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
    /// The 99.99th percentile and the longest of the calls less what they waited for a core.
    pub held: [Duration; 2],
}

impl Figures {
    /// By how much the longest call, less what it waited for a core, exceeds the longest gap of the clock.
    pub fn beyond(&self) -> Duration {
        self.held[1].saturating_sub(self.clock)
    }
}

/// How long this thread was ready to run and had no core, as Linux counts it; elsewhere nothing is known.
struct CoreWait {
    counts: Option<File>,
    last: u64,
}

impl CoreWait {
    fn new() -> Self {
        let counts = File::open("/proc/thread-self/schedstat").ok();
        let mut wait = Self { counts, last: 0 };
        wait.since();
        wait
    }

    fn read(&mut self) -> Option<u64> {
        let (mut text, counts) = ([0; 80], self.counts.as_mut()?);
        counts.rewind().ok()?;
        let length = counts.read(&mut text).ok()?;
        std::str::from_utf8(&text[..length]).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
    }

    /// Since this was last asked.
    fn since(&mut self) -> Duration {
        let before = self.last;
        self.last = self.read().unwrap_or(0);
        Duration::from_nanos(self.last - before)
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
            let calls = produce(&scheduler, &options, longest, &PACES[pace]);
            figures(pace, calls, Duration::from_nanos(gap.load(Ordering::Relaxed)))
        });
        let figures = figures.collect();
        running.store(false, Ordering::Relaxed);
        figures
    })
}

/// How long calls took, and the same less what they waited for a core.
struct Calls {
    times: Vec<Duration>,
    held: Vec<Duration>,
}

fn figures(pace: usize, mut calls: Calls, clock: Duration) -> Figures {
    calls.times.sort_unstable();
    calls.held.sort_unstable();
    let [p50, p99, p9999, worst] = [0.5, 0.99, 0.9999, 1.0].map(|share| at(&calls.times, share));
    let held = [0.9999, 1.0].map(|share| at(&calls.held, share));
    Figures { pace, p50, p99, p9999, worst, clock, held }
}

/// Of sorted times the one that so large a share is at most.
fn at(times: &[Duration], share: f64) -> Duration {
    #[expect(clippy::cast_sign_loss, reason = "no share is negative")]
    let position = (times.len() as f64 * share) as usize;
    times[position.min(times.len() - 1)]
}

/// Calls shorter than this are not asked what they waited for a core.
const SLOW: Duration = Duration::from_micros(100);

fn produce(scheduler: &Scheduler, options: &Options, longest: u32, pace: &Pace) -> Calls {
    // Written to, so that the measured calls meet no page fault of this.
    let mut times = vec![Duration::MAX; pace.calls * pace.blocks];
    let mut held = times.clone();
    let (begin, mut key, mut wait) = (Instant::now(), 0, CoreWait::new());
    while key < times.len() && begin.elapsed() < LONGEST {
        let length = key as u32 % longest;
        let start = Instant::now();
        let submitted = scheduler.submit_with(key as u64, length, options);
        let time = start.elapsed();
        black_box(submitted).expect("there is room");
        let waited = if time > SLOW { wait.since() } else { Duration::ZERO };
        (times[key], held[key]) = (time, time.saturating_sub(waited));
        key += 1;
        if key.is_multiple_of(pace.calls) {
            sleep(pace.pause);
            wait.since();
        }
    }
    times.truncate(key);
    held.truncate(key);
    Calls { times, held }
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
