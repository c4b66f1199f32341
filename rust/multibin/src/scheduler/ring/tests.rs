use super::*;

fn taken(consumer: &mut Consumer<u32>) -> Vec<u32> {
    let mut values = Vec::new();
    consumer.pass(|value| values.push(value));
    values
}

#[test]
fn keeps_order_over_many_laps_and_returns_what_does_not_fit() {
    let (ring, mut consumer) = ring(4);
    for lap in 0..10 {
        let values = [lap, lap + 1, lap + 2, lap + 3];
        for value in values {
            ring.push(value).unwrap();
        }
        assert_eq!(ring.push(99), Err(Full(99)));
        assert_eq!(taken(&mut consumer), values);
    }
}

#[test]
fn a_block_is_pushed_as_far_as_slots_are_free() {
    let (ring, mut consumer) = ring(8);
    assert_eq!(ring.push_block(&[0, 1, 2, 3, 4]), Some((5, 5)));
    assert_eq!(ring.push_block(&[5, 6, 7, 8, 9]), Some((3, 8)));
    assert_eq!(ring.push_block(&[8]), None);
    assert_eq!(taken(&mut consumer), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!((ring.tail(), consumer.head()), (8, 8));
}

#[test]
fn finds_a_value_behind_a_claim_and_leaves_it() {
    let (ring, mut consumer) = ring(4);
    let (stalled, _) = ring.claim(1).unwrap();
    ring.push(7).unwrap();
    assert!(taken(&mut consumer).is_empty());
    assert_eq!(consumer.find(|&value| value == 7), Some(7));
    assert_eq!(consumer.find(|&value| value == 8), None);
    ring.publish(stalled, 8);
    assert_eq!(taken(&mut consumer), [8, 7]);
    assert_eq!(consumer.find(|_| true), None);
}

#[test]
fn a_pass_frees_slots_every_eighth_of_a_lap_and_ends_after_one() {
    let (ring, mut consumer) = ring(16);
    (0..16).for_each(|value| drop(ring.push(value)));
    let mut free = Vec::new();
    consumer.pass(|value| free.push(ring.push(16 + value).is_ok()));
    assert_eq!(free.len(), 16);
    assert_eq!(free.iter().filter(|&&free| free).count(), 14);
    assert_eq!(free[..4], [false, false, true, true]);
    assert_eq!(taken(&mut consumer).len(), 14);
}

#[test]
fn values_from_many_threads_arrive_once_and_in_each_ones_order() {
    const EACH: u32 = 20_000;
    let (ring, mut consumer) = ring::<u32>(64);
    let mut seen: [Vec<u32>; 3] = Default::default();
    std::thread::scope(|scope| {
        for producer in 0..3 {
            let ring = &ring;
            scope.spawn(move || {
                for i in 0..EACH {
                    while ring.push(producer * EACH + i).is_err() {
                        std::thread::yield_now();
                    }
                }
            });
        }
        while seen.iter().map(Vec::len).sum::<usize>() < 3 * EACH as usize {
            consumer.pass(|value| seen[(value / EACH) as usize].push(value % EACH));
            std::thread::yield_now();
        }
    });
    assert!(seen.iter().all(|values| values.iter().copied().eq(0..EACH)));
}
