use proptest::prelude::*;

use super::super::shipped::simulate;
use super::testing::{table, workloads};
use super::*;
use crate::config::Config;
use crate::costs::{Completion, CostModel, Costs, Counts, LinearCosts};

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
    let refill = |chunk, order| Baseline::Continuous { rows: 3, chunk, order };
    vec![
        Baseline::SortedWindow { window: 9, sizes: vec![(0, 3)] },
        Baseline::SortedWindow { window: 20, sizes: vec![(10, 6), (30, 4), (40, 2)] },
        Baseline::ShortestFirst { batch_size: 3, patience: 4 },
        Baseline::LookAhead { batch_size: 3, window: 9 },
        Baseline::Nearest { batch_size: 3, light_load: false },
        Baseline::Nearest { batch_size: 3, light_load: true },
        heaviest(Weight::Wait, true),
        heaviest(Weight::WaitSquared, false),
        refill(1, ContinuousOrder::Longest),
        refill(5, ContinuousOrder::Shortest),
        refill(u32::MAX, ContinuousOrder::Fifo),
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
        let servers = Servers { count, costs: COSTS, drain, gate: false, max_resident: None };
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
    fn without_choice_all_are_a_fifo(workload in workloads(), count in 1usize..4) {
        let servers = Servers { count, costs: COSTS, drain: true, gate: false, max_resident: None };
        let wanted = fifo(&workload, 4, &servers);
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
            prop_assert_eq!(&records.requests, &wanted.requests, "{:?}", baseline);
            prop_assert_eq!(&records.batches.finish, &wanted.batches.finish);
        }
    }

    #[test]
    fn refill_after_the_last_row_is_a_batch(workload in workloads(), count in 1usize..4) {
        let all_costs = [COSTS, measured()];
        let answers = [Completion::Batch, Completion::Row];
        for (costs, completes) in all_costs.iter().flat_map(|s| answers.map(|a| (s, a))) {
            let costs = Costs { completes, ..costs.clone() };
            let servers = Servers { count, costs, drain: true, gate: false, max_resident: None };
            let wanted = fifo(&workload, 4, &servers).requests;
            let baseline = Baseline::Continuous { rows: 4, chunk: u32::MAX, order: ContinuousOrder::Fifo };
            let requests = simulate_baseline(&workload, &baseline, &servers).unwrap().requests;
            prop_assert_eq!(requests.start, wanted.start);
            prop_assert_eq!(requests.first_token, wanted.first_token);
            prop_assert_eq!(requests.finish, wanted.finish);
            prop_assert_eq!(requests.waste, wanted.waste);
        }
    }
}

#[test]
fn bad_parameters_are_named() {
    let servers = Servers { count: 1, costs: COSTS, drain: true, gate: false, max_resident: None };
    let message = |baseline: Baseline| {
        simulate_baseline(&Workload::default(), &baseline, &servers).unwrap_err().to_string()
    };
    let sorted = |window, sizes: &[_]| Baseline::SortedWindow { window, sizes: sizes.into() };
    assert_eq!(message(sorted(0, &Baseline::VBS)), "window: 0 is less than 1");
    assert!(message(sorted(9, &[])).starts_with("sizes"));
    assert!(message(sorted(9, &[(5, 0)])).starts_with("batch_size must be at least 1, got 0"));
    let cells = message(sorted(9, &[(50, 8), (50, 4)]));
    assert_eq!(cells, "sizes: length 50 does not lie above 50");
    let window = message(Baseline::LookAhead { batch_size: 8, window: 7 });
    assert_eq!(window, "window: 7 is less than 8");
    assert!(
        message(Baseline::Nearest { batch_size: 0, light_load: true })
            .starts_with("batch_size must be at least 1, got 0")
    );
    let refill = |rows, chunk| Baseline::Continuous { rows, chunk, order: ContinuousOrder::Fifo };
    assert_eq!(message(refill(0, 1)), "rows: 0 is less than 1");
    assert_eq!(message(refill(1, 0)), "chunk: 0 is less than 1");
}
