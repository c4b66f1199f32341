//! Stress program: requests by the billion pass through schedulers under random events, and each
//! is accounted for.
//!
//! ```sh
//! cargo run --release -p soak -- [REQUESTS] [SEED]
//! ```
//!
//! Without arguments, 10⁹ requests and seed 1. Two producers and two workers share one scheduler
//! after another; every event that a request may meet occurs at random. Every accepted request must
//! be delivered once per entry into a queue. It must end once: done, lost with its lease, cancelled
//! or expired. The first discrepancy ends the program with status 1, and so does a minute without a
//! batch.

mod account;
mod audit;
mod cases;
mod failure;
mod produce;
mod random;
mod record;
mod round;
mod run;
mod tally;
mod work;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use account::Account;
use failure::fail;
use round::{End, Round};
use tally::Tally;

/// The most requests of a round: 8 bytes each.
const MAX_ROUND: u64 = 1 << 20;
/// The program ends after so many seconds without a batch.
const MAX_IDLE: u32 = 60;
/// Seconds between two lines of progress.
const REPORT: u32 = 10;

static ACCEPTED: AtomicU64 = AtomicU64::new(0);
static ACTIVITY: AtomicU64 = AtomicU64::new(0);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let requests = number("REQUESTS", arguments.next(), 1_000_000_000);
    let seed = number("SEED", arguments.next(), 1);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        hook(panic);
        fail("a thread panicked");
    }));
    let start = Instant::now();
    thread::spawn(move || watch(start));
    let sum = run_rounds(requests, seed);
    println!("{}", summary(&sum, start));
}

fn number(name: &str, argument: Option<String>, default: u64) -> u64 {
    argument.map_or(default, |text| {
        let number = text.parse();
        number.unwrap_or_else(|_| fail(&format!("{name} must be a whole number, got {text:?}")))
    })
}

/// Runs rounds until so many requests were accepted. Every case and every end has its turn.
fn run_rounds(requests: u64, seed: u64) -> Tally {
    let turns = cases::CASES * End::ALL.len() as u64;
    let max = requests.div_ceil(turns).clamp(1, MAX_ROUND);
    let mut account = Account::new(max as u32);
    let mut sum = Tally::default();
    for round in 0.. {
        let left = requests.saturating_sub(sum.accepted);
        if left == 0 {
            break;
        }
        let case = cases::case(round);
        account.begin(round, case.config.ageing.is_some());
        let requests = left.min(max.div_ceil(u64::from(case.divisor))) as u32;
        sum.add(&run::run(&Round::new((seed, round), requests, &case, &account, &ACTIVITY)));
        ACCEPTED.store(sum.accepted, Ordering::Relaxed);
    }
    sum
}

/// Prints progress, and ends the program when no batch is taken any more.
fn watch(start: Instant) {
    let (mut activity, mut idle) = (0, 0);
    for second in 1.. {
        thread::sleep(Duration::from_secs(1));
        let before = std::mem::replace(&mut activity, ACTIVITY.load(Ordering::Relaxed));
        idle = if activity == before { idle + 1 } else { 0 };
        let accepted = ACCEPTED.load(Ordering::Relaxed);
        if idle == MAX_IDLE {
            fail(&format!("no batch for {MAX_IDLE} s, after {accepted} requests"));
        }
        if second % REPORT == 0 {
            println!("{accepted} requests in {} s", start.elapsed().as_secs());
        }
    }
}

fn summary(sum: &Tally, start: Instant) -> String {
    let seconds = start.elapsed().as_secs_f64();
    let rate = sum.accepted as f64 / seconds / 1e6;
    let Tally { accepted, delivered, cancelled, expired, lost, resubmitted, .. } = sum;
    format!(
        "requests {accepted}, deliveries {delivered}, cancelled {cancelled}, expired {expired}, \
         lost {lost}, climbed {resubmitted}, {seconds:.1} s, {rate:.2} M requests/s"
    )
}
