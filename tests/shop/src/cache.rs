//! The cache: a small server that speaks Redis's protocol (RESP 2), and its client. Values live until their time is over.
//!
//! As with Redis, the server knows nothing of traces; its callers' spans tell of it.

use crate::Stop;
use crate::faults::{Fault, Faults};
use crate::telemetry::Service;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex as BlockingMutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

const ENTRIES_MAX: usize = 10_000;
const ARGUMENTS_MAX: usize = 64;
const VALUE_BYTES_MAX: usize = 1 << 20;
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

type Entries = Arc<BlockingMutex<HashMap<Vec<u8>, (Vec<u8>, Instant)>>>;

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, faults: Faults, stop: Stop) {
    let entries = Entries::default();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { continue };
        let (entries, faults, stop) = (entries.clone(), faults.clone(), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                // A connection that breaks is its client's to make again.
                _ = serve_connection(stream, &entries, &faults) => {}
            }
        });
    }
}

async fn serve_connection(stream: TcpStream, entries: &Entries, faults: &Faults) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    loop {
        let command = read_command(&mut stream).await?;
        let answer = answer(&command, entries, faults);
        stream.write_all(&answer).await?;
    }
}

fn answer(command: &[Vec<u8>], entries: &Entries, faults: &Faults) -> Vec<u8> {
    let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    if faults.is_on(Fault::CacheStampede) {
        entries.retain(|key, _| !key.starts_with(b"product:"));
    }
    let mut find = |key: &Vec<u8>| match entries.get(key) {
        Some((value, until)) if now < *until => bulk(value),
        _ => b"$-1\r\n".to_vec(),
    };
    match command {
        [name, key] if name == b"GET" => find(key),
        [name, keys @ ..] if name == b"MGET" => {
            let values: Vec<u8> = keys.iter().flat_map(&mut find).collect();
            [format!("*{}\r\n", keys.len()).into_bytes(), values].concat()
        }
        [name, key] if name == b"DEL" => {
            format!(":{}\r\n", u8::from(entries.remove(key).is_some())).into_bytes()
        }
        [name, key, value, ex, seconds] if name == b"SET" && ex == b"EX" => {
            if entries.len() >= ENTRIES_MAX {
                entries.retain(|_, (_, until)| now < *until);
            }
            let seconds = std::str::from_utf8(seconds).ok().and_then(|text| text.parse().ok());
            if let (Some(seconds), true) = (seconds, entries.len() < ENTRIES_MAX) {
                let until = now + Duration::from_secs(u64::min(seconds, 86_400));
                entries.insert(key.clone(), (value.clone(), until));
                return b"+OK\r\n".to_vec();
            }
            b"-ERR not stored\r\n".to_vec()
        }
        _ => b"-ERR unknown command\r\n".to_vec(),
    }
}

fn bulk(value: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
}

async fn read_command(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<Vec<u8>>> {
    let count = usize::try_from(read_head(stream, b'*').await?).map_err(invalid)?;
    let mut arguments = Vec::new();
    for _ in 0..count.min(ARGUMENTS_MAX) {
        arguments.push(read_bulk(stream).await?.unwrap_or_default());
    }
    Ok(arguments)
}

async fn read_bulk(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let length = read_head(stream, b'$').await?;
    let Ok(length) = usize::try_from(length) else { return Ok(None) };
    if length > VALUE_BYTES_MAX {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut value = vec![0; length + 2];
    stream.read_exact(&mut value).await?;
    value.truncate(length);
    Ok(Some(value))
}

/// The number of a line that begins with `mark`.
async fn read_head(stream: &mut BufReader<TcpStream>, mark: u8) -> io::Result<i64> {
    let mut line = Vec::new();
    (&mut *stream).take(64).read_until(b'\n', &mut line).await?;
    match line.split_first() {
        None => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        Some((first, rest)) if *first == mark => {
            std::str::from_utf8(rest).map_err(invalid)?.trim_end().parse().map_err(invalid)
        }
        Some(_) => {
            let said = String::from_utf8_lossy(&line).trim_end().to_owned();
            Err(io::Error::new(io::ErrorKind::InvalidData, said))
        }
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// A connection to the cache.
#[derive(Debug, Clone)]
pub struct Cache {
    service: Service,
    to: SocketAddr,
    connection: Arc<Mutex<Option<BufReader<TcpStream>>>>,
}

impl Cache {
    pub fn new(service: &Service, to: SocketAddr) -> Cache {
        Cache { service: service.clone(), to, connection: Arc::default() }
    }

    /// The values of `keys`, in their order.
    pub async fn read(
        &self,
        keys: &[String],
        parent: &Context,
    ) -> Result<Vec<Option<Vec<u8>>>, String> {
        let mut arguments = vec!["MGET".as_bytes()];
        arguments.extend(keys.iter().map(String::as_bytes));
        self.call("MGET", &arguments, keys.len(), parent).await
    }

    pub async fn write(
        &self,
        key: &str,
        value: &[u8],
        lasts: Duration,
        parent: &Context,
    ) -> Result<(), String> {
        let seconds = lasts.as_secs().max(1).to_string();
        let arguments = [b"SET", key.as_bytes(), value, b"EX", seconds.as_bytes()];
        self.call("SET", &arguments, 0, parent).await.map(drop)
    }

    pub async fn delete(&self, key: &str, parent: &Context) -> Result<(), String> {
        self.call("DEL", &[b"DEL", key.as_bytes()], 0, parent).await.map(drop)
    }

    async fn call(
        &self,
        operation: &'static str,
        arguments: &[&[u8]],
        values: usize,
        parent: &Context,
    ) -> Result<Vec<Option<Vec<u8>>>, String> {
        let attributes = vec![
            KeyValue::new("db.system.name", "redis"),
            KeyValue::new("db.operation.name", operation),
            KeyValue::new("server.address", "cache.shop.test"),
            KeyValue::new("server.port", i64::from(self.to.port())),
        ];
        let measured = attributes[..3].to_vec();
        let work = self.service.start(SpanKind::Client, operation, parent, attributes);
        let called = tokio::time::timeout(CALL_TIMEOUT, self.exchange(arguments, values));
        let answer = match called.await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        };
        match &answer {
            Ok(found) if values > 0 => {
                let hits = found.iter().flatten().count();
                work.set("cache.hits", hits as i64);
                work.set("cache.misses", (values - hits) as i64);
            }
            Ok(_) => {}
            Err(error) => work.fail("cache_error", error.clone()),
        }
        let context = work.context().clone();
        let elapsed = work.finish();
        self.service.measure("db.client.operation.duration", elapsed, &measured, &context);
        answer
    }

    async fn exchange(
        &self,
        arguments: &[&[u8]],
        values: usize,
    ) -> io::Result<Vec<Option<Vec<u8>>>> {
        let mut kept = self.connection.lock().await;
        // Taken out: one that breaks, or whose answer nobody waited for, is not used again.
        let mut stream = match kept.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.to).await?;
                stream.set_nodelay(true)?;
                BufReader::new(stream)
            }
        };
        let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
        bytes.extend(arguments.iter().flat_map(|argument| bulk(argument)));
        stream.write_all(&bytes).await?;
        let mut found = Vec::new();
        if values == 0 {
            let mut line = Vec::new();
            (&mut stream).take(256).read_until(b'\n', &mut line).await?;
            if line.first() == Some(&b'-') || line.is_empty() {
                let said = String::from_utf8_lossy(&line).trim_end().to_owned();
                return Err(io::Error::other(said));
            }
        } else {
            let count = usize::try_from(read_head(&mut stream, b'*').await?).map_err(invalid)?;
            for _ in 0..count.min(ARGUMENTS_MAX) {
                found.push(read_bulk(&mut stream).await?);
            }
        }
        *kept = Some(stream);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Plan;

    fn said(words: &[&str], entries: &Entries, faults: &Faults) -> String {
        let command: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        String::from_utf8(answer(&command, entries, faults)).unwrap()
    }

    #[test]
    fn values_are_kept_until_their_time_is_over_or_the_cache_forgets_them() {
        let (entries, faults) = (Entries::default(), Faults::default());
        let call = |words: &[&str]| said(words, &entries, &faults);
        assert_eq!(call(&["SET", "product:1", "ring", "EX", "60"]), "+OK\r\n");
        assert_eq!(call(&["SET", "cart:1", "empty", "EX", "0"]), "+OK\r\n");
        assert_eq!(call(&["GET", "product:1"]), "$4\r\nring\r\n");
        assert_eq!(call(&["MGET", "cart:1", "product:1"]), "*2\r\n$-1\r\n$4\r\nring\r\n");
        assert_eq!(call(&["PING"]), "-ERR unknown command\r\n");
        let fault = Fault::CacheStampede;
        faults.plan(Plan { fault, after: Duration::ZERO, lasts: None });
        assert_eq!(call(&["GET", "product:1"]), "$-1\r\n");
        assert_eq!(call(&["DEL", "product:1"]), ":0\r\n");
    }
}
