//! Climbers beside new requests.

use super::support::{enter, former, tickets};
use crate::config::{Config, Fill, Overrun};
use crate::policy::former::Former;
use crate::request::{Options, Row};

/// With strict fill, `max_parked` climbers that are no batch alone do not keep full bins from
/// leaving. Once they are one, or the scheduler is closed, they continue and no request starts.
#[test]
fn climbers_that_cannot_continue_hold_up_no_full_bin() {
    let config = Config { fill: Fill::Strict, overrun: Overrun::Climb, ..Config::new(2) };
    let mut former = former(&Config { capacity: 100, max_parked: Some(1), ..config });
    let next =
        |former: &mut Former, closed| tickets(&former.form(0, 0, closed, usize::MAX).unwrap());
    enter(&mut former, 5, 0, &[Options::new(); 9]);
    let rows = former.form(0, 0, false, usize::MAX).unwrap().rows;
    former.climb(Row { progress: 12, ..rows[0] }, Some(0), 9);
    assert!(former.has_shared_batch(0, false) && former.has_batch(0, 0, false));
    for expected in [[2, 3], [4, 5]] {
        assert_eq!(next(&mut former, false), expected);
    }
    former.climb(Row { progress: 12, ..rows[1] }, Some(0), 9);
    assert_eq!(next(&mut former, false), [0, 1]);
    former.climb(Row { progress: 12, ..rows[0] }, Some(0), 9);
    assert_eq!(next(&mut former, true), [0]);
    assert_eq!(next(&mut former, false), [6, 7]);
    assert!(!former.has_batch(0, 0, false) && former.form(0, 0, false, usize::MAX).is_none());
}
