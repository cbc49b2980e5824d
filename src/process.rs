//! What the operating system says about this process, as metrics.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Clock ticks per second in `/proc/self/stat`; 100 on every Linux that user space sees.
const TICKS_PER_SECOND: f64 = 100.0;
/// Bytes per page in `/proc/self/stat` on the platforms we build for.
const PAGE_BYTES: i64 = 4096;

/// CPU time and memory, read when asked.
#[derive(Debug)]
pub struct ProcessMetrics;

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let Some(usage) = std::fs::read_to_string("/proc/self/stat").ok().and_then(|s| parse(&s))
        else {
            return Ok(());
        };
        let cpu = ConstCounter::new(usage.cpu_seconds);
        let described = encoder.encode_descriptor(
            "process_cpu_seconds",
            "User and system CPU time of the process.",
            None,
            cpu.metric_type(),
        )?;
        cpu.encode(described)?;
        let memory = ConstGauge::new(usage.resident_bytes);
        let described = encoder.encode_descriptor(
            "process_resident_memory_bytes",
            "Resident memory of the process.",
            None,
            memory.metric_type(),
        )?;
        memory.encode(described)
    }
}

#[derive(Debug, PartialEq)]
struct Usage {
    cpu_seconds: f64,
    resident_bytes: i64,
}

/// Reads `/proc/self/stat`; the command name in parentheses may hold anything.
fn parse(stat: &str) -> Option<Usage> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<i64>().ok();
    Some(Usage {
        cpu_seconds: (number(11)? + number(12)?) as f64 / TICKS_PER_SECOND,
        resident_bytes: number(21)? * PAGE_BYTES,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines_read_past_odd_names() {
        let stat = "1 (a ) b) S 1 1 1 0 -1 0 10 0 0 0 150 50 0 0 20 0 3 0 99 1000 7 0 0";
        let usage = parse(stat).unwrap();
        assert_eq!(usage, Usage { cpu_seconds: 2.0, resident_bytes: 7 * 4096 });
    }
}
