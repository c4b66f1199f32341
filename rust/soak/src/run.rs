//! A round from its start to its end: two producers and two workers share one scheduler.

use std::thread::{ScopedJoinHandle, scope};
use std::time::Duration;

use multibin::{NextError, SubmitError};

use crate::audit;
use crate::failure::{fail, require};
use crate::produce::produce;
use crate::round::{End, PRODUCERS, Round, WORKERS};
use crate::tally::Tally;
use crate::work::work;

/// Runs a round and accounts for its requests.
pub fn run(round: &Round<'_>) -> Tally {
    let mut sum = run_threads(round);
    if round.end == End::Cancel {
        sum.expired += report_expired(round);
        sum.cancelled += audit::cancel_the_rest(round);
    }
    check_end(round);
    audit::check(round, &sum);
    sum
}

/// Returns the sum of what the threads counted.
fn run_threads(round: &Round<'_>) -> Tally {
    scope(|scope| {
        let workers = (0..WORKERS).map(|thread| scope.spawn(move || work(round, thread)));
        let workers: Vec<_> = workers.collect();
        let producers = (0..PRODUCERS).map(|number| scope.spawn(move || produce(round, number)));
        let producers: Vec<_> = producers.collect();
        let mut sum = Tally::default();
        let mut join = |thread: ScopedJoinHandle<'_, Tally>| {
            sum.add(&thread.join().unwrap_or_else(|_| fail("a thread panicked")));
        };
        producers.into_iter().for_each(&mut join);
        finish(round);
        workers.into_iter().for_each(&mut join);
        sum
    })
}

/// Ends the workers' loops after the last producer has returned.
fn finish(round: &Round<'_>) {
    match round.end {
        End::Drain => {
            let _ = round.scheduler.drain(Some(Duration::from_micros(100)));
            require(round.scheduler.drain(None), || "drain ended early".into());
        }
        End::Close => {}
        End::Cancel => round.stop(),
    }
}

/// Counts the requests that expired and that no batch reported, as no worker is left.
fn report_expired(round: &Round<'_>) -> u64 {
    let expired = round.scheduler.expired();
    for request in &expired {
        round.account.expire(request.key);
    }
    expired.len() as u64
}

/// Checks that the scheduler is drained, accepts no request and gives no batch.
fn check_end(round: &Round<'_>) {
    require(round.scheduler.drain(Some(Duration::ZERO)), || "something is left".into());
    let refused = round.scheduler.submit(0, 0);
    require(refused == Err(SubmitError::Closed { accepted: 0, first: None }), || {
        format!("closed, and {refused:?}")
    });
    let next = round.scheduler.worker().next_batch(None).err();
    require(next == Some(NextError::Closed), || format!("drained, and {next:?}"));
}
