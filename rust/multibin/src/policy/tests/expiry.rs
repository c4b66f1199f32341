//! Requests that expire.

use std::time::Duration;

use super::support::{enter, former, tickets};
use crate::config::Config;
use crate::policy::expiry::REPORTS;
use crate::request::Options;

/// A request past its deadline never leaves, also while more have expired than may be unreported.
/// Each is reported once.
#[test]
fn expired_requests_that_are_too_many_wait_and_are_not_served() {
    let config = Config { capacity: 4, ..Config::new(2) };
    let mut former = former(&config);
    let (soon, max) = (Options::new().ttl(Duration::ZERO), REPORTS as u64);
    for first in (0..max).step_by(4) {
        enter(&mut former, 5, first, &[soon; 4]);
        assert_eq!(former.expire(2 * max), 4);
    }
    enter(&mut former, 5, max, &[soon, soon, Options::new(), soon]);
    assert_eq!(former.expire(2 * max), 0, "so many are unreported");
    assert!(former.has_batch(2 * max, 0, false));
    let mut reported = Vec::new();
    let mut rows = Vec::new();
    while let Some(batch) = former.form(2 * max, 0, false, usize::MAX) {
        reported.extend(batch.expired.iter().map(|expired| expired.ticket));
        rows.extend(tickets(&batch));
    }
    let expired: Vec<u64> = (0..max + 4).filter(|&ticket| ticket != max + 2).collect();
    assert_eq!((reported, rows), (expired, vec![max + 2]));
    assert_eq!(former.slab.deadlines(), 0);
}
