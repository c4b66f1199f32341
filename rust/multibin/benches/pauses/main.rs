//! How long one `submit` may take while a million requests wait and other threads keep the forming lock busy:
//! `cargo bench -p multibin --bench pauses -- [SCENARIO]`.
//!
//! Each figure is the median of seven runs. A second thread reads the clock all the time in the same run: its longest
//! gap is what the machine itself takes away. `held` is what is left of a call when its thread's waits for a core are
//! taken off, as Linux counts them: a run has more busy threads than two cores. The bars are of `held`; a figure above
//! its bar is marked, and the exit status is then 1.

mod others;
#[path = "../../../soak/src/random.rs"]
#[expect(dead_code, reason = "the soak needs more of it")]
mod random;
mod run;
mod scenarios;

use std::process::ExitCode;
use std::time::Duration;

use run::{Figures, PACES};
use scenarios::SCENARIOS;

const RUNS: usize = 7;
/// The most that `p99.99` of `held` may be, and that the longest of it may exceed the longest gap of the clock by.
const BAR: Duration = Duration::from_millis(1);

fn main() -> ExitCode {
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = given.unwrap_or_default();
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
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.name.contains(&wanted)) {
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

/// Prints a line; returns true if a figure is above its bar.
fn report(scenario: &str, pace: &str, runs: &[Figures]) -> bool {
    let median = |figure: fn(&Figures) -> Duration| {
        let mut figures: Vec<_> = runs.iter().map(figure).collect();
        figures.sort_unstable();
        figures[RUNS / 2]
    };
    let (p9999, beyond) = (median(|run| run.held[0]), median(Figures::beyond));
    let over = p9999 > BAR || beyond > BAR;
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
