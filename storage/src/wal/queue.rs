//! The queue in front of the WAL's writer, bounded in bytes.

use super::{BODY_BYTES_MAX, Request};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::Duration;

/// Bodies waiting to be written may hold this much; one body of any size always fits.
const WAITING_BYTES_MAX: usize = BODY_BYTES_MAX;

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    requests: VecDeque<Request>,
    bytes: usize,
    is_closed: bool,
}

/// What the writer finds in the queue.
#[derive(Debug)]
pub(super) enum Taken {
    Group(Vec<Request>),
    /// Nothing came in time.
    Nothing,
    /// Nothing waits and nothing will come.
    Closed,
}

impl Queue {
    /// Gives the request back when there is no room for it.
    pub fn push(&self, request: Request) -> Result<(), Box<Request>> {
        let mut state = self.state.lock();
        let bytes = request.body.len();
        let is_full = !state.requests.is_empty() && state.bytes + bytes > WAITING_BYTES_MAX;
        if state.is_closed || is_full {
            return Err(Box::new(request));
        }
        state.bytes += bytes;
        state.requests.push_back(request);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes what waits, up to about `bytes_max` but at least one request; waits up to `patience` for it.
    pub fn take(&self, bytes_max: usize, patience: Duration) -> Taken {
        let mut state = self.state.lock();
        if state.requests.is_empty() && !state.is_closed {
            self.changed.wait_for(&mut state, patience);
        }
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(next) = state.requests.front()
            && (group.is_empty() || bytes + next.body.len() <= bytes_max)
        {
            bytes += next.body.len();
            group.extend(state.requests.pop_front());
        }
        state.bytes -= bytes;
        match (group.is_empty(), state.is_closed) {
            (false, _) => Taken::Group(group),
            (true, true) => Taken::Closed,
            (true, false) => Taken::Nothing,
        }
    }

    pub fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_all();
    }
}
