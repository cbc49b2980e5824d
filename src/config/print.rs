//! `binnacle config print`: the effective configuration as a file that can be used as it stands.

use super::load::is_size;
use super::{Config, manual, size};
use std::fmt::Write;
use toml::{Table, Value};

const HEADER: &str = "\
# The effective configuration of binnacle. Save it, change it, and start with `binnacle serve --config FILE`.
# Each key is also an environment variable (storage.path: BINNACLE_STORAGE_PATH) and a flag (--set storage.path=DIR);
# a flag beats the environment, which beats the file. Durations: 500ms, 10s, 1h 30m, 30days. Sizes: 4096, 64MiB, 1GiB.
";

/// Every section and key with its words, in a fixed order.
pub fn print(config: &Config) -> String {
    let values = Table::try_from(config).expect("configuration is plain values");
    let defaults = Table::try_from(Config::default()).expect("the defaults are plain values");
    let mut out = HEADER.to_owned();
    for section in manual::sections() {
        let _ = write!(out, "\n[{}]\n", section.name);
        for key in section.keys {
            for line in key.words {
                let _ = writeln!(out, "# {line}");
            }
            let value = render(key.name, &values[section.name][key.name]);
            let default = render(key.name, &defaults[section.name][key.name]);
            let note =
                if value == default { String::new() } else { format!(" # default: {default}") };
            let _ = writeln!(out, "{} = {value}{note}", key.name);
        }
    }
    out
}

fn render(key: &str, value: &Value) -> String {
    match value {
        Value::Integer(bytes) if is_size(key) && *bytes >= 1024 => {
            format!("\"{}\"", size::render(bytes.unsigned_abs()))
        }
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    #[test]
    fn what_is_printed_loads_back_to_the_same() {
        let mut config = Config::default();
        config.storage.flush_bytes_max = 12 << 20;
        config.server.threads = 7;
        let printed = print(&config);
        assert!(printed.contains("threads = 7 # default: 0"), "{printed}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &printed).unwrap();
        let loaded = load(Some(file.path()), std::iter::empty(), &[]).unwrap();
        assert_eq!(print(&loaded), printed);
    }
}
