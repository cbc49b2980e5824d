//! Says when each request is due. A thread of its own: timers of the async runtime are a millisecond wide.

use crate::Error;
use crate::schedule::{Arrival, Schedule};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

/// How long a stop may go unseen.
const NAP_MAX: Duration = Duration::from_millis(50);

/// Sends every arrival of `schedule` when it is due after `begin`, until `stop`. While `due` is full it waits; what it
/// sends then is late, and says so by when it was due.
pub fn start(
    schedule: &Schedule,
    begin: Instant,
    due: Sender<Arrival>,
    stop: CancellationToken,
) -> Result<JoinHandle<()>, Error> {
    let arrivals = schedule.arrivals();
    let run = move || {
        for arrival in arrivals {
            if !sleep_until(begin + arrival.due, &stop) || due.blocking_send(arrival).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("pace".to_owned()).spawn(run).map_err(Error::Thread)
}

/// Whether the time came before the stop.
fn sleep_until(at: Instant, stop: &CancellationToken) -> bool {
    loop {
        if stop.is_cancelled() {
            return false;
        }
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        thread::sleep(left.min(NAP_MAX));
    }
}
