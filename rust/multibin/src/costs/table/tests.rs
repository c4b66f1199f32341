use proptest::prelude::*;

use super::super::batch::RunningRow;
use super::axis::AxisPosition;
use super::strategies::{measurements, running_rows};
use super::{CostTable, Counts, Measurements};

/// Interpolates a grid as the doc comments say: over rows for every column, then over tokens.
fn value(measured: &Measurements, grid: &[f64], rows: f64, tokens: f64) -> f64 {
    let columns: Vec<f64> = (0..measured.tokens.len())
        .map(|j| {
            let column: Vec<_> =
                grid.iter().skip(j).step_by(measured.tokens.len()).copied().collect();
            line(&measured.rows, &column, rows)
        })
        .collect();
    line(&measured.tokens, &columns, tokens)
}

fn line(points: &[u32], values: &[f64], x: f64) -> f64 {
    let points: Vec<f64> = points.iter().map(|&point| f64::from(point)).collect();
    let last = points.len() - 1;
    if x <= points[0] {
        return values[0];
    }
    if x > points[last] {
        let slope = if last == 0 {
            0.0
        } else {
            (values[last] - values[last - 1]) / (points[last] - points[last - 1])
        };
        return values[last] + slope.max(0.0) * (x - points[last]);
    }
    let i = points.iter().position(|&point| x <= point).unwrap();
    let part = (x - points[i - 1]) / (points[i] - points[i - 1]);
    values[i - 1] * (1.0 - part) + values[i] * part
}

fn counted(cached: &[u32], counts: Counts) -> f64 {
    match counts {
        Counts::Longest => f64::from(*cached.iter().max().unwrap()),
        Counts::Mean => cached.iter().copied().map(f64::from).sum::<f64>() / cached.len() as f64,
    }
}

/// Returns a grid's value for a group of rows, which costs nothing if it is empty.
fn together(measured: &Measurements, grid: &[f64], cached: &[u32]) -> f64 {
    if cached.is_empty() {
        return 0.0;
    }
    value(measured, grid, cached.len() as f64, counted(cached, measured.counts))
}

/// Computes step by step when the first tokens are there, each row ends, and the batch ends.
fn naive(measured: &Measurements, rows: &[RunningRow]) -> (f64, Vec<f64>, f64) {
    let prompts: Vec<u32> =
        rows.iter().filter(|row| row.new).map(|row| row.age - row.cached).collect();
    let moved: Vec<u32> = rows.iter().filter(|row| !row.new).map(|row| row.age - 1).collect();
    let first = together(measured, &measured.prefill, &prompts);
    let mut now = first + together(measured, &measured.moved, &moved);
    let mut left: Vec<u32> = rows.iter().map(|row| row.steps - u32::from(row.new)).collect();
    let mut cached: Vec<u32> = rows.iter().map(|row| row.age - u32::from(!row.new)).collect();
    let mut ends = vec![first; rows.len()];
    while left.iter().any(|&left| left > 0) {
        let live: Vec<usize> = (0..rows.len()).filter(|&row| left[row] > 0).collect();
        let positions: Vec<u32> = live.iter().map(|&row| cached[row]).collect();
        now += together(measured, &measured.step, &positions);
        for row in live {
            left[row] -= 1;
            cached[row] += 1;
            ends[row] = now;
        }
    }
    (first, ends, now)
}

proptest! {
    #[test]
    fn closed_form_equals_step_by_step(measured in measurements(), rows in running_rows()) {
        let table = CostTable::new(measured.clone()).unwrap();
        let mut ends = Vec::new();
        let timing = table.time(&rows, &mut ends);
        let (first_token, expected, end) = naive(&measured, &rows);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9 * b.max(1.0);
        prop_assert!(near(timing.first_token, first_token), "{timing:?} for {first_token}");
        prop_assert!(near(timing.end, end), "{timing:?} for {end}");
        let equal = ends.iter().zip(&expected).all(|(&a, &b)| near(a, b));
        prop_assert!(equal, "{ends:?} {expected:?}");
    }

    #[test]
    fn longer_and_more_rows_than_measured_cost_no_less(
        measured in measurements(), rows in 40u32..200, tokens in 40u32..200
    ) {
        let table = CostTable::new(measured.clone()).unwrap();
        let at = |rows: u32, tokens: u32| {
            let row = AxisPosition::on(&measured.rows, f64::from(rows));
            table.at(&measured.step, row, f64::from(tokens))
        };
        let (max, longest) = (measured.rows.last().unwrap(), measured.tokens.last().unwrap());
        prop_assert!(at(rows, *longest) >= at(*max, *longest) - 1e-12);
        prop_assert!(at(rows, tokens) >= at(rows, *longest) - 1e-12);
    }
}

fn small() -> Measurements {
    Measurements {
        rows: vec![1, 2],
        tokens: vec![0, 10, 20],
        step: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        prefill: vec![0.5; 6],
        moved: vec![0.25; 6],
        counts: Counts::Longest,
    }
}

#[test]
fn by_hand() {
    let row = |age, steps, new| RunningRow { age, steps, new, cached: 0 };
    let table = CostTable::new(small()).unwrap();
    let mut ends = Vec::new();
    // Steps of 2 rows at 9, 10 positions, then of 1 row at 7, 8.
    let timing = table.time(&[row(9, 3, true), row(6, 4, false)], &mut ends);
    assert_eq!(timing.first_token, 0.5);
    assert!((ends[0] - (0.75 + 4.9 + 5.0)).abs() < 1e-12);
    assert!((ends[1] - (0.75 + 4.9 + 5.0 + 1.7 + 1.8)).abs() < 1e-12);
    assert_eq!(timing.end, ends[1]);
    let timing = table.time(&[row(9, 1, true), row(9, 1, true)], &mut ends);
    assert_eq!((timing.first_token, timing.end, &ends[..]), (0.5, 0.5, &[0.5, 0.5][..]));
}

#[test]
fn bad_measurements_are_named() {
    let message = |change: &dyn Fn(&mut Measurements)| {
        let mut measured = small();
        change(&mut measured);
        CostTable::new(measured).unwrap_err().to_string()
    };
    assert_eq!(message(&|m| m.rows.clear()), "rows must have at least one point, got none");
    assert_eq!(message(&|m| m.rows[0] = 0), "rows[0] must be at least 1, got 0");
    assert_eq!(message(&|m| m.tokens[2] = 10), "tokens[2] must be above 10, got 10");
    assert_eq!(message(&|m| m.step.truncate(5)), "step must have 2 x 3 values, got 5");
    let rule = "must be finite and at least 0, got";
    assert_eq!(message(&|m| m.moved[5] = -1.0), format!("move[1][2] {rule} -1"));
    assert_eq!(message(&|m| m.prefill[3] = f64::NAN), format!("prefill[1][0] {rule} NaN"));
}
