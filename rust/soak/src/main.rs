//! Pushes requests by the billion through schedulers that two producers and two workers share, with
//! everything that may happen to a request happening at random, and accounts for each.
//!
//! `cargo run --release -p soak -- [REQUESTS] [SEED]`. Every accepted request is delivered
//! once per entry into a queue and ends once: done, lost with its lease, cancelled or expired. The
//! first discrepancy ends the program with status 1, as does a minute in which nothing happens.

mod account;
mod audit;
mod cases;
mod produce;
mod random;
mod round;
mod word;
mod work;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use account::{Account, Tally, fail};
use round::{End, Round};

/// The most requests of a round: 8 bytes each.
const ROUND: u64 = 1 << 20;
/// So long may nothing happen.
const STANDSTILL: u32 = 60;
/// Seconds between two lines of progress.
const REPORT: u32 = 10;

static ACCEPTED: AtomicU64 = AtomicU64::new(0);
static PULSE: AtomicU64 = AtomicU64::new(0);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let requests = number(arguments.next(), 1_000_000_000);
    let seed = number(arguments.next(), 1);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        hook(panic);
        fail("a thread panicked");
    }));
    let start = Instant::now();
    thread::spawn(move || watch(start));
    let sum = rounds(requests, seed);
    println!("{}", line(&sum, start));
}

fn number(argument: Option<String>, default: u64) -> u64 {
    argument.map_or(default, |text| {
        text.parse().unwrap_or_else(|error| fail(&format!("argument {text:?}: {error}")))
    })
}

/// Rounds until so many requests were accepted; every case and every end has its turn.
fn rounds(requests: u64, seed: u64) -> Tally {
    let turns = cases::CASES * End::ALL.len() as u64;
    let most = requests.div_ceil(turns).clamp(1, ROUND);
    let mut account = Account::new(most as u32);
    let mut sum = Tally::default();
    for round in 0.. {
        let left = requests.saturating_sub(sum.accepted);
        if left == 0 {
            break;
        }
        let case = cases::case(round);
        account.begin(round, case.config.ageing.is_some());
        let requests = left.min(most.div_ceil(u64::from(case.share))) as u32;
        let tally = Round::new((seed, round), requests, &case, &account, &PULSE).run();
        sum.add(&tally);
        ACCEPTED.store(sum.accepted, Ordering::Relaxed);
    }
    sum
}

/// Tells how far it is, and ends the program when nothing happens any more.
fn watch(start: Instant) {
    let (mut pulse, mut idle) = (0, 0);
    for second in 1.. {
        thread::sleep(Duration::from_secs(1));
        let now = PULSE.load(Ordering::Relaxed);
        idle = if now == pulse { idle + 1 } else { 0 };
        pulse = now;
        if idle == STANDSTILL {
            fail(&format!("nothing happens, after {} requests", ACCEPTED.load(Ordering::Relaxed)));
        }
        if second % REPORT == 0 {
            let (accepted, seconds) = (ACCEPTED.load(Ordering::Relaxed), start.elapsed().as_secs());
            println!("{accepted} requests in {seconds} s");
        }
    }
}

fn line(sum: &Tally, start: Instant) -> String {
    let seconds = start.elapsed().as_secs_f64();
    let rate = sum.accepted as f64 / seconds / 1e6;
    let Tally { accepted, delivered, cancelled, expired, lost, resubmitted, .. } = sum;
    format!(
        "requests {accepted}, deliveries {delivered}, cancelled {cancelled}, expired {expired}, \
         lost {lost}, climbed {resubmitted}, {seconds:.1} s, {rate:.2} M requests/s"
    )
}
