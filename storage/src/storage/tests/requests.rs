//! Appends, retries, flushes and restarts, with nothing broken.

use super::*;

#[tokio::test]
async fn rows_are_seen_once_before_and_after_flush_compaction_and_restart() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let (storage, _) = open(directory.path(), &clock).await;
    let mut expected = Vec::new();
    for round in 0..10 {
        for index in 0..3 {
            let text = format!("row {round} {index} a\nrow {round} {index} b");
            assert_eq!(append(&storage, &text, &clock).await.unwrap(), Accepted::Stored);
            expected.extend(text.lines().map(str::to_owned));
        }
        expected.sort();
        assert_eq!(bodies(&storage).await, expected);
        let (flushed, seen) = tokio::join!(storage.flush(), bodies(&storage));
        flushed.unwrap();
        assert_eq!(seen, expected);
    }
    storage.compact().await.unwrap();
    assert_eq!(bodies(&storage).await, expected);
    let snapshot = storage.snapshot(&TenantId::default()).await.unwrap();
    assert_eq!(snapshot.segment_count(Table::Logs), 1, "small days share a segment");
    assert!(snapshot.all_segments().iter().all(|segment| segment.info().level > 0));
    drop((snapshot, storage));
    let (storage, report) = open(directory.path(), &clock).await;
    assert_eq!(bodies(&storage).await, expected);
    assert_eq!(report.records_replayed, 0);
    assert!(report.problems.is_empty(), "{report:?}");
}

#[tokio::test]
async fn unflushed_rows_come_back_from_the_wal() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let (storage, _) = open(directory.path(), &clock).await;
    append(&storage, "a\nb", &clock).await.unwrap();
    storage.flush().await.unwrap();
    append(&storage, "c", &clock).await.unwrap();
    drop(storage);
    let (storage, report) = open(directory.path(), &clock).await;
    assert_eq!(bodies(&storage).await, ["a", "b", "c"]);
    assert_eq!((report.records_replayed, report.records_skipped, report.rows_replayed), (1, 1, 1));
    assert!(report.problems.is_empty(), "{report:?}");
}

#[tokio::test]
async fn shutdown_flushes_everything_and_leaves_no_wal() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let (storage, _) = open(directory.path(), &clock).await;
    append(&storage, "a", &clock).await.unwrap();
    storage.shutdown().await.unwrap();
    assert!(matches!(append(&storage, "b", &clock).await, Err(Error::ShuttingDown)));
    assert_eq!(wal_files(directory.path(), "wal"), [] as [&Path; 0]);
    drop(storage);
    let (storage, report) = open(directory.path(), &clock).await;
    assert_eq!((bodies(&storage).await, report.wal_files), (vec!["a".to_owned()], 0));
}

#[tokio::test]
async fn retries_are_recognised_for_ten_minutes_also_over_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let (storage, _) = open(directory.path(), &clock).await;
    let (one, two) = tokio::join!(append(&storage, "a", &clock), append(&storage, "a", &clock));
    let mut outcomes = [one.unwrap(), two.unwrap()];
    outcomes.sort_by_key(|outcome| *outcome == Accepted::Duplicate);
    assert_eq!(outcomes, [Accepted::Stored, Accepted::Duplicate]);
    drop(storage);
    let (storage, _) = open(directory.path(), &clock).await;
    assert_eq!(append(&storage, "a", &clock).await.unwrap(), Accepted::Duplicate, "from the WAL");
    storage.shutdown().await.unwrap();
    drop(storage);
    let (storage, _) = open(directory.path(), &clock).await;
    assert_eq!(
        append(&storage, "a", &clock).await.unwrap(),
        Accepted::Duplicate,
        "from the catalog"
    );
    assert_eq!(bodies(&storage).await, ["a"]);
    clock.advance(Duration::from_secs(601));
    assert_eq!(append(&storage, "a", &clock).await.unwrap(), Accepted::Stored);
    assert_eq!(bodies(&storage).await, ["a", "a"]);
}

#[tokio::test]
async fn tenants_are_apart() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let (storage, _) = open(directory.path(), &clock).await;
    let other: TenantId = "other".parse().unwrap();
    append(&storage, "a", &clock).await.unwrap();
    let theirs = AppendRequest { tenant: other.clone(), ..request("a", clock.now()) };
    assert_eq!(storage.append(theirs).await.unwrap(), Accepted::Stored);
    assert_eq!(storage.tenants().await.unwrap(), [TenantId::default(), other]);
    assert_eq!(bodies(&storage).await, ["a"]);
    storage.flush().await.unwrap();
    assert_eq!(bodies(&storage).await, ["a"]);
    assert!(bodies(&storage).await.len() == 1);
}

#[tokio::test]
async fn old_segments_go_and_their_files_an_hour_later() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let (storage, _) = open(directory.path(), &clock).await;
    append(&storage, "a", &clock).await.unwrap();
    storage.flush().await.unwrap();
    let held = storage.snapshot(&TenantId::default()).await.unwrap();
    clock.advance(Duration::from_secs(31 * 86_400));
    append(&storage, "b", &clock).await.unwrap();
    storage.flush().await.unwrap();
    storage.retain().await.unwrap();
    assert_eq!(bodies(&storage).await, ["b"]);
    clock.advance(Duration::from_secs(3601));
    storage.retain().await.unwrap();
    assert_eq!(segment_files(directory.path(), "parquet").len(), 2, "a snapshot names it");
    drop(held);
    storage.retain().await.unwrap();
    assert_eq!(segment_files(directory.path(), "parquet").len(), 1);
}

#[tokio::test]
async fn a_full_buffer_refuses_and_a_flush_makes_room() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let broken = Arc::new(Broken::default());
    broken.breaks(|operation| operation == Operation::PutObject, rustix::io::Errno::IO);
    let one = request("x", clock.now()).batch.memory() as u64;
    let config = StorageConfig { buffer_bytes_max: 8 * one, ..config(directory.path()) };
    let (storage, _) = open_with(broken.clone(), config, clock.clone()).await.unwrap();
    let mut stored = 0;
    let refused = loop {
        match append(&storage, &format!("{stored}"), &clock).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 100);
    };
    assert!(matches!(refused, Error::Overloaded { .. }), "{refused}");
    broken.mend();
    storage.flush().await.unwrap();
    append(&storage, "after", &clock).await.unwrap();
    assert_eq!(bodies(&storage).await.len(), stored + 1);
}

#[tokio::test]
async fn a_very_full_buffer_is_flushed_in_parts() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let broken = Arc::new(Broken::default());
    broken.breaks(|operation| operation == Operation::PutObject, rustix::io::Errno::IO);
    let config = StorageConfig { flush_rows_max: 4, ..config(directory.path()) };
    let (storage, _) = open_with(broken.clone(), config, clock.clone()).await.unwrap();
    let rows: Vec<String> = (0..21).map(|row| format!("row {row:02}")).collect();
    for row in &rows {
        append(&storage, row, &clock).await.unwrap();
    }
    assert_eq!(bodies(&storage).await, rows);
    broken.mend();
    storage.flush().await.unwrap();
    let metrics = &storage.handle.engine.metrics;
    assert_eq!(bodies(&storage).await, rows);
    assert!(metrics.flushes.get() >= 6, "{} flushes", metrics.flushes.get());
    assert!(storage.snapshot(&TenantId::default()).await.unwrap().segment_count(Table::Logs) >= 6);
    drop(storage);
    let (storage, report) = open(directory.path(), &clock).await;
    assert_eq!((report.records_replayed, bodies(&storage).await), (0, rows));
}

#[tokio::test]
async fn a_long_wal_is_flushed_while_it_is_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let (storage, _) = open(directory.path(), &clock).await;
    for index in 0..40 {
        append(&storage, &format!("row {index}"), &clock).await.unwrap();
    }
    drop(storage);
    let one = request("x", clock.now()).batch.memory() as u64;
    let config = StorageConfig { buffer_bytes_max: 10 * one, ..config(directory.path()) };
    let (storage, report) =
        open_with(Arc::new(Broken::default()), config, clock.clone()).await.unwrap();
    assert_eq!((report.records_replayed, bodies(&storage).await.len()), (40, 40));
    let snapshot = storage.snapshot(&TenantId::default()).await.unwrap();
    assert!(snapshot.segment_count(Table::Logs) > 0);
}

#[tokio::test]
async fn files_that_no_edit_names_go_after_a_day() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let (storage, _) = open(directory.path(), &clock).await;
    append(&storage, "a", &clock).await.unwrap();
    storage.flush().await.unwrap();
    let live = segment_files(directory.path(), "parquet").remove(0);
    let orphan = live.with_file_name("0190a000-0000-7000-8000-000000000000.parquet");
    std::fs::copy(&live, &orphan).unwrap();
    storage.retain().await.unwrap();
    assert!(orphan.exists());
    clock.0.store(crate::SystemClock.now().0, Ordering::SeqCst);
    clock.advance(Duration::from_secs(2 * 86_400));
    // Retention of the row itself is another matter.
    storage.retain().await.unwrap();
    assert!(!orphan.exists() && live.exists());
}
