//! Queries over damaged files: the rest is answered, what is missing is said, and later queries know.

use super::rows::{DAY, DAY_NANOS, Fixture, Part, rows_of, run};
use crate::logs::LogRequest;
use binnacle_storage::model::{TenantId, TraceId};

fn scribble(path: &std::path::Path) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    let garbage = vec![0xff; file.metadata().unwrap().len() as usize / 2];
    file.write_all_at(&garbage, 4).unwrap();
}

/// Changes the Parquet file of the segment that holds `part`.
fn damage(fixture: &Fixture, days_later: i64, change: impl Fn(&std::path::Path)) {
    use parquet::file::reader::FileReader;
    let day = (DAY / DAY_NANOS) + days_later;
    let mut found = 0;
    let mut directories = vec![fixture.directory.path().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "parquet") {
                let file = std::fs::File::open(&path).unwrap();
                let reader = parquet::file::reader::SerializedFileReader::new(file).unwrap();
                let group = reader.metadata().row_group(0).clone();
                let times = (0..group.num_columns())
                    .find(|index| group.column(*index).column_descr().name() == "start_time");
                // A rollup has none.
                let Some(times) = times else { continue };
                let statistics = group.column(times).statistics().unwrap();
                let bytes = statistics.min_bytes_opt().unwrap().try_into().unwrap();
                if i64::from_le_bytes(bytes) / DAY_NANOS == day {
                    change(&path);
                    found += 1;
                }
            }
        }
    }
    assert_eq!(found, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_segment_is_left_out_and_named() {
    let mut fixture = Fixture::new().await;
    for part in [Part::Shredded, Part::Lacking] {
        fixture.append(&rows_of(part)).await;
        fixture.flush().await;
    }
    damage(&fixture, Part::Shredded as i64, scribble);
    let engine = fixture.engine(true);
    let query = "SELECT count(*), count(DISTINCT name), max(attributes) FROM spans";
    let (rows, stats) = run(&engine, query).await.unwrap();
    assert_eq!(rows, [["40", "40", "{}"]], "{stats:?}");
    assert_eq!(stats.warnings.len(), 1, "{stats:?}");
    assert!(stats.warnings[0].contains("is left out"), "{stats:?}");
    // The next query does not meet it any more, and still says what is missing.
    assert_eq!(fixture.storage.problems().len(), 1);
    let (rows, stats) = run(&engine, query).await.unwrap();
    assert_eq!(rows, [["40", "40", "{}"]]);
    assert_eq!((stats.segments, stats.bytes_read > 0), (1, true));
    assert!(stats.warnings[0].contains("set aside"), "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_cut_under_the_process_is_a_broken_segment() {
    let mut fixture = Fixture::new().await;
    for part in [Part::Shredded, Part::Lacking] {
        fixture.append(&rows_of(part)).await;
        fixture.flush().await;
    }
    let engine = fixture.engine(true);
    let query = "SELECT count(*), max(name) IS NULL FROM spans";
    assert_eq!(run(&engine, query).await.unwrap().0, [["80", "false"]]);
    let cut = |path: &std::path::Path| {
        std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(100).unwrap();
    };
    damage(&fixture, Part::Shredded as i64, cut);
    let (rows, stats) = run(&engine, query).await.unwrap();
    assert_eq!(rows, [["40", "false"]], "{stats:?}");
    assert!(stats.warnings[0].contains("was cut to 100 of"), "{stats:?}");
    assert_eq!(fixture.storage.problems().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_answered_without_a_broken_segment_which_is_set_aside() {
    let mut fixture = Fixture::new().await;
    for part in [Part::Shredded, Part::Lacking] {
        fixture.append(&rows_of(part)).await;
        fixture.flush().await;
    }
    damage(&fixture, Part::Shredded as i64, scribble);
    let engine = fixture.engine(true);
    let trace = engine.trace(&TenantId::default(), TraceId([2; 16])).await.unwrap().unwrap();
    assert!(!trace.stats.warnings.is_empty());
    assert_eq!(fixture.storage.problems().len(), 1);
    // From then on every answer says that something is missing.
    let again = engine.trace(&TenantId::default(), TraceId([2; 16])).await.unwrap().unwrap();
    assert!(again.stats.warnings[0].contains("set aside"), "{:?}", again.stats);
    let logs = engine.logs(&TenantId::default(), LogRequest::default()).await.unwrap();
    assert!(logs.stats.warnings[0].contains("set aside"), "{:?}", logs.stats);
}
