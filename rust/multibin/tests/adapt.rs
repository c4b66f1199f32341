//! Live schedulers that adapt: real threads submit and observe; fits run on threads of their own.
#![cfg(not(loom))]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use multibin::{
    Adapt, AdaptError, Change, Config, ConfigError, Edges, Event, NextError, Overrun, Scheduler,
};

mod common;

/// Returns a length that depends on the key; the lengths of consecutive keys spread over 0..1000.
fn length(key: u64) -> u32 {
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as u32 * 1_000 / 1_024
}

fn adapting(edges: &[u32], adapt: Adapt) -> Scheduler {
    common::scheduler(edges, Config { adapt: Some(adapt), ..Config::new(8) })
}

/// Waits until the condition holds; panics after a minute.
fn wait_until(scheduler: &Scheduler, holds: impl Fn(&Scheduler) -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds(scheduler) {
        assert!(Instant::now() < end, "{:?}", scheduler.adaptation());
        thread::sleep(Duration::from_millis(1));
    }
}

/// Returns the bins that serve 800 requests of evenly spread lengths.
fn bins(scheduler: &Scheduler) -> Vec<usize> {
    let worker = scheduler.worker();
    for key in 0..800 {
        scheduler.submit(key, length(key)).unwrap();
    }
    let mut bins: Vec<usize> = std::iter::from_fn(|| {
        let batch = worker.next_batch(Some(Duration::ZERO)).ok()?;
        batch.done();
        Some(batch.bin())
    })
    .collect();
    bins.sort_unstable();
    bins.dedup();
    bins
}

/// Serves batches, and observes each row at exactly its prediction.
fn serve_and_observe(scheduler: &Scheduler) {
    let worker = scheduler.worker();
    loop {
        match worker.next_batch(Some(Duration::from_millis(1))) {
            Ok(batch) => {
                let observe = |key| scheduler.observe(length(key), length(key));
                batch.rows().iter().for_each(|row| observe(row.key));
                batch.done();
            }
            Err(NextError::Timeout) => {}
            Err(_) => break,
        }
    }
}

#[test]
fn one_bin_becomes_eight_while_threads_submit_observe_and_serve() {
    const EACH: u64 = 20_000;
    let scheduler = adapting(&[0, 1], Adapt { bins: Some(8), ..Adapt::default() });
    let served = AtomicBool::new(false);
    thread::scope(|scope| {
        for producer in 0..2 {
            let scheduler = &scheduler;
            scope.spawn(move || {
                for key in producer * EACH..(producer + 1) * EACH {
                    scheduler.submit(key, length(key)).unwrap();
                }
            });
        }
        for _ in 0..4 {
            scope.spawn(|| serve_and_observe(&scheduler));
        }
        scope.spawn(|| {
            while !served.load(Ordering::Relaxed) {
                assert!(scheduler.adaptation().unwrap().closed <= 1);
                let _ = scheduler.stats();
                thread::yield_now();
            }
        });
        wait_until(&scheduler, |scheduler| scheduler.stats().done == 2 * EACH);
        served.store(true, Ordering::Relaxed);
        scheduler.close();
    });
    wait_until(&scheduler, |scheduler| scheduler.adaptation().unwrap().fits > 0);
    for key in 0..4_000 {
        scheduler.observe(length(key), length(key));
    }
    wait_until(&scheduler, |scheduler| scheduler.adaptation().unwrap().open);
    assert_eq!(scheduler.edges().bins(), 8);
    assert!(scheduler.adaptation().unwrap().swaps >= 1);
}

#[test]
fn while_the_gate_is_closed_new_requests_go_to_the_first_bin() {
    let options = Adapt { edges: false, ..Adapt::default() };
    let scheduler = adapting(&[0, 250, 500, 750, 1_000], options);
    let edges = scheduler.edges();
    assert_eq!(bins(&scheduler), [0, 1, 2, 3]);
    for key in 0..1_000 {
        scheduler.observe(length(key), length(key * 7_919));
    }
    assert_eq!(bins(&scheduler), [0]);
    let adaptation = scheduler.adaptation().unwrap();
    assert!(!adaptation.open && adaptation.gain.unwrap() < 1.1);
    let lengths: Vec<u32> = (0..1_000).map(length).collect();
    scheduler.observe_many(&lengths, &lengths);
    assert_eq!(bins(&scheduler), [0, 1, 2, 3]);
    assert_eq!(scheduler.edges(), edges);
    let events = scheduler.events();
    assert!(matches!(events[..], [Event::Closed { .. }, Event::Opened { .. }]), "{events:?}");
}

#[test]
fn edges_of_a_change_are_used_at_once() {
    let scheduler = adapting(&[0, 500, 1_000], Adapt { edges: false, ..Adapt::default() });
    scheduler.observe_many(&[1; 1_000], &[1; 1_000]);
    assert_eq!(bins(&scheduler), [0]);
    let edges = Some(Edges::new(&[0, 300, 1_000]).unwrap());
    scheduler.reconfigure(&Change { edges, ..Change::default() }).unwrap();
    assert_eq!(bins(&scheduler), [0, 1]);
    assert_eq!(scheduler.adaptation().unwrap().gain, None);
}

#[test]
fn a_scheduler_may_be_dropped_while_a_fit_runs() {
    for _ in 0..20 {
        let scheduler = adapting(&[0, 1], Adapt { bins: Some(8), ..Adapt::default() });
        let lengths: Vec<u32> = (0..2_000).map(length).collect();
        scheduler.observe_many(&lengths, &lengths);
    }
}

/// The predictions are independent of the lengths, so that the gate closes.
#[test]
fn while_the_gate_is_closed_a_climber_is_placed_by_its_progress() {
    let adapt = Some(Adapt { edges: false, ..Adapt::default() });
    let config = Config { adapt, overrun: Overrun::Climb, ..Config::new(1) };
    let scheduler = common::scheduler(&[0, 10, 100, 500], config);
    let worker = scheduler.worker();
    let climbs_to = |key| {
        scheduler.submit(key, 700).unwrap();
        let batch = worker.next_batch(Some(Duration::ZERO)).unwrap();
        batch.resubmit(&[(0, 20)], false).unwrap();
        let parked: Vec<u64> = scheduler.snapshot().bins.iter().map(|bin| bin.parked).collect();
        assert!(scheduler.cancel(batch.rows()[0].ticket));
        (batch.bin(), batch.limit(), parked)
    };
    assert_eq!(climbs_to(1), (2, None, vec![0, 0, 1]));
    let (predicted, actual): (Vec<_>, Vec<_>) =
        (0..2_000).map(|key| (length(key), length(key + 77_777))).unzip();
    scheduler.observe_many(&predicted, &actual);
    assert!(!scheduler.adaptation().unwrap().open);
    assert_eq!(climbs_to(2), (0, Some(10), vec![0, 1, 0]));
}

#[test]
fn without_adaptation_observing_has_no_effect() {
    let scheduler = common::scheduler(&[0, 1], Config::new(8));
    scheduler.observe(1, 2);
    assert!(scheduler.adaptation().is_none() && scheduler.events().is_empty());
}

#[test]
fn bad_options_are_named() {
    let refused =
        |config: Config| Scheduler::new(Edges::new(&[0, 1]).unwrap(), config).unwrap_err();
    let adapt = Some(Adapt { every: 0, ..Adapt::default() });
    let error = refused(Config { adapt, ..Config::new(8) });
    assert_eq!(error, ConfigError::Adapt(AdaptError::Every));
    assert_eq!(error.to_string(), "adapt.every must be at least 1, got 0");
    let adapt = Some(Adapt { bins: Some(9), ..Adapt::default() });
    let error = refused(Config { adapt, max_bins: Some(8), ..Config::new(8) });
    assert_eq!(error, ConfigError::AdaptBins { bins: 9, max: 8 });
}
