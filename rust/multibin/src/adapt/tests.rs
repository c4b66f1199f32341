use super::adapter::Adapter;
use super::event::Event;
use super::report::Adaptation;
use crate::config::{Adapt, Config, Overrun};
use crate::edges::{Edges, Optimal};
use crate::policy::Rules;

const BINS: usize = 16;

/// A pseudorandom generator.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    /// Draws a log-normal length and its prediction with log-normal noise.
    fn pair(&mut self, median: f64, sigma: f64, noise: f64) -> (u32, u32) {
        let length = median * (sigma * self.normal()).exp();
        #[expect(clippy::cast_sign_loss, reason = "exp is positive")]
        let rounded = |value: f64| value.ceil() as u32;
        (rounded(length * (noise * self.normal()).exp()), rounded(length))
    }

    fn pairs(&mut self, n: usize, median: f64, sigma: f64, noise: f64) -> Vec<(u32, u32)> {
        (0..n).map(|_| self.pair(median, sigma, noise)).collect()
    }
}

fn optimal(pairs: &[(u32, u32)], batch_size: u32) -> Edges {
    let (predicted, actual): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
    Optimal::new(BINS, batch_size).fit_pairs(&predicted, &actual, true).unwrap()
}

/// Returns the mean over requests of E[longest of a batch | bin], for very many pairs.
fn cost(edges: &Edges, pairs: &[(u32, u32)], batch_size: u32) -> f64 {
    let mut bins = vec![Vec::new(); edges.bins()];
    for &(predicted, actual) in pairs {
        bins[edges.bin(predicted)].push(actual);
    }
    let of_bin = |mut actual: Vec<u32>| {
        actual.sort_unstable();
        let n = actual.len() as f64;
        let share = |i: usize| (i as f64 / n).powf(f64::from(batch_size));
        let term = |(i, &v): (usize, &u32)| n * f64::from(v) * (share(i + 1) - share(i));
        actual.iter().enumerate().map(term).sum::<f64>()
    };
    bins.into_iter().map(of_bin).sum::<f64>() / pairs.len() as f64
}

fn adapter(adapt: Adapt, edges: Edges, batch_size: u32, overrun: Overrun) -> Adapter {
    let rules = Rules::new(&Config { overrun, ..Config::new(batch_size) });
    Adapter::new(adapt, edges, BINS, &rules)
}

/// Observes pairs, and runs each fit at once.
fn observe(adapter: &mut Adapter, pairs: &[(u32, u32)]) {
    for &(predicted, actual) in pairs {
        adapter.observe(predicted, actual, || None);
        if let Some(job) = adapter.job() {
            adapter.apply(job.run());
        }
    }
}

/// Turns (median, σ) of the lengths from (100, 1) to `later`. Returns the cost of the edges as a
/// multiple of the best, right then and `n` requests later.
fn drift(batch_size: u32, noise: f64, later: (f64, f64), n: usize) -> (f64, f64, Adaptation) {
    let mut random = Random(1);
    let start = optimal(&random.pairs(20_000, 100.0, 1.0, noise), batch_size);
    let mut adapter = adapter(Adapt::default(), start, batch_size, Overrun::Finish);
    observe(&mut adapter, &random.pairs(20_000, 100.0, 1.0, noise));
    let mut after = |n: usize| random.pairs(n, later.0, later.1, noise * later.1);
    let judges = after(50_000);
    let best = cost(&optimal(&judges, batch_size), &judges, batch_size);
    let before = cost(adapter.edges(), &judges, batch_size) / best;
    observe(&mut adapter, &after(n));
    (before, cost(adapter.edges(), &judges, batch_size) / best, adapter.report())
}

#[test]
fn edges_follow_a_drift() {
    for (batch_size, noise) in [(8, 0.0), (32, 0.5)] {
        let (before, after, report) = drift(batch_size, noise, (5_000.0, 0.5), 5_000);
        assert!(before > 1.1 && after < 1.02, "{before} {after}");
        assert!(report.drifts == 1 && (1..=2).contains(&report.swaps), "{report:?}");
    }
    let (before, after, report) = drift(32, 0.0, (300.0, 1.0), 20_000);
    assert!(before > 1.1 && after < 1.02 && report.drifts == 1, "{before} {after}");
}

#[test]
fn edges_stay_while_the_traffic_does() {
    for (batch_size, noise) in [(8, 0.0), (32, 0.5)] {
        let mut random = Random(2);
        let start = optimal(&random.pairs(20_000, 100.0, 1.0, noise), batch_size);
        let mut adapter = adapter(Adapt::default(), start, batch_size, Overrun::Finish);
        observe(&mut adapter, &random.pairs(100_000, 100.0, 1.0, noise));
        let Adaptation { fits, drifts, swaps, .. } = adapter.report();
        assert!(fits == 21 && drifts == 0 && swaps <= 2, "{fits} {drifts} {swaps}");
    }
}

#[test]
fn without_a_sample_edges_are_found() {
    let mut random = Random(3);
    let one = Edges::new(&[0, 1]).unwrap();
    let mut adapter = adapter(Adapt::default(), one, 8, Overrun::Finish);
    observe(&mut adapter, &random.pairs(1_999, 100.0, 1.0, 0.0));
    assert_eq!((adapter.edges().bins(), adapter.is_open()), (1, false));
    observe(&mut adapter, &random.pairs(10_000, 100.0, 1.0, 0.0));
    assert_eq!((adapter.edges().bins(), adapter.is_open()), (BINS, true));
    let Adaptation { closed, opened, swaps, .. } = adapter.report();
    assert!(closed == 1 && opened == 1 && swaps >= 1);
    let events = adapter.events();
    assert!(matches!(
        events[..3],
        [Event::Closed { .. }, Event::Swapped { bins: BINS, .. }, Event::Opened { .. }]
    ));
    assert!(adapter.events().is_empty());
}

/// Predicts true lengths, then lengths of other requests, then true ones again.
#[test]
fn the_gate_closes_for_noise_and_the_edges_come_back() {
    for batch_size in [8, 32] {
        let mut random = Random(4);
        let start = optimal(&random.pairs(20_000, 100.0, 1.0, 0.0), batch_size);
        let mut adapter = adapter(Adapt::default(), start, batch_size, Overrun::Finish);
        observe(&mut adapter, &random.pairs(10_000, 100.0, 1.0, 0.0));
        assert!(adapter.is_open());
        let edges = adapter.edges().clone();
        for _ in 0..2_000 {
            let (predicted, actual) = (random.pair(100.0, 1.0, 0.0), random.pair(100.0, 1.0, 0.0));
            observe(&mut adapter, &[(predicted.0, actual.1)]);
        }
        assert!(!adapter.is_open());
        observe(&mut adapter, &random.pairs(2_000, 100.0, 1.0, 0.0));
        assert!(adapter.is_open());
        assert_eq!(adapter.edges(), &edges);
        assert_eq!((adapter.report().closed, adapter.report().opened), (1, 1));
    }
}

#[test]
fn levels_are_fitted_without_predictions() {
    let mut random = Random(5);
    let start = Edges::uniform(0, 4_000, 8).unwrap();
    let mut adapter = adapter(Adapt::default(), start, 8, Overrun::Climb);
    let mut unpredicted = |n: usize| -> Vec<(u32, u32)> {
        random.pairs(n, 100.0, 1.0, 0.0).into_iter().map(|pair| (0, pair.1)).collect()
    };
    observe(&mut adapter, &unpredicted(2_000));
    let actual: Vec<u32> = unpredicted(20_000).into_iter().map(|pair| pair.1).collect();
    let best = Edges::feedback(&actual, BINS, 2.0).unwrap();
    assert_eq!(adapter.edges().bins(), BINS);
    let first = |edges: &Edges| f64::from(edges.bounds()[4]);
    assert!((first(adapter.edges()) / first(&best) - 1.0).abs() < 0.2);
}

#[test]
fn a_reconfiguration_overrules_the_gate_and_the_running_fit() {
    let mut random = Random(6);
    let one = Edges::new(&[0, 1]).unwrap();
    let mut adapter = adapter(Adapt::default(), one, 8, Overrun::Finish);
    for (predicted, actual) in random.pairs(2_000, 100.0, 1.0, 0.0) {
        adapter.observe(predicted, actual, || None);
    }
    assert!(!adapter.is_open());
    let job = adapter.job().unwrap();
    assert!(adapter.job().is_none(), "one at a time");
    let given = Edges::new(&[0, 10, 20]).unwrap();
    adapter.reconfigure(Some(&given), None);
    assert!(adapter.is_open());
    assert!(!adapter.apply(job.run()));
    assert_eq!((adapter.edges(), adapter.report().swaps), (&given, 0));
}

#[test]
fn a_gate_alone_fits_nothing_and_edges_alone_never_close() {
    let mut random = Random(7);
    let noise: Vec<(u32, u32)> = (0..5_000)
        .map(|_| (random.pair(100.0, 1.0, 0.0).0, random.pair(100.0, 1.0, 0.0).1))
        .collect();
    let start = Edges::uniform(0, 500, BINS).unwrap();
    let mut gate = adapter(Adapt::gate_alone(), start.clone(), 8, Overrun::Finish);
    observe(&mut gate, &noise);
    assert!(!gate.is_open() && gate.report().fits == 0);
    let options = Adapt { gate: false, ..Adapt::default() };
    let mut edges = adapter(options, start, 8, Overrun::Finish);
    observe(&mut edges, &noise);
    assert!(edges.is_open() && edges.report().fits > 0 && edges.report().gain.is_none());
}

#[test]
fn bad_options_are_named() {
    let message = |adapt: Adapt| adapt.check().unwrap_err().to_string();
    let usual = Adapt::default();
    assert!(
        message(Adapt { edges: false, gate: false, ..usual })
            .starts_with("edges or gate must be on")
    );
    assert!(message(Adapt { every: 0, ..usual }).starts_with("every must be at least 1, got 0"));
    assert!(
        message(Adapt { window: 1_999, ..usual })
            .starts_with("window must be between 2000 and 16777216, got 1999")
    );
    assert!(
        message(Adapt { bins: Some(0), ..usual })
            .starts_with("bins must be between 1 and 4096, got 0")
    );
    assert!(
        message(Adapt { hysteresis: f64::NAN, ..usual })
            .starts_with("hysteresis must be finite and at least 0, got NaN")
    );
    assert!(
        message(Adapt { overhead: -1.0, ..usual })
            .starts_with("overhead must be finite and at least 0, got -1")
    );
}
