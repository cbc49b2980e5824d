//! Each fault has its answer, and none loses what was acknowledged.

use super::*;
use rustix::io::Errno;

/// Waits until storage takes requests again.
async fn recovered(storage: &Storage) {
    for _ in 0..200 {
        if storage.read_only_reason().is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("still read-only: {:?}", storage.read_only_reason());
}

#[tokio::test]
async fn a_full_disk_makes_storage_read_only_until_there_is_room() {
    for has_file in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let clock = TestClock::at(NOW);
        let broken = Arc::new(Broken::default());
        let (storage, _) =
            open_with(broken.clone(), config(directory.path()), clock.clone()).await.unwrap();
        // The first WAL file is made by the first append.
        if has_file {
            append(&storage, "before", &clock).await.unwrap();
        }
        broken.breaks(|operation| matches!(operation, Operation::WriteWal { .. }), Errno::NOSPC);
        broken.breaks(|operation| operation == Operation::AllocateWal, Errno::NOSPC);
        for _ in 0..2 {
            let refused = append(&storage, "refused", &clock).await;
            assert!(
                matches!(&refused, Err(Error::ReadOnly { reason }) if reason.contains("WAL")),
                "{refused:?}"
            );
        }
        assert!(storage.read_only_reason().is_some());
        assert!(wal_files(directory.path(), "wal").len() <= 1, "failed tries leave nothing");
        assert_eq!(bodies(&storage).await.len(), usize::from(has_file));
        broken.mend();
        recovered(&storage).await;
        assert_eq!(append(&storage, "refused", &clock).await.unwrap(), Accepted::Stored);
        drop(storage);
        let (storage, report) = open(directory.path(), &clock).await;
        assert_eq!(bodies(&storage).await.len(), 1 + usize::from(has_file));
        assert!(report.problems.is_empty(), "{report:?}");
    }
}

#[tokio::test]
async fn a_failed_fsync_stops_writing_until_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let broken = Arc::new(Broken::default());
    let (storage, _) =
        open_with(broken.clone(), config(directory.path()), clock.clone()).await.unwrap();
    append(&storage, "before", &clock).await.unwrap();
    broken.breaks(|operation| operation == Operation::SyncWal, Errno::IO);
    assert!(matches!(append(&storage, "unsure", &clock).await, Err(Error::ReadOnly { .. })));
    broken.mend();
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    let refused = append(&storage, "later", &clock).await;
    assert!(
        matches!(&refused, Err(Error::ReadOnly { reason }) if reason.contains("restart")),
        "{refused:?}"
    );
    assert_eq!(bodies(&storage).await, ["before"], "queries go on");
    drop(storage);
    let (storage, _) = open(directory.path(), &clock).await;
    append(&storage, "unsure", &clock).await.unwrap();
    assert_eq!(bodies(&storage).await, ["before", "unsure"]);
}

#[tokio::test]
async fn a_failed_segment_write_keeps_the_rows_and_is_tried_again() {
    for operations in [
        (|operation| operation == Operation::PutObject) as fn(Operation) -> bool,
        |operation| operation == Operation::SyncObject,
        |operation| operation == Operation::EditCatalog,
        |operation| operation == Operation::LearnEdit,
    ] {
        let directory = tempfile::tempdir().unwrap();
        let clock = TestClock::at(NOW);
        let broken = Arc::new(Broken::default());
        let (storage, _) =
            open_with(broken.clone(), config(directory.path()), clock.clone()).await.unwrap();
        append(&storage, "a\nb\nc", &clock).await.unwrap();
        broken.breaks(operations, Errno::NOSPC);
        assert!(storage.flush().await.is_err());
        assert_eq!(append(&storage, "d", &clock).await.unwrap(), Accepted::Stored);
        assert_eq!(bodies(&storage).await, ["a", "b", "c", "d"]);
        broken.mend();
        storage.flush().await.unwrap();
        assert_eq!(bodies(&storage).await, ["a", "b", "c", "d"]);
        drop(storage);
        let (storage, _) = open(directory.path(), &clock).await;
        assert_eq!(bodies(&storage).await, ["a", "b", "c", "d"]);
    }
}

#[tokio::test]
async fn a_failed_compaction_changes_nothing() {
    for operations in [
        (|operation| operation == Operation::PutObject) as fn(Operation) -> bool,
        |operation| operation == Operation::EditCatalog,
        |operation| operation == Operation::LearnEdit,
    ] {
        let directory = tempfile::tempdir().unwrap();
        let clock = TestClock::at(NOW);
        let broken = Arc::new(Broken::default());
        let (storage, _) =
            open_with(broken.clone(), config(directory.path()), clock.clone()).await.unwrap();
        for text in ["a\nb\nc", "d\ne\nf"] {
            append(&storage, text, &clock).await.unwrap();
            storage.flush().await.unwrap();
        }
        broken.breaks(operations, Errno::NOSPC);
        let _ = storage.compact().await;
        broken.mend();
        assert_eq!(bodies(&storage).await, ["a", "b", "c", "d", "e", "f"]);
        storage.compact().await.unwrap();
        drop(storage);
        let (storage, _) = open(directory.path(), &clock).await;
        assert_eq!(bodies(&storage).await, ["a", "b", "c", "d", "e", "f"]);
    }
}

#[tokio::test]
async fn a_missing_or_cut_segment_is_set_aside_and_the_rest_serves() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let (storage, _) = open(directory.path(), &clock).await;
    for text in ["a", "b", "c"] {
        append(&storage, text, &clock).await.unwrap();
        storage.flush().await.unwrap();
    }
    storage.shutdown().await.unwrap();
    drop(storage);
    let files = segment_files(directory.path(), "parquet");
    assert_eq!(files.len(), 3);
    std::fs::remove_file(&files[0]).unwrap();
    std::fs::write(&files[1], b"PAR1").unwrap();
    let (storage, _) = open(directory.path(), &clock).await;
    assert_eq!(bodies(&storage).await.len(), 1);
    let snapshot = storage.snapshot(&TenantId::default()).await.unwrap();
    assert_eq!((snapshot.warnings().len(), storage.problems().len()), (2, 2));
    append(&storage, "d", &clock).await.unwrap();
    storage.compact().await.unwrap();
    storage.retain().await.unwrap();
    assert_eq!(bodies(&storage).await.len(), 2);
    assert!(files[1].exists(), "never deleted by itself");
}

#[tokio::test]
async fn a_segment_with_wrong_bytes_is_set_aside_by_compaction() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let (storage, _) = open(directory.path(), &clock).await;
    // Of the same day.
    for text in ["a", "d"] {
        append(&storage, text, &clock).await.unwrap();
        storage.flush().await.unwrap();
    }
    drop(storage);
    let files = segment_files(directory.path(), "parquet");
    let bytes = std::fs::metadata(&files[0]).unwrap().len();
    std::fs::write(&files[0], vec![0xa5; bytes as usize]).unwrap();
    let (storage, _) = open(directory.path(), &clock).await;
    storage.compact().await.unwrap();
    let snapshot = storage.snapshot(&TenantId::default()).await.unwrap();
    assert_eq!(snapshot.warnings().len(), 1, "{:?}", storage.problems());
    assert!(!bodies(&storage).await.is_empty());
}

#[tokio::test]
async fn an_unusable_catalog_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let (storage, _) = open(directory.path(), &clock).await;
    append(&storage, "a", &clock).await.unwrap();
    storage.shutdown().await.unwrap();
    drop(storage);
    let catalog = directory.path().join("catalog.sqlite");
    std::fs::write(&catalog, b"not a database, but long enough to be taken for one").unwrap();
    let again = || open_with(Arc::new(Broken::default()), config(directory.path()), clock.clone());
    let error = again().await.unwrap_err();
    assert!(matches!(error, Error::CatalogUnusable { .. }), "{error}");
    assert!(error.to_string().contains("restore"), "{error}");
    std::fs::remove_file(&catalog).unwrap();
    let error = again().await.unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
}

#[tokio::test]
async fn a_second_engine_on_the_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let (_storage, _) = open(directory.path(), &clock).await;
    let second = open_with(Arc::new(Broken::default()), config(directory.path()), clock).await;
    assert!(matches!(second, Err(Error::Locked { .. })));
}

#[tokio::test]
async fn damage_in_the_wal_loses_one_record_and_keeps_the_file_aside() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let (storage, _) = open(directory.path(), &clock).await;
    for text in ["a", "b", "c"] {
        append(&storage, text, &clock).await.unwrap();
    }
    drop(storage);
    let file = wal_files(directory.path(), "wal").remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[4096 + 20] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let (storage, report) = open(directory.path(), &clock).await;
    assert_eq!(bodies(&storage).await, ["a", "c"]);
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert!(
        report.problems[0].contains("damaged") && report.problems[0].contains("1 records lost")
    );
    storage.shutdown().await.unwrap();
    assert_eq!(wal_files(directory.path(), "damaged").len(), 1);
}

#[tokio::test]
async fn bodies_that_no_longer_decode_are_reported() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let (storage, _) = open(directory.path(), &clock).await;
    let broken = AppendRequest { body: Bytes::from_static(b"\xff"), ..request("a", clock.now()) };
    storage.append(broken).await.unwrap();
    append(&storage, "b", &clock).await.unwrap();
    drop(storage);
    let (storage, report) = open(directory.path(), &clock).await;
    assert_eq!(bodies(&storage).await, ["b"]);
    assert!(report.problems[0].contains("cannot be decoded"), "{report:?}");
}
