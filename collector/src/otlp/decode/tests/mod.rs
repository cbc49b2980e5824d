//! The walker against opentelemetry-proto: same verdict on every record, same rows.

pub mod generate;
mod points;
mod reference;
mod rows;
mod stored;

use super::decode;
use binnacle_storage::model::{Signal, Timestamp};
use generate::Generator;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000_000_000);

/// Both ways of reading `body` must agree; says how many records were rejected.
fn check(signal: Signal, body: &[u8]) -> Result<u64, String> {
    let walked = decode(signal, body, NOW);
    let expected = reference::read(signal, body, NOW);
    match (walked, expected) {
        (Err(_), None) => {
            if reference::is_well_formed(signal, body) {
                return Err("the official decoder takes what the walker calls broken".to_owned());
            }
            Ok(0)
        }
        (Ok(_), None) => Err("the walker takes a request whose framing is broken".to_owned()),
        (Err(error), Some(_)) => Err(format!("the walker refuses a whole request: {error}")),
        (Ok(decoded), Some(expected)) => {
            let rows = rows::read(&decoded.batch);
            if rows != expected.rows {
                return Err(format!("rows differ:\n{rows:#?}\nexpected\n{:#?}", expected.rows));
            }
            let counts = (decoded.accepted, decoded.rejected.count);
            if counts != (expected.accepted, expected.rejected) {
                return Err(format!("counts {counts:?} differ: {:?}", decoded.rejected));
            }
            Ok(expected.rejected)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_requests_decode_alike(seed: u64) {
        for signal in Signal::ALL {
            let body = Generator::new(seed).request(signal);
            check(signal, &body).map_err(TestCaseError::fail)?;
            prop_assert!(reference::is_well_formed(signal, &body));
        }
    }

    #[test]
    fn reordered_repeated_and_split_fields_decode_alike(seed: u64) {
        for signal in Signal::ALL {
            let mut generator = Generator::new(seed);
            let body = generator.request(signal);
            let body = generator.shake(&body, 12);
            check(signal, &body).map_err(TestCaseError::fail)?;
        }
    }

    #[test]
    fn damaged_requests_decode_alike(seed: u64) {
        for signal in Signal::ALL {
            let mut generator = Generator::new(seed);
            let mut body = generator.request(signal);
            for _ in 0..=generator.below(3) {
                generator.damage(&mut body);
                check(signal, &body).map_err(TestCaseError::fail)?;
            }
        }
    }
}

#[test]
fn garbage_is_refused_or_decoded_alike_but_never_a_crash() {
    for seed in 0..20_000 {
        let mut generator = Generator::new(seed);
        let length = generator.below(64);
        let body: Vec<u8> = (0..length).map(|_| generator.below(256) as u8).collect();
        for signal in Signal::ALL {
            check(signal, &body).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        }
    }
}

#[test]
fn values_nested_past_the_limit_reject_their_record_only() {
    use binnacle_storage::model::Table;
    let deep = generate::nested_span(60);
    let flat = generate::nested_span(2);
    let body = generate::spans_request(&[&deep, &flat]);
    let decoded = decode(Signal::Traces, &body, NOW).unwrap();
    assert_eq!((decoded.accepted, decoded.rejected.count), (1, 1));
    assert_eq!(decoded.batch.table(Table::Spans).unwrap().rows, 1);
    check(Signal::Traces, &body).unwrap();
}

#[test]
fn a_bad_span_names_its_reason_and_its_neighbours_land() {
    let good = generate::nested_span(0);
    let zero = generate::span_with_id(&[0; 16]);
    let short = generate::span_with_id(&[1; 15]);
    let body = generate::spans_request(&[&zero, &good, &zero, &short, b"\x0a\xff"]);
    let decoded = decode(Signal::Traces, &body, NOW).unwrap();
    assert_eq!((decoded.accepted, decoded.rejected.count), (1, 4));
    assert_eq!(
        decoded.rejected.message(4096),
        "2 × trace id is empty or all zero; 1 × trace id is not 16 bytes long; \
         1 × malformed: message ends inside a field"
    );
}

#[test]
fn a_flood_of_tiny_records_is_refused_before_it_takes_memory() {
    let mut records = Vec::new();
    for _ in 0..=super::RECORDS_MAX {
        records.extend_from_slice(&[0x12, 0]);
    }
    let body = generate::in_scope(&records);
    assert_eq!(decode(Signal::Logs, &body, NOW).unwrap_err(), super::Broken::TooMany);
}
