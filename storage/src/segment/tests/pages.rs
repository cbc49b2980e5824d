//! Pages: which rows they hold, and what their bounds say.

use super::*;
use arrow::array::{Array, AsArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Rows enough for several pages, with values that repeat, seldom are there, or come in runs.
fn long_batch() -> Batch {
    let seed = |row: i64| Seed {
        service: (row % 3) as u8,
        name: (row / 5_000 % 3) as u8,
        time: row * 1_000,
        id: (row / 7 % 200) as u8,
        number: row * 31,
        flags: (row % 251) as u8,
        text: format!("request {} {}", row % 400, "long ".repeat((row % 40) as usize)),
        attributes: match row % 11 {
            0 => vec![("rare".to_owned(), Owned::String("é".repeat(40 + (row % 3) as usize)))],
            1..5 => vec![("often".to_owned(), Owned::String(format!("value {}", row % 600)))],
            _ => Vec::new(),
        },
    };
    let seeds: Vec<Seed> = (0..20_000).map(seed).collect();
    batch(Signal::Traces, 5, 0, &seeds)
}

#[test]
fn pages_hold_their_rows_and_their_bounds_bound_them() {
    let batches = [long_batch()];
    let parts = tables(&batches, Table::Spans);
    let written = write(Table::Spans, &parts).remove(0);
    let rows = rows_of_file(&written.parquet);
    assert_eq!(sorted(rows.clone()), sorted(rows_of_batch(parts[0])));
    let file = open(Table::Spans, &written);
    let merged = write_segments(Table::Spans, &[Source::File(&file)]).unwrap();
    assert_eq!(rows_of_file(&merged[0].parquet), rows);
    if let Ok(path) = std::env::var("BINNACLE_TEST_SEGMENT") {
        std::fs::write(path, &written.parquet).unwrap();
    }
    let metadata = run(segment(Table::Spans, &written).metadata()).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(written.parquet.clone()).unwrap();
    let records = reader.with_batch_size(1 << 20).build().unwrap().next().unwrap().unwrap();
    let mut checked = 0;
    for (column, array) in records.columns().iter().enumerate() {
        let Some(texts) = array.as_string_opt::<i32>() else { continue };
        checked += 1;
        let offsets = &metadata.offset_index().unwrap()[0][column].page_locations;
        assert_eq!(offsets.len(), 3, "pages of 8,192 rows");
        let index = &metadata.column_index().unwrap()[0][column];
        let parquet::file::page_index::column_index::ColumnIndexMetaData::BYTE_ARRAY(index) = index
        else {
            panic!("a text column has an index of texts")
        };
        for (page, location) in offsets.iter().enumerate() {
            let end = offsets.get(page + 1).map_or(20_000, |next| next.first_row_index as usize);
            for row in location.first_row_index as usize..end {
                if texts.is_valid(row) {
                    let value = texts.value(row).as_bytes();
                    assert!(index.min_value(page).unwrap() <= value);
                    assert!(index.max_value(page).unwrap() >= value);
                }
            }
        }
        let statistics = metadata.row_group(0).column(column).statistics().unwrap();
        let nulls = statistics.null_count_opt().unwrap();
        assert_eq!(nulls, array.null_count() as u64);
        let min = texts.iter().flatten().min().unwrap().as_bytes();
        assert!(statistics.min_bytes_opt().unwrap() <= min);
        assert_eq!(statistics.min_is_exact(), statistics.min_bytes_opt().unwrap() == min);
        let max = texts.iter().flatten().max().unwrap().as_bytes();
        assert!(statistics.max_bytes_opt().unwrap() >= max);
        assert_eq!(statistics.max_is_exact(), statistics.max_bytes_opt().unwrap() == max);
    }
    assert!(checked >= 6, "service, name, state, message and two attributes");
}
