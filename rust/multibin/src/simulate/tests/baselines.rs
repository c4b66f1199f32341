//! Every baseline serves every request once, and equals FIFO where there is no choice.

use proptest::prelude::*;

use super::strategies::{table, times, workloads};
use crate::config::Config;
use crate::costs::{Completion, CostModel, Costs, Counts, LinearCosts};
use crate::edges::Edges;
use crate::simulate::baselines::{Baseline, ContinuousOrder, Weight, simulate_baseline};
use crate::simulate::records::Records;
use crate::simulate::scheduler::simulate;
use crate::simulate::workload::{Servers, Workload};

/// Sums of binary fractions are exact, whatever the order of the rows in a batch.
const COSTS: Costs = Costs {
    model: CostModel::Linear(LinearCosts {
        fixed: 0.0625,
        prompt_token: 0.003_906_25,
        moved_row: 0.031_25,
        step: 0.031_25,
        row_step: 0.000_976_562_5,
        kv_token: 0.000_122_070_312_5,
        padded_token: 0.000_122_070_312_5,
    }),
    completes: Completion::Row,
};

fn measured() -> Costs {
    Costs { model: table(Counts::Longest).into(), completes: Completion::Row }
}

fn baselines() -> Vec<Baseline> {
    let edges = Edges::new(&[0, 8, 16, 32]).unwrap();
    let heaviest = |weight, light_load| Baseline::HeaviestBin {
        batch_size: 3,
        edges: edges.clone(),
        weight,
        light_load,
    };
    let continuous = |chunk, order| Baseline::Continuous { rows: 3, chunk, order };
    vec![
        Baseline::SortedWindow { window: 9, sizes: vec![(0, 3)] },
        Baseline::SortedWindow { window: 20, sizes: vec![(10, 6), (30, 4), (40, 2)] },
        Baseline::ShortestFirst { batch_size: 3, patience: 4 },
        Baseline::LookAhead { batch_size: 3, window: 9 },
        Baseline::Nearest { batch_size: 3, light_load: false },
        Baseline::Nearest { batch_size: 3, light_load: true },
        heaviest(Weight::Wait, true),
        heaviest(Weight::WaitSquared, false),
        continuous(1, ContinuousOrder::Longest),
        continuous(5, ContinuousOrder::Shortest),
        continuous(u32::MAX, ContinuousOrder::Fifo),
    ]
}

fn fifo(workload: &Workload, batch_size: u32, servers: &Servers) -> Records {
    let edges = Edges::new(&[0, 1]).unwrap();
    simulate(workload, &edges, &Config::new(batch_size), servers).unwrap()
}

proptest! {
    #[test]
    fn every_request_is_finished_once(
        workload in workloads(),
        count in 1usize..4,
        drain in any::<bool>(),
    ) {
        let servers = Servers { drain, ..Servers::new(count, COSTS) };
        for baseline in baselines() {
            let records = simulate_baseline(&workload, &baseline, &servers).unwrap();
            let requests = &records.requests;
            prop_assert!(requests.entries.iter().all(|&entries| entries == 1));
            prop_assert!(requests.finish.iter().all(|finish| finish.is_finite()));
            let rows: usize = records.batches.rows.iter().map(|&rows| rows as usize).sum();
            prop_assert_eq!(rows, workload.arrivals.len());
            for (i, &batch) in requests.batch.iter().enumerate() {
                let batch = batch as usize;
                prop_assert!(requests.start[i] >= times(&workload)[i] as f64 * 1e-9 - 1e-9);
                prop_assert!(requests.start[i] >= records.batches.start[batch]);
                prop_assert!(requests.finish[i] <= records.batches.finish[batch] + 1e-9);
            }
        }
    }

    #[test]
    fn without_choice_every_baseline_is_a_fifo(workload in workloads(), count in 1usize..4) {
        let servers = Servers::new(count, COSTS);
        let expected = fifo(&workload, 4, &servers);
        let alike = Workload { predicted: vec![7; workload.arrivals.len()], ..workload.clone() };
        let edges = Edges::new(&[0, 9]).unwrap();
        for (workload, baseline) in [
            (&workload, Baseline::LookAhead { batch_size: 4, window: 4 }),
            (&workload, Baseline::SortedWindow { window: 4, sizes: vec![(0, 4)] }),
            (&alike, Baseline::Nearest { batch_size: 4, light_load: false }),
            (&alike, Baseline::ShortestFirst { batch_size: 4, patience: 3 }),
            (&alike, Baseline::HeaviestBin {
                batch_size: 4, edges, weight: Weight::WaitSquared, light_load: true,
            }),
        ] {
            let records = simulate_baseline(workload, &baseline, &servers).unwrap();
            prop_assert_eq!(&records.requests, &expected.requests, "{:?}", baseline);
            prop_assert_eq!(&records.batches.finish, &expected.batches.finish);
        }
    }

    #[test]
    fn continuous_batching_without_refills_is_a_fifo_of_batches(
        workload in workloads(),
        count in 1usize..4,
    ) {
        let all_costs = [COSTS, measured()];
        let completions = [Completion::Batch, Completion::Row];
        for (costs, completes) in all_costs.iter().flat_map(|s| completions.map(|a| (s, a))) {
            let costs = Costs { completes, ..costs.clone() };
            let servers = Servers::new(count, costs);
            let expected = fifo(&workload, 4, &servers).requests;
            let order = ContinuousOrder::Fifo;
            let baseline = Baseline::Continuous { rows: 4, chunk: u32::MAX, order };
            let requests = simulate_baseline(&workload, &baseline, &servers).unwrap().requests;
            prop_assert_eq!(requests.start, expected.start);
            prop_assert_eq!(requests.first_token, expected.first_token);
            prop_assert_eq!(requests.finish, expected.finish);
            prop_assert_eq!(requests.waste, expected.waste);
        }
    }
}
