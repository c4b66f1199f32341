//! How long one `submit` may take while a million requests wait and other threads keep the forming
//! lock busy: `cargo bench -p multibin --bench pauses -- [SCENARIO]`.
//!
//! Each figure is the median of seven runs. In the same run another thread reads the clock without
//! pause. Its longest gap is the time that the machine itself takes away. A run has more busy
//! threads than two cores. So `held` is the time of a call without its thread's waits for a core,
//! which Linux counts. The targets are for `held`. A figure above its target is marked, and
//! then the exit status is 1.

mod background;
mod random;
mod run;
mod scenarios;

use std::process::ExitCode;
use std::time::Duration;

use run::{Figures, PACES};
use scenarios::SCENARIOS;

const RUNS: usize = 7;
/// The most for the 99.99th percentile of `held`, and for the excess of the longest `held` over the
/// longest gap of the clock.
const TARGET: Duration = Duration::from_millis(1);

fn main() -> ExitCode {
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let filter = given.unwrap_or_default();
    println!(
        "{:36} {:6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}   µs, medians of {RUNS} runs",
        "a million wait",
        "submit",
        "p50",
        "p99",
        "p99.99",
        "worst",
        "held .99",
        "held",
        "clock",
        "beyond"
    );
    let mut over = false;
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.name.contains(&filter)) {
        let mut runs = [const { Vec::new() }; PACES.len()];
        for figures in (0..RUNS).flat_map(|_| scenario.run()) {
            runs[figures.pace].push(figures);
        }
        for (pace, runs) in PACES.iter().zip(runs) {
            over |= report(scenario.name, pace.name, &runs);
        }
    }
    ExitCode::from(u8::from(over))
}

/// Prints a line. Returns true if a figure is above its target.
fn report(scenario: &str, pace: &str, runs: &[Figures]) -> bool {
    let median = |figure: fn(&Figures) -> Duration| {
        let mut figures: Vec<_> = runs.iter().map(figure).collect();
        figures.sort_unstable();
        figures[RUNS / 2]
    };
    let (p9999, beyond) = (median(|run| run.held[0]), median(Figures::beyond));
    let over = p9999 > TARGET || beyond > TARGET;
    let shown = [
        median(|run| run.p50),
        median(|run| run.p99),
        median(|run| run.p9999),
        median(|run| run.worst),
        p9999,
        median(|run| run.held[1]),
        median(|run| run.clock),
        beyond,
    ];
    print!("{scenario:36} {pace:6}");
    for figure in &shown {
        print!(" {:9.2}", figure.as_secs_f64() * 1e6);
    }
    println!("{}", if over { "  OVER" } else { "" });
    over
}
