//! Rate limits: one token bucket of bytes per tenant.
//!
//! A bucket may go into debt by one request, so that a request larger than the burst still passes, once.

use binnacle_storage::model::{TenantId, Timestamp};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;

/// Most tenants with a bucket. Past it full buckets, which say nothing, are forgotten.
const TENANTS_MAX: usize = 10_000;

/// Buckets of all tenants.
#[derive(Debug)]
pub struct RateLimits {
    bytes_per_second: f64,
    burst: f64,
    buckets: Mutex<HashMap<TenantId, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled_at: Timestamp,
}

impl RateLimits {
    /// `None` when there is no limit. `burst` 0 means one second's worth.
    pub fn new(bytes_per_second: u64, burst: u64) -> Option<RateLimits> {
        let burst = if burst == 0 { bytes_per_second } else { burst };
        (bytes_per_second > 0).then(|| RateLimits {
            bytes_per_second: bytes_per_second as f64,
            burst: burst as f64,
            buckets: Mutex::default(),
        })
    }

    /// Takes `bytes` from the tenant's bucket, or says when to come back.
    pub fn take(&self, tenant: &TenantId, bytes: u64, now: Timestamp) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock();
        if buckets.len() >= TENANTS_MAX && !buckets.contains_key(tenant) {
            buckets.retain(|_, bucket| self.fill(*bucket, now).tokens < self.burst);
        }
        let full = Bucket { tokens: self.burst, filled_at: now };
        let bucket = buckets.entry(tenant.clone()).or_insert(full);
        *bucket = self.fill(*bucket, now);
        if bucket.tokens <= 0.0 {
            let seconds = (1.0 - bucket.tokens) / self.bytes_per_second;
            return Err(Duration::from_secs_f64(seconds.clamp(0.1, 3600.0)));
        }
        bucket.tokens -= bytes as f64;
        Ok(())
    }

    fn fill(&self, bucket: Bucket, now: Timestamp) -> Bucket {
        let seconds = now.0.saturating_sub(bucket.filled_at.0).max(0) as f64 / 1e9;
        let tokens = (bucket.tokens + seconds * self.bytes_per_second).min(self.burst);
        Bucket { tokens, filled_at: now.max(bucket.filled_at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_past_its_rate_waits_and_others_do_not() {
        let limits = RateLimits::new(100, 200).unwrap();
        let (one, other) = (TenantId::default(), "other".parse().unwrap());
        let at = |seconds: i64| Timestamp(seconds * 1_000_000_000);
        assert_eq!(limits.take(&one, 500, at(0)), Ok(()));
        let wait = limits.take(&one, 1, at(0)).unwrap_err();
        assert!((3.0..3.1).contains(&wait.as_secs_f64()), "{wait:?}");
        assert_eq!(limits.take(&other, 1, at(0)), Ok(()));
        assert!(limits.take(&one, 1, at(2)).is_err());
        assert_eq!(limits.take(&one, 1, at(4)), Ok(()));
        assert!(RateLimits::new(0, 0).is_none());
    }
}
