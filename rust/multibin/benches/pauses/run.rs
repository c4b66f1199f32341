//! One run: a producer, a thread that only reads the clock, and background threads.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Seek};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use multibin::{Options, Scheduler};

/// What a background thread does until it reads false.
pub type Background = Box<dyn FnOnce(&AtomicBool) + Send>;

/// A scheduler in which a million requests wait, and the threads that use it during the run.
pub struct Setup {
    pub scheduler: Scheduler,
    /// The options of all requests that the producer submits.
    pub options: Options,
    /// Their lengths take turns and are below this.
    pub longest: u32,
    pub background: Vec<Background>,
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

/// About 100,000 requests a second, and bursts of 10,000 without a pause.
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
    /// The 99.99th percentile and the longest of the calls without their waits for a core.
    pub held: [Duration; 2],
}

impl Figures {
    /// Returns the excess of the longest `held` over the longest gap of the clock.
    pub fn beyond(&self) -> Duration {
        self.held[1].saturating_sub(self.clock)
    }
}

/// How long this thread was ready to run and had no core. Linux alone counts it.
struct CoreWait {
    counts: Option<File>,
    last: u64,
}

impl CoreWait {
    fn new() -> Self {
        let counts = File::open("/proc/thread-self/schedstat").ok();
        let mut wait = Self { counts, last: 0 };
        wait.elapsed();
        wait
    }

    fn read(&mut self) -> Option<u64> {
        let (mut text, counts) = ([0; 80], self.counts.as_mut()?);
        counts.rewind().ok()?;
        let length = counts.read(&mut text).ok()?;
        std::str::from_utf8(&text[..length]).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
    }

    /// Returns the wait since the last call; zero where it is unknown.
    fn elapsed(&mut self) -> Duration {
        let before = self.last;
        self.last = self.read().unwrap_or(0);
        Duration::from_nanos(self.last - before)
    }
}

/// Runs the producer with these paces, one after another.
pub fn run(setup: Setup, paces: &[usize]) -> Vec<Figures> {
    let Setup { scheduler, options, longest, background } = setup;
    let (running, start) = (AtomicBool::new(true), Barrier::new(background.len() + 2));
    let gap = AtomicU64::new(0);
    scope(|scope| {
        let (running, start, gap) = (&running, &start, &gap);
        for thread in background {
            scope.spawn(move || {
                start.wait();
                thread(running);
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

/// How long calls took, in all and without their waits for a core.
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

/// Returns the quantile of sorted times.
fn at(times: &[Duration], share: f64) -> Duration {
    #[expect(clippy::cast_sign_loss, reason = "no share is negative")]
    let position = (times.len() as f64 * share) as usize;
    times[position.min(times.len() - 1)]
}

/// The wait for a core is read only after calls longer than this.
const SLOW: Duration = Duration::from_micros(100);

fn produce(scheduler: &Scheduler, options: &Options, longest: u32, pace: &Pace) -> Calls {
    // Written before, so that no measured call meets a page fault of these vectors.
    let mut times = vec![Duration::MAX; pace.calls * pace.blocks];
    let mut held = times.clone();
    let (begin, mut key, mut wait) = (Instant::now(), 0, CoreWait::new());
    while key < times.len() && begin.elapsed() < LONGEST {
        let length = key as u32 % longest;
        let start = Instant::now();
        let submitted = scheduler.submit_with(key as u64, length, options);
        let time = start.elapsed();
        black_box(submitted).expect("there is room");
        let waited = if time > SLOW { wait.elapsed() } else { Duration::ZERO };
        (times[key], held[key]) = (time, time.saturating_sub(waited));
        key += 1;
        if key.is_multiple_of(pace.calls) {
            sleep(pace.pause);
            wait.elapsed();
        }
    }
    times.truncate(key);
    held.truncate(key);
    Calls { times, held }
}

/// Keeps the longest gap between two readings in `longest`, in nanoseconds.
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
