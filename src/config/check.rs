//! What a type cannot say: which values go together, and which addresses may be listened on.

use super::{Config, Problem};
use binnacle_storage::model::TenantId;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Everything wrong with a configuration whose values are each well formed.
pub fn check(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    check_server(config, &mut problems);
    check_listeners(config, &mut problems);
    if let Err(message) = config.collector.check() {
        problems.push(problem("collector", message));
    }
    if let Err(message) = config.scrape.check() {
        problems.push(problem("scrape", message));
    }
    if let Err(message) = config.alerting.check() {
        problems.push(problem("alerting", message));
    }
    if let Err(message) = binnacle_alerting::notify::check_file(&config.alerting.notify_file) {
        problems.push(problem("alerting.notify_file", message));
    }
    if let Err(error) = config.telemetry.tenant.parse::<TenantId>() {
        problems.push(problem("telemetry.tenant", error.to_string()));
    }
    check_storage(config, &mut problems);
    check_query(config, &mut problems);
    problems
}

/// Every listener with the key that places it.
fn listeners(config: &Config) -> Vec<(&'static str, SocketAddr)> {
    vec![
        ("collector.grpc_address", config.collector.grpc_address),
        ("collector.http_address", config.collector.http_address),
        ("api.address", config.api.address),
    ]
}

fn check_listeners(config: &Config, problems: &mut Vec<Problem>) {
    let listeners = listeners(config);
    for (key, address) in &listeners {
        if !address.ip().is_loopback() && !config.server.allow_anonymous {
            let message = format!(
                "{address} is not loopback, and there are no keys yet: anyone who reaches it may read and write; \
                 say --allow-anonymous if that is meant"
            );
            problems.push(problem(key, message));
        }
    }
    for (index, (key, address)) in listeners.iter().enumerate() {
        let earlier = listeners[..index].iter().find(|(_, other)| other == address);
        if let Some((other, _)) = earlier
            && address.port() != 0
        {
            problems.push(problem(key, format!("{address} is taken by {other} already")));
        }
    }
}

fn check_server(config: &Config, problems: &mut Vec<Problem>) {
    if config.server.threads > 1024 {
        problems.push(problem("server.threads", "more than 1024 threads help no one".to_owned()));
    }
    if config.server.shutdown_timeout > Duration::from_secs(3600) {
        let message = "more than an hour; service managers kill long before".to_owned();
        problems.push(problem("server.shutdown_timeout", message));
    }
    if config.api.request_bytes_max == 0 {
        problems.push(problem("api.request_bytes_max", "no request would fit".to_owned()));
    }
    if let Err(error) = check_level(&config.log.level) {
        let message = format!("'{}' is not a log level: {error}", config.log.level);
        problems.push(problem("log.level", message));
    }
}

/// A filter takes a word that is no level for the name of a module, which would silence everything else.
fn check_level(level: &str) -> Result<(), String> {
    EnvFilter::try_new(level).map_err(|error| error.to_string())?;
    let mut parts = level.split(',').map(str::trim);
    let is_known =
        |part: &str| part.contains(['=', ':', '[']) || LevelFilter::from_str(part).is_ok();
    match parts.find(|part| !is_known(part)) {
        None => Ok(()),
        Some(part) => Err(format!(
            "'{part}' is none of off, error, warn, info, debug and trace, nor a module=level"
        )),
    }
}

fn check_storage(config: &Config, problems: &mut Vec<Problem>) {
    let storage = &config.storage;
    if storage.path.as_os_str().is_empty() {
        problems.push(problem("storage.path", "the data needs a directory".to_owned()));
    }
    for message in storage.check_rules() {
        problems.push(problem("storage.retention_rules", message));
    }
    if storage.flush_interval.is_zero() {
        problems.push(problem("storage.flush_interval", "must be longer than zero".to_owned()));
    }
    if storage.flush_bytes_max == 0 {
        problems.push(problem("storage.flush_bytes_max", "must be more than zero".to_owned()));
    }
    if storage.flush_rows_max == 0 {
        problems.push(problem("storage.flush_rows_max", "must be more than zero".to_owned()));
    }
    if storage.flush_bytes_max > storage.buffer_bytes_max {
        let message = format!(
            "{} bytes is more than storage.buffer_bytes_max ({}), so senders would be told to wait before a flush begins",
            storage.flush_bytes_max, storage.buffer_bytes_max
        );
        problems.push(problem("storage.flush_bytes_max", message));
    }
}

fn check_query(config: &Config, problems: &mut Vec<Problem>) {
    let query = &config.query;
    if query.timeout.is_zero() {
        problems.push(problem("query.timeout", "no query could finish".to_owned()));
    }
    let counts = [
        ("query.rows_max", query.rows_max),
        ("query.memory_bytes_max", query.memory_bytes_max),
        ("query.concurrency", query.concurrency as u64),
    ];
    for (key, count) in counts {
        if count == 0 {
            problems.push(problem(key, "must be more than zero".to_owned()));
        }
    }
    if query.memory_bytes_max > query.memory_bytes_total {
        let message = "one query may not hold more than query.memory_bytes_total".to_owned();
        problems.push(problem("query.memory_bytes_max", message));
    }
}

fn problem(key: &str, message: String) -> Problem {
    Problem { place: key.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(change: impl FnOnce(&mut Config)) -> Vec<String> {
        let mut config = Config::default();
        change(&mut config);
        check(&config).into_iter().map(|problem| problem.place).collect()
    }

    #[test]
    fn the_defaults_are_good() {
        assert_eq!(places(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn open_listeners_need_saying_so() {
        let open = "0.0.0.0:7070".parse().unwrap();
        assert_eq!(places(|c| c.api.address = open), ["api.address"]);
        let allowed = places(|c| {
            c.api.address = open;
            c.server.allow_anonymous = true;
        });
        assert!(allowed.is_empty());
        assert!(places(|c| c.api.address = "[::1]:7070".parse().unwrap()).is_empty());
    }

    #[test]
    fn limits_must_go_together() {
        assert_eq!(places(|c| c.storage.flush_bytes_max = 1 << 40), ["storage.flush_bytes_max"]);
        assert_eq!(places(|c| c.query.memory_bytes_max = 1 << 40), ["query.memory_bytes_max"]);
        assert_eq!(places(|c| c.log.level = "info,=,".to_owned()), ["log.level"]);
        assert_eq!(places(|c| c.log.level = "loud".to_owned()), ["log.level"]);
        assert!(places(|c| c.log.level = "WARN,binnacle_storage=debug".to_owned()).is_empty());
    }
}
