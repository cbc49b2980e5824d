//! Notification as a whole, on a clock that the test moves and receivers that fail as it says.

use super::*;
use crate::{Alert, AlertingConfig, LabelSet, Store};
use binnacle_storage::Clock;
use binnacle_storage::model::{TenantId, Timestamp};
use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const SECOND: i64 = 1_000_000_000;

#[derive(Debug, Default)]
struct ManualClock(AtomicI64);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A receiver: every request gets the status that is set; 0 is no answer at all.
struct Hook {
    url: String,
    status: Arc<AtomicU16>,
    /// Of all requests: the status they got, the idempotency key, the body.
    requests: Arc<Mutex<Vec<(u16, String, serde_json::Value)>>>,
}

impl Hook {
    async fn start(status: u16) -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let status = Arc::new(AtomicU16::new(status));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answers, taken) = (status.clone(), requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, taken) = (answers.clone(), taken.clone());
                tokio::spawn(async move {
                    // A client that goes away ends its connection, nothing else.
                    let _ = serve(stream, &answers, &taken).await;
                });
            }
        });
        Hook { url, status, requests }
    }

    fn taken(&self) -> Vec<(String, serde_json::Value)> {
        let requests = self.requests.lock().unwrap();
        let taken = requests.iter().filter(|(status, ..)| *status == 200);
        taken.map(|(_, key, body)| (key.clone(), body.clone())).collect()
    }
}

async fn serve(
    mut stream: TcpStream,
    answers: &AtomicU16,
    taken: &Mutex<Vec<(u16, String, serde_json::Value)>>,
) -> std::io::Result<()> {
    let mut read = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        let text = String::from_utf8_lossy(&read[..head]).into_owned();
        let header = |name: &str| {
            let line = text.lines().find(|line| line.to_lowercase().starts_with(name));
            line.and_then(|line| line.split_once(": "))
                .map(|(_, v)| v.to_owned())
                .unwrap_or_default()
        };
        let length: usize = header("content-length").parse().unwrap();
        while read.len() < head + 4 + length {
            stream.read_buf(&mut read).await?;
        }
        let body = serde_json::from_slice(&read[head + 4..head + 4 + length]).unwrap();
        read.drain(..head + 4 + length);
        let status = answers.load(Ordering::SeqCst);
        taken.lock().unwrap().push((status, header("idempotency-key"), body));
        if status == 0 {
            return std::future::pending().await;
        }
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// Notification with one webhook, at work.
struct Bench {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    notifier: Notifier,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Bench {
    fn start(folder: tempfile::TempDir, clock: Arc<ManualClock>, hook: &Hook) -> Bench {
        let text = format!(
            "route: {{receiver: hook, group_by: [job], group_wait: 0s, group_interval: 10s}}\n\
             receivers:\n- name: hook\n  webhook_configs: [{{url: '{}', timeout: 100ms}}]\n",
            hook.url
        );
        let file = folder.path().join("notify.yml");
        std::fs::write(&file, text).unwrap();
        let config = AlertingConfig { notify_file: file, ..AlertingConfig::default() };
        let store = Store::open(&folder.path().join("alerting.sqlite")).unwrap();
        let notifier = Notifier::open(&config, store, clock.clone()).unwrap();
        let stop = CancellationToken::new();
        let (running, stopped) = (notifier.clone(), stop.clone());
        let task = tokio::spawn(async move { running.run(stopped).await });
        Bench { folder, clock, notifier, stop, task }
    }

    /// An alert of our own fires from now on.
    fn fire(&self, job: &str, n: i64) {
        let now = self.clock.now();
        let labels = [("alertname", "Slow"), ("job", job), ("n", &n.to_string())];
        let alert = Alert {
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            annotations: LabelSet::new(),
            starts_at: now,
            ends_at: Timestamp(i64::MAX),
            generator_url: String::new(),
        };
        let tenant = TenantId::default();
        self.notifier
            .shared()
            .store
            .write("fire", |tx| receive(tx, &tenant, &[alert], now))
            .unwrap();
    }

    fn advance(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * SECOND, Ordering::SeqCst);
    }

    fn deliveries(&self) -> Vec<outbox::Delivery> {
        let filter = outbox::Filter { limit: 1000, ..outbox::Filter::default() };
        self.notifier.list_deliveries(&TenantId::default(), &filter).unwrap()
    }

    /// Until so many messages are in the state; the clock goes on by so many seconds at each look.
    async fn wait(&self, count: usize, state: &str, seconds: i64) {
        for _ in 0..2000 {
            let deliveries = self.deliveries();
            if deliveries.iter().filter(|delivery| delivery.state == state).count() == count {
                return;
            }
            self.advance(seconds);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{state} are not {count}: {:#?}", self.deliveries());
    }

    /// Without a moment to end: as a crash leaves it.
    async fn crash(self) -> (tempfile::TempDir, Arc<ManualClock>) {
        self.task.abort();
        let _ = self.task.await;
        // A look at the groups that had begun goes on in a thread, where a crash would end it.
        let shared = Arc::downgrade(self.notifier.shared());
        drop(self.notifier);
        while shared.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        (self.folder, self.clock)
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// Ten minutes of trouble, in which alerts of two groups come; then all is well.
async fn trouble(status: u16, crashes: bool) {
    let hook = Hook::start(status).await;
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock(AtomicI64::new(1_800_000_000 * SECOND)));
    let mut bench = Bench::start(folder, clock, &hook);
    let mut expected = 0;
    for round in 0..20 {
        bench.fire("a", round);
        expected += 1;
        if round % 4 == 0 {
            bench.fire("b", round);
            expected += 1;
        }
        // Whenever the groups were looked at last, they are now.
        bench.advance(10);
        bench.wait(expected, "waiting", 0).await;
        if crashes && round % 7 == 3 {
            let (folder, clock) = bench.crash().await;
            bench = Bench::start(folder, clock, &hook);
        }
        bench.advance(20);
    }
    let tried = hook.requests.lock().unwrap().len();
    assert!((2..80).contains(&tried), "it was tried now and then: {tried}");
    assert_eq!(hook.taken(), []);
    hook.status.store(200, Ordering::SeqCst);
    bench.wait(expected, "delivered", 1).await;
    let taken = hook.taken();
    let keys: HashSet<&String> = taken.iter().map(|(key, _)| key).collect();
    assert_eq!((keys.len(), taken.len()), (expected, expected), "each once");
    for job in ["a", "b"] {
        let of_job = taken.iter().filter(|(_, body)| body["groupLabels"]["job"] == job);
        let counts = of_job.map(|(_, body)| body["alerts"].as_array().map_or(0, Vec::len));
        let counts: Vec<usize> = counts.collect();
        assert_eq!(counts, (1..=counts.len()).collect::<Vec<_>>(), "in order, none is missing");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_minutes_of_500_delay_everything_and_lose_nothing() {
    trouble(500, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_minutes_without_an_answer_delay_everything_and_lose_nothing() {
    trouble(0, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_in_ten_minutes_of_500_lose_nothing_either() {
    trouble(500, true).await;
}
