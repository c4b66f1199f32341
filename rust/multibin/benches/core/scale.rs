//! How the cost of a request depends on the number of bins and of requests that wait.

use criterion::Criterion;
use multibin::Fill;

use crate::common::{BATCH, BINS, OneThread, group};

const FILLS: [(&str, Fill); 2] = [("elastic", Fill::Elastic), ("strict", Fill::Strict)];
/// So many requests that one of 256 bins is always full, so that a strict scheduler has a batch.
const WAITING: usize = 256 * BATCH;

/// Submits and forms with 1 to 256 bins.
pub fn bins(c: &mut Criterion) {
    let mut group = group(c, "bins", 1);
    for (name, fill) in FILLS {
        for bins in [1, 4, 16, 64, 256] {
            let mut scheduler = OneThread::new(bins, fill, WAITING);
            let id = format!("{name}, {bins} bins");
            group.bench_function(id, |b| b.iter(|| scheduler.submit_and_form()));
        }
    }
    group.finish();
}

/// Submits and forms while 1,024 to a million requests wait.
pub fn waiting(c: &mut Criterion) {
    let mut group = group(c, "waiting", 1);
    for (name, fill) in FILLS {
        for waiting in [1 << 10, 1 << 15, 1_000_000] {
            let mut scheduler = OneThread::new(BINS, fill, waiting);
            let id = format!("{name}, {waiting} wait");
            group.bench_function(id, |b| b.iter(|| scheduler.submit_and_form()));
        }
    }
    group.finish();
}
