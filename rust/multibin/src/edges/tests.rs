//! Tests of the constructors together.

use super::{Edges, EdgesError, Optimal};

#[test]
fn bad_edges_are_named() {
    assert_eq!(Edges::new(&[]), Err(EdgesError::TooFew(0)));
    let unsorted = Edges::new(&[0, 5, 5]).unwrap_err().to_string();
    assert_eq!(unsorted, "bounds[2] must be above 5 after rounding up, got 5");
    assert!(Edges::uniform(5, 5, 2).is_err());
    assert!(Edges::quantile(&[], 2).is_err());
    assert!(Edges::optimal(&[1], 2, 0).is_err());
    let optimal = |candidates| Optimal { bins: 2, batch_size: 2, candidates };
    assert_eq!(optimal(Some(0)).fit(&[1]), Err(EdgesError::Candidates));
    let unpaired = optimal(None).fit_pairs(&[1, 2], &[1], true).unwrap_err().to_string();
    assert_eq!(unpaired, "actual must have one length for each of 2 predictions, got 1");
    assert_eq!(optimal(None).fit_pairs(&[], &[], true), Err(EdgesError::Empty("sample")));
    assert!(Edges::feedback(&[1], 2, f64::NAN).is_err());
    assert!(Edges::uniform(0, 5, 0).is_err());
}

#[test]
fn ties_and_short_ranges_give_fewer_bins() {
    assert_eq!(Edges::uniform(0, 3, 8).unwrap().bounds(), [0, 1, 2, 3]);
    assert_eq!(Edges::quantile(&[7; 100], 8).unwrap().bounds(), [7, 8]);
    assert_eq!(Edges::optimal(&[3, 3, 9, 9], 8, 4).unwrap().bounds(), [3, 4, 10]);
    assert_eq!(Edges::quantile(&[u32::MAX], 2).unwrap().bins(), 1);
    assert_eq!(Edges::optimal(&[u32::MAX, u32::MAX], 2, 2).unwrap().bins(), 1);
    assert_eq!(Edges::feedback(&[u32::MAX, 0], 4, 0.0).unwrap().bounds()[0], 0);
}

#[test]
fn geometric_bins_grow_by_one_factor() {
    assert_eq!(Edges::geometric(4_096, 1).unwrap().bounds(), [0, 4_096]);
    assert_eq!(Edges::geometric(1, 8).unwrap().bounds(), [0, 1]);
    assert_eq!(Edges::geometric(8, 4).unwrap().bounds(), [0, 2, 3, 5, 8]);
    for (longest, bins) in [(2, 4096), (15, 16), (16, 16), (17, 3), (2_048, 16), (u32::MAX, 4096)] {
        let edges = Edges::geometric(longest, bins).unwrap();
        let bounds = edges.bounds();
        assert!(bounds[0] == 0 && *bounds.last().unwrap() == longest && edges.bins() <= bins);
    }
    let edges = Edges::geometric(2_048, 16).unwrap();
    let factors =
        edges.bounds()[1..].windows(2).map(|pair| f64::from(pair[1]) / f64::from(pair[0]));
    assert!(edges.bins() == 16 && factors.map(|f| (f - 1.38).abs()).all(|off| off < 0.05));
    let refused = |longest, bins| Edges::geometric(longest, bins).unwrap_err();
    assert_eq!(refused(0, 4), EdgesError::Range { lo: 0, hi: 0 });
    assert_eq!(refused(9, 0), EdgesError::Bins(0));
    assert_eq!(refused(9, 1 << 45), EdgesError::Bins(1 << 45));
}

#[test]
fn quantiles_hold_equal_mass() {
    let sample: Vec<u32> = (0..1000).collect();
    assert_eq!(Edges::quantile(&sample, 4).unwrap().bounds(), [0, 250, 500, 750, 1000]);
}
