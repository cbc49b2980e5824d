//! Indexes lead to every row they should, and damage is noticed.

use super::*;
use crate::log_index::{IndexQuery, tokens};
use crate::model::TraceId;
use bytes::Bytes;

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_trace_has_the_rows_that_hold_its_id(seeds in many_seeds()) {
        for (signal, table) in [(Signal::Traces, Table::Spans), (Signal::Logs, Table::Logs), (Signal::Metrics, Table::Exemplars)] {
            let batches = batches(signal, &seeds);
            for written in write(table, &tables(&batches, table)) {
                let rows = rows_of_file(&written.parquet);
                let with_index = segment(table, &written);
                let without = segment(table, &WrittenSegment { index: None, ..written.clone() });
                for id in 0..41u8 {
                    let id = TraceId([id; 16]);
                    let wanted = format!("{:?}", id.0);
                    let matching = rows.iter().enumerate().filter(|(_, row)| cell(row, "trace_id") == Some(&wanted));
                    let expected: Vec<u32> = matching.map(|(row, _)| row as u32).collect();
                    prop_assert_eq!(&run(with_index.trace_rows(id)).unwrap(), &expected);
                    prop_assert_eq!(&run(without.trace_rows(id)).unwrap(), &expected);
                }
            }
        }
    }

    #[test]
    fn the_log_index_never_misses_a_row(seeds in many_seeds()) {
        let batches = batches(Signal::Logs, &seeds);
        let parts = tables(&batches, Table::Logs);
        let sources: Vec<Source<'_>> = parts.iter().map(|part| Source::Batch(part)).collect();
        for written in write_segments(Table::Logs, &sources).unwrap() {
            let reader = segment(Table::Logs, &written);
            for seed in seeds.iter().flatten() {
                let phrase: Vec<String> = tokens(&seed.text).collect();
                let found = run(reader.candidates(&IndexQuery::Phrase(phrase.clone()))).unwrap();
                prop_assert_eq!(found.is_none(), phrase.is_empty());
                let body = format!("{:?}", seed.text.as_bytes());
                for (row, cells) in rows_of_file(&written.parquet).iter().enumerate() {
                    if cell(cells, "body") == Some(&body) && let Some(ranges) = &found {
                        prop_assert!(ranges.iter().any(|range| range.contains(&(row as u32))));
                    }
                }
            }
        }
    }
}

/// Whatever byte is wrong, the answer is an error or right.
#[test]
fn flipped_bytes_of_a_file_are_errors_and_those_of_an_index_change_nothing() {
    let batches = [batch(Signal::Logs, 5, 0, &seeds(60))];
    let parts = tables(&batches, Table::Logs);
    let source = [Source::Batch(parts[0])];
    let written = write_segments(Table::Logs, &source).unwrap().remove(0);
    let rows = sorted(rows_of_file(&written.parquet));
    let index = written.index.clone().unwrap();
    let expected = answers(&written).unwrap();
    for at in (0..index.len()).step_by(3) {
        let broken = WrittenSegment { index: Some(flipped(&index, at)), ..written.clone() };
        // A damaged index is left out, which can only find more.
        assert_eq!(answers(&broken).unwrap().0, expected.0, "byte {at} of the index");
    }
    for at in (0..written.parquet.len()).step_by(7) {
        let broken = flipped(&written.parquet, at);
        let reader = segment(Table::Logs, &WrittenSegment { parquet: broken, ..written.clone() });
        if let Ok(file) = run(reader.load()) {
            let merged = write_segments(Table::Logs, &[Source::File(&file)]).unwrap();
            assert_eq!(sorted(rows_of_segments(&merged)), rows, "byte {at} of the file");
        }
    }
}

type Answers = (Vec<u32>, Option<Vec<std::ops::Range<u32>>>);

fn answers(written: &WrittenSegment) -> Result<Answers, Error> {
    let reader = segment(Table::Logs, written);
    let rows = run(reader.trace_rows(TraceId([7; 16])))?;
    Ok((rows, run(reader.candidates(&IndexQuery::Phrase(vec!["a".into()])))?))
}

fn flipped(bytes: &Bytes, at: usize) -> Bytes {
    let mut broken = bytes.to_vec();
    broken[at] ^= 1 << (at % 8);
    broken.into()
}
