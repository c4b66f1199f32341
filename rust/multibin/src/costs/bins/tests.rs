//! The bins beside all others, and by hand.

use proptest::prelude::*;

use super::*;

/// Returns the least seconds per request of one bin, by the definition of the expectation.
fn alone(times: &BatchTimes, bin: &[u32]) -> f64 {
    let n = bin.len() as f64;
    let each = |b: u32| {
        let share = |i: usize| (i as f64 / n).powf(f64::from(b));
        let term = |(i, &v): (usize, &u32)| times.seconds(b, v) * (share(i + 1) - share(i));
        bin.iter().enumerate().map(term).sum::<f64>() / f64::from(b)
    };
    (1..=times.max_rows()).map(each).fold(f64::INFINITY, f64::min)
}

/// Returns the seconds of all requests, with the best batch size of each bin.
fn seconds(times: &BatchTimes, sorted: &[u32], inner: &[u32]) -> f64 {
    let mut left = sorted;
    let mut sum = 0.0;
    for &edge in inner.iter().chain([&u32::MAX]) {
        let (bin, rest) = left.split_at(left.partition_point(|&length| length < edge));
        sum += if bin.is_empty() { 0.0 } else { bin.len() as f64 * alone(times, bin) };
        left = rest;
    }
    sum
}

/// Returns the least seconds over all cuts into at most `bins` bins.
fn least(times: &BatchTimes, sorted: &[u32], bins: usize) -> f64 {
    let mut distinct = sorted.to_vec();
    distinct.dedup();
    let inner = |mask: u32| -> Vec<u32> {
        let chosen = distinct[1..].iter().enumerate();
        chosen.filter(|(i, _)| mask >> i & 1 == 1).map(|(_, &edge)| edge).collect()
    };
    let masks = (0..1u32 << (distinct.len() - 1)).filter(|mask| mask.count_ones() < bins as u32);
    masks.map(|mask| seconds(times, sorted, &inner(mask))).fold(f64::INFINITY, f64::min)
}

prop_compose! {
    fn some_times()(
        rows in prop::collection::btree_set(1u32..9, 1..4),
        lengths in prop::collection::btree_set(0u32..40, 1..5),
    )(
        seconds in prop::collection::vec(0.01..1.0, rows.len() * lengths.len()),
        max_rows in 1u32..9,
        rows in Just(rows),
        lengths in Just(lengths),
    ) -> BatchTimes {
        let (rows, lengths) = (rows.into_iter().collect(), lengths.into_iter().collect());
        BatchTimes::new(rows, lengths, seconds, max_rows).unwrap()
    }
}

proptest! {
    #[test]
    fn no_other_bins_and_sizes_are_better(
        times in some_times(),
        sample in prop::collection::vec(0u32..40, 1..10),
        bins in 1usize..5,
    ) {
        let (edges, sizes) = times.bins(&sample, bins).unwrap();
        prop_assert!(edges.bins() <= bins && sizes.len() == edges.bins());
        prop_assert!(sizes.iter().all(|&size| (1..=times.max_rows()).contains(&size)));
        let mut sorted = sample;
        sorted.sort_unstable();
        let found = seconds(&times, &sorted, &edges.bounds()[1..edges.bins()]);
        let least = least(&times, &sorted, bins);
        prop_assert!(found <= least * (1.0 + 1e-5), "{found} {least} {edges:?}");
    }
}

/// Returns times of `fixed` + `each` × rows × length seconds.
fn linear(fixed: f64, each: f64, max_rows: u32) -> BatchTimes {
    let at = |rows: u32, length: u32| fixed + each * f64::from(rows * length);
    let (rows, lengths) = (vec![1, max_rows], vec![0, 10_000]);
    let grid = rows.iter().flat_map(|&r| lengths.iter().map(move |&n| at(r, n))).collect();
    BatchTimes::new(rows, lengths, grid, max_rows).unwrap()
}

/// Returns lengths from 5 to 320, as many from n to 2n for each n.
fn lengths(n: u32) -> Vec<u32> {
    (0..n).map(|i| (5 << (6 * i / n)) * (n + 6 * i % n) / n).collect()
}

#[test]
fn one_row_where_batching_gains_nothing() {
    let (_, sizes) = linear(0.0, 0.001, 32).bins(&lengths(5_000), 16).unwrap();
    assert!(sizes.iter().all(|&size| size == 1), "{sizes:?}");
}

#[test]
fn sizes_fall_with_length_where_a_call_costs_something() {
    let (edges, sizes) = linear(0.01, 0.0001, 32).bins(&lengths(5_000), 3).unwrap();
    assert_eq!((edges.bins(), sizes.len()), (3, 3));
    assert!(sizes[0] == 32 && sizes[2] < 8, "{sizes:?}");
}

#[test]
fn full_batches_where_rows_cost_nothing() {
    let times = BatchTimes::new(vec![1], vec![0], vec![0.02], 32).unwrap();
    let (_, sizes) = times.bins(&lengths(5_000), 16).unwrap();
    assert!(sizes.iter().all(|&size| size == 32), "{sizes:?}");
}

#[test]
fn thinned_candidates_cost_little() {
    let times = linear(0.01, 0.0001, 16);
    let mut sample = lengths(3_000);
    sample.iter_mut().zip(0..).for_each(|(length, i)| *length = *length * 20 + i % 20);
    sample.sort_unstable();
    let (edges, _) = times.bins(&sample, 8).unwrap();
    let thinned = seconds(&times, &sample, &edges.bounds()[1..edges.bins()]);
    let groups = Groups::new(&sample, usize::MAX);
    let (starts, _) = times.starts(&groups, 8).unwrap();
    let bounds = groups.bounds(&starts);
    let exact = seconds(&times, &sample, &bounds[1..bounds.len() - 1]);
    assert!((1.0 - 1e-6..1.002).contains(&(thinned / exact)), "{thinned} {exact}");
}

#[test]
fn bad_arguments_are_named() {
    let times = linear(0.01, 0.0001, 4);
    assert_eq!(times.bins(&[], 4), Err(EdgesError::Empty("sample")));
    assert_eq!(times.bins(&[1], 0), Err(EdgesError::Bins(0)));
    let (edges, sizes) = times.bins(&[u32::MAX - 1, u32::MAX, 3], 8).unwrap();
    assert_eq!(edges.bins(), sizes.len());
}
