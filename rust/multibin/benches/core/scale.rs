//! How the cost of a request depends on the number of bins and on how many wait.

use criterion::Criterion;
use multibin::Fill;

use crate::common::{BATCH, BINS, OneThread, group};

const FILLS: [(&str, Fill); 2] = [("elastic", Fill::Elastic), ("strict", Fill::Strict)];
/// Enough that some bin is always full, so that strict has a batch whatever the number of bins.
const WAIT: usize = 256 * BATCH;

/// Submit and form with 1 to 256 bins.
pub fn bins(c: &mut Criterion) {
    let mut group = group(c, "bins", 1);
    for (name, fill) in FILLS {
        for bins in [1, 4, 16, 64, 256] {
            let mut scheduler = OneThread::new(bins, fill, WAIT);
            let id = format!("{name}, {bins} bins");
            group.bench_function(id, |b| b.iter(|| scheduler.submit_and_form()));
        }
    }
    group.finish();
}

/// Submit and form while 1,024 to a million wait.
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
