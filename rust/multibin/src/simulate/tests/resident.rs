//! The limit of the rows whose state a server holds.

use proptest::prelude::*;

use super::strategies::{one_server, workloads};
use crate::config::{Config, Overrun};
use crate::costs::LinearCosts;
use crate::edges::Edges;
use crate::simulate::scheduler::simulate;
use crate::simulate::workload::Servers;

proptest! {
    #[test]
    fn no_server_holds_more_than_it_may(
        workload in workloads(),
        batch_size in 1u32..6,
        room in 0usize..8,
        max_parked in prop_oneof![Just(None), (0usize..6).prop_map(Some)],
        count in 1usize..3,
    ) {
        let max = batch_size as usize + room;
        let cost = LinearCosts { step: 0.02, ..LinearCosts::default() };
        let limited = |max_resident| {
            let config = Config { overrun: Overrun::Climb, max_parked, ..Config::new(batch_size) };
            let servers = Servers { count, max_resident, ..one_server(cost) };
            let edges = Edges::new(&[0, 4, 8, 16, 32]).unwrap();
            simulate(&workload, &edges, &config, &servers).unwrap()
        };
        let records = limited(Some(max));
        prop_assert!(records.batches.resident.iter().all(|&held| held as usize <= max));
        prop_assert!(records.requests.finish.iter().all(|finish| finish.is_finite()));
        let everything = workload.actual.len();
        prop_assert_eq!(limited(Some(everything + batch_size as usize)), limited(None));
    }
}
