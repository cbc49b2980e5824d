//! Answers in parts: what a query has found so far, sent while it goes on.

use futures::Stream;
use futures::stream::unfold;
use std::future::Future;
use std::pin::Pin;
use tokio::sync::mpsc;

/// Parts that wait to be sent; a slow reader then holds up its query.
pub const PARTS_WAITING: usize = 4;

/// One thing to send.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress<T, R> {
    Part(T),
    /// The last: what the work came to.
    Done(R),
}

struct Running<T, R> {
    parts: mpsc::Receiver<T>,
    work: Pin<Box<dyn Future<Output = R> + Send>>,
    done: Option<R>,
}

/// The parts that `work` sends, in their order, then its result. Dropping the stream stops the work.
pub fn progress<T: Send + 'static, R: Send + 'static>(
    parts: mpsc::Receiver<T>,
    work: impl Future<Output = R> + Send + 'static,
) -> impl Stream<Item = Progress<T, R>> + Send {
    unfold(Some(Running { parts, work: Box::pin(work), done: None }), next)
}

async fn next<T, R>(
    running: Option<Running<T, R>>,
) -> Option<(Progress<T, R>, Option<Running<T, R>>)> {
    let mut running = running?;
    while running.done.is_none() {
        tokio::select! {
            biased;
            part = running.parts.recv() => match part {
                Some(part) => return Some((Progress::Part(part), Some(running))),
                None => running.done = Some(running.work.as_mut().await),
            },
            result = running.work.as_mut() => running.done = Some(result),
        }
    }
    match (running.parts.recv().await, running.done.take()) {
        (Some(part), done) => Some((Progress::Part(part), Some(Running { done, ..running }))),
        (None, Some(done)) => Some((Progress::Done(done), None)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;

    #[tokio::test]
    async fn all_parts_come_before_the_result() {
        let (sender, receiver) = mpsc::channel(PARTS_WAITING);
        let work = async move {
            for part in 0..3 {
                sender.send(part).await.unwrap();
            }
            "done"
        };
        let all: Vec<_> = progress(receiver, work).collect().await;
        use Progress::{Done, Part};
        assert_eq!(all, [Part(0), Part(1), Part(2), Done("done")]);
    }
}
