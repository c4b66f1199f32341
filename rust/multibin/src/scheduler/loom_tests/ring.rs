//! The ring: each value is delivered once and in order.

use loom::thread;

use super::super::ring::ring;
use crate::sync::Arc;

// Two producers share a ring of two slots, so that laps overlap: no value is lost, doubled or torn.
#[test]
fn ring_delivers_each_value_once_and_in_order() {
    loom::model(|| {
        let (ring, mut consumer) = ring::<(u32, u32)>(2);
        let producer = |values: &'static [u32]| {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                let accepted = |value: &u32| ring.push((*value, *value)).is_ok();
                values.iter().copied().filter(accepted).collect::<Vec<_>>()
            })
        };
        let (one, other) = (producer(&[1, 2]), producer(&[11]));
        let mut seen = Vec::new();
        consumer.pass(|(value, copy)| {
            assert_eq!(value, copy);
            seen.push(value);
        });
        let sent = [one.join().unwrap(), other.join().unwrap()];
        consumer.pass(|(value, _)| seen.push(value));
        for values in &sent {
            let low = values.first().is_some_and(|&value| value < 10);
            let got: Vec<_> = seen.iter().copied().filter(|&v| (v < 10) == low).collect();
            assert!(values.is_empty() || *values == got, "{values:?} {got:?}");
        }
        assert_eq!(seen.len(), sent[0].len() + sent[1].len());
    });
}

// A claim of several positions meets a claim of one.
#[test]
fn blocks_and_single_values_mix() {
    loom::model(|| {
        let (ring, mut consumer) = ring::<u32>(4);
        let block = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || ring.push_block(&[1, 2, 3]).map_or(0, |(pushed, _)| pushed))
        };
        let single = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || usize::from(ring.push(11).is_ok()))
        };
        let mut seen = Vec::new();
        consumer.pass(|value| seen.push(value));
        let sent = block.join().unwrap() + single.join().unwrap();
        consumer.pass(|value| seen.push(value));
        assert_eq!(seen.len(), sent);
        let block: Vec<_> = seen.into_iter().filter(|&value| value < 10).collect();
        assert_eq!(block, [1, 2, 3]);
    });
}
