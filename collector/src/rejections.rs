//! What of a request was not stored, and why.

/// Most distinct reasons kept of one request.
const REASONS_MAX: usize = 16;

/// Records of one request that were rejected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejections {
    /// All of them, also those whose reason is not listed.
    pub count: u64,
    /// The first distinct reasons.
    pub reasons: Vec<Rejection>,
    /// What became of records that were stored otherwise than sent.
    pub warning: Option<String>,
}

/// Records of one service rejected for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub reason: String,
    /// Empty when not known.
    pub service: String,
    pub count: u64,
}

impl Rejections {
    pub fn add(&mut self, reason: String, service: &str, count: u64) {
        if count == 0 {
            return;
        }
        self.count += count;
        let same = |known: &&mut Rejection| known.reason == reason && known.service == service;
        if let Some(known) = self.reasons.iter_mut().find(same) {
            known.count += count;
        } else if self.reasons.len() < REASONS_MAX {
            self.reasons.push(Rejection { reason, service: service.to_owned(), count });
        }
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.count == 0 && self.warning.is_none()
    }

    pub fn merge(&mut self, other: Rejections) {
        let listed: u64 = other.reasons.iter().map(|rejection| rejection.count).sum();
        self.count += other.count - listed;
        for rejection in other.reasons {
            self.add(rejection.reason, &rejection.service, rejection.count);
        }
    }

    /// One sentence for the sender, at most `bytes_max` long: `2 × trace id is all zero; 1 × …`, after the warning.
    pub fn message(&self, bytes_max: usize) -> String {
        let mut message = self.warning.clone().unwrap_or_default();
        message.truncate(message.floor_char_boundary(bytes_max));
        for rejection in &self.reasons {
            let separator = if message.is_empty() { "" } else { "; " };
            let part = format!("{separator}{} × {}", rejection.count, rejection.reason);
            if message.len() + part.len() > bytes_max {
                break;
            }
            message.push_str(&part);
        }
        message
    }
}
