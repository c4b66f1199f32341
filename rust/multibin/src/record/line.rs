//! A record as a line of JSON.

use std::time::Duration;

use super::entry::{End, Record};

/// What every line begins with.
pub(super) const START: &[u8] = b"{\"arrival\": ";

/// Appends a record, as one object and the end of the line.
///
/// `output_tokens` is the true length, so it is 0 where the request did not finish: a reader then
/// leaves the row out. What such a request had is `partial_tokens`.
pub(super) fn write(line: &mut Vec<u8>, record: &Record) {
    let is_finished = record.end == End::Finished;
    line.extend(START);
    seconds(line, record.arrival);
    count(line, "prompt_tokens", record.prompt_tokens);
    if let Some(predicted) = record.predicted_tokens {
        count(line, "predicted_tokens", predicted);
    }
    count(line, "output_tokens", if is_finished { record.output_tokens } else { 0 });
    if !is_finished && record.output_tokens > 0 {
        count(line, "partial_tokens", record.output_tokens);
    }
    time(line, "wait", record.wait);
    time(line, "time_to_first_token", record.time_to_first_token);
    time(line, "latency", record.latency);
    key(line, "end");
    line.push(b'"');
    line.extend(record.end.name().as_bytes());
    line.extend(b"\"}\n");
}

fn key(line: &mut Vec<u8>, key: &str) {
    line.extend(b", \"");
    line.extend(key.as_bytes());
    line.extend(b"\": ");
}

fn count(line: &mut Vec<u8>, name: &str, count: u32) {
    key(line, name);
    decimal(line, count.into(), 1);
}

fn time(line: &mut Vec<u8>, name: &str, time: Option<Duration>) {
    if let Some(time) = time {
        key(line, name);
        seconds(line, time);
    }
}

/// Appends seconds to the microsecond.
fn seconds(line: &mut Vec<u8>, time: Duration) {
    decimal(line, time.as_secs(), 1);
    line.push(b'.');
    decimal(line, time.subsec_micros().into(), 6);
}

/// Appends a number, with zeros in front where it has fewer than `digits`. Several times as fast as
/// the formatting of `std`, which would take most of the writer's time.
fn decimal(line: &mut Vec<u8>, number: u64, digits: usize) {
    let mut text = [b'0'; 20];
    let (mut start, mut rest) = (text.len(), number);
    while rest > 0 {
        start -= 1;
        text[start] += (rest % 10) as u8;
        rest /= 10;
    }
    line.extend(&text[start.min(text.len() - digits)..]);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn text(record: &Record) -> String {
        let mut line = Vec::new();
        write(&mut line, record);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_line_has_what_is_known() {
        let arrival = Duration::new(1_700_000_000, 250_001_999);
        let record = Record { prompt_tokens: 7, ..Record::new(arrival, End::Expired) };
        let expected = "{\"arrival\": 1700000000.250001, \"prompt_tokens\": 7, \
                        \"output_tokens\": 0, \"end\": \"expired\"}\n";
        assert_eq!(text(&record), expected);
        let known = Record {
            end: End::Finished,
            predicted_tokens: Some(5),
            output_tokens: 9,
            wait: Some(Duration::from_micros(12)),
            time_to_first_token: Some(Duration::from_millis(1500)),
            latency: Some(Duration::from_secs(2)),
            ..record
        };
        let expected = "{\"arrival\": 1700000000.250001, \"prompt_tokens\": 7, \
                        \"predicted_tokens\": 5, \"output_tokens\": 9, \"wait\": 0.000012, \
                        \"time_to_first_token\": 1.500000, \"latency\": 2.000000, \
                        \"end\": \"finished\"}\n";
        assert_eq!(text(&known), expected);
    }

    #[test]
    fn numbers_are_written_as_by_std() {
        for number in [0, 1, 9, 10, 999_999, 1_000_000, u64::MAX] {
            for digits in [1, 6, 20] {
                let mut line = Vec::new();
                decimal(&mut line, number, digits);
                assert_eq!(String::from_utf8(line).unwrap(), format!("{number:0digits$}"));
            }
        }
    }

    #[test]
    fn a_request_that_did_not_finish_has_no_length() {
        let record = Record { output_tokens: 3, ..Record::new(Duration::ZERO, End::Cancelled) };
        let line = text(&record);
        assert!(line.contains("\"output_tokens\": 0, \"partial_tokens\": 3, "), "{line}");
    }
}
