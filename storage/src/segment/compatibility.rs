//! Compatibility: segments written by every released version of the format stay readable.
//!
//! `storage/testdata/segment-v<version>/` holds, per table, files, their sidecars and their rows in words. A new version adds
//! a directory with `BINNACLE_WRITE_TEST_DATA=1 cargo test files_of_every_version`; existing ones never change.

use super::tests::{Owned, Row, Seed, batch, cell, rows_of_file, run, segment};
use super::*;
use crate::log_index::IndexQuery;
use crate::model::TraceId;
use bytes::Bytes;
use std::fs;
use std::path::{Path, PathBuf};

/// Version 2 has logs in another order, and value filters.
const VERSIONS: &[&str] = &["1", "2"];

fn directory(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/segment-v{version}"))
}

/// Rows with every column set somewhere, and more keys than there are columns for.
fn seeds() -> Vec<Seed> {
    (0..60u8)
        .map(|row| Seed {
            service: row % 3,
            name: row / 3 % 3,
            time: 1_700_000_000_000_000_000 + i64::from(row) * 1_000_003,
            id: row / 4,
            number: i64::from(row) * 7_919 - 100,
            flags: row.wrapping_mul(37),
            text: format!("Payment {row} of order-{} was déclined", row * 3),
            attributes: attributes(row),
        })
        .collect()
}

fn attributes(row: u8) -> Vec<(String, Owned)> {
    let mut attributes = vec![
        ("http.route".to_owned(), Owned::String(format!("/cart/{}", row % 5))),
        ("http.response.status_code".to_owned(), Owned::Int(200 + i64::from(row % 4) * 100)),
        ("ratio".to_owned(), Owned::Double(f64::from(row) / 7.0)),
        ("cached".to_owned(), Owned::Bool(row.is_multiple_of(2))),
        ("blob".to_owned(), Owned::Bytes(vec![row, 255])),
        (format!("rare.{row}"), Owned::Int(1)),
        (format!("rare.{}", row + 20), Owned::Empty),
    ];
    if row.is_multiple_of(9) {
        attributes.push(("http.response.status_code".to_owned(), Owned::String("n/a".to_owned())));
        attributes.push(("ratio".to_owned(), Owned::Double(f64::NAN)));
    }
    attributes
}

fn render(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().map(|(name, value)| format!("{name}={value}")).collect();
        text.push_str(&cells.join(" "));
        text.push('\n');
    }
    text
}

/// Writes the directory of a new version of the format.
fn write_test_data() {
    let directory = directory(VERSIONS[VERSIONS.len() - 1]);
    fs::create_dir(&directory).expect("a version's files are written once");
    for table in Table::ALL {
        let batch = batch(table.signal(), 1_700_000_100_000_000_000, 0, &seeds());
        let source = [Source::Batch(batch.table(table).unwrap())];
        let written = write_segments(table, &source).unwrap().remove(0);
        let path = |extension: &str| directory.join(format!("{}.{extension}", table.name()));
        fs::write(path("parquet"), &written.parquet).unwrap();
        fs::write(path("rows"), render(&rows_of_file(&written.parquet))).unwrap();
        if let Some(index) = &written.index {
            fs::write(path("idx"), index).unwrap();
        }
    }
}

/// A stored file as the catalog would know it.
fn open(path: &Path, table: Table) -> (Segment, WrittenSegment) {
    let parquet = Bytes::from(fs::read(path).unwrap());
    let metadata = parquet::file::metadata::ParquetMetaDataReader::new();
    let metadata = metadata.parse_and_finish(&parquet).unwrap();
    let footer = parquet.slice(schema::body_end(&metadata) as usize..);
    let written = WrittenSegment {
        index: fs::read(path.with_extension("idx")).ok().map(Bytes::from),
        rollup: None,
        rollup_settled: false,
        rows: metadata.file_metadata().num_rows() as u64,
        time_min: Timestamp(0),
        time_max: Timestamp(i64::MAX),
        ingested_max: Timestamp(i64::MAX),
        footer_bytes: footer.len() as u64,
        footer_crc32c: crc32c::crc32c(&footer),
        schema_version: 1,
        sort_version: 1,
        parquet,
    };
    (segment(table, &written), written)
}

#[test]
fn files_of_every_version_are_read_and_merged() {
    if std::env::var_os("BINNACLE_WRITE_TEST_DATA").is_some() {
        write_test_data();
    }
    for &version in VERSIONS {
        for table in Table::ALL {
            let path = directory(version).join(format!("{}.parquet", table.name()));
            let (reader, written) = open(&path, table);
            let rows = rows_of_file(&written.parquet);
            let expected = fs::read_to_string(path.with_extension("rows")).unwrap();
            let newest = directory(VERSIONS[VERSIONS.len() - 1]).join(table.name());
            let in_order = fs::read_to_string(newest.with_extension("rows")).unwrap();
            assert_eq!(render(&rows), expected, "{}", path.display());
            let file = run(reader.load()).unwrap();
            let merged = write_segments(table, &[Source::File(&file)]).unwrap();
            assert_eq!(render(&rows_of_file(&merged[0].parquet)), in_order);
            check_indexes(&reader, table, &rows);
        }
    }
}

fn check_indexes(reader: &Segment, table: Table, rows: &[Row]) {
    let id = TraceId([7; 16]);
    let wanted = format!("{:?}", id.0);
    let matching =
        rows.iter().enumerate().filter(|(_, row)| cell(row, "trace_id") == Some(&wanted));
    let expected: Vec<u32> = matching.map(|(row, _)| row as u32).collect();
    assert_eq!(run(reader.trace_rows(id)).unwrap(), expected);
    assert_eq!(expected.is_empty(), !table.has_trace_index());
    if table.has_log_index() {
        let find =
            |word: &str| run(reader.candidates(&IndexQuery::Phrase(vec![word.into()]))).unwrap();
        assert_eq!(find("déclined"), Some(std::iter::once(0..60).collect()));
        assert_eq!(find("accepted"), Some(vec![]));
    }
}
