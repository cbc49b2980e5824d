//! The manual of the configuration: every section and key with its words.
//!
//! The doc comments of the config structs are the manual; their sources are embedded and read here, so the words in
//! `config print` cannot differ from those in the code.

/// One `[section]`.
#[derive(Debug)]
pub struct Section {
    pub name: &'static str,
    pub keys: Vec<Key>,
}

/// One key of a section.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    /// Lines of the doc comment.
    pub words: Vec<&'static str>,
}

/// Section, struct, and the source file that declares it; in the order they are printed.
const STRUCTS: &[(&str, &str, &str)] = &[
    ("server", "ServerConfig", include_str!("mod.rs")),
    ("api", "ApiConfig", include_str!("mod.rs")),
    ("collector", "CollectorConfig", include_str!("../../collector/src/config.rs")),
    ("scrape", "ScrapeConfig", include_str!("../../collector/src/scrape/config.rs")),
    ("storage", "StorageConfig", include_str!("../../storage/src/config.rs")),
    ("query", "QueryConfig", include_str!("../../query/src/config.rs")),
    ("alerting", "AlertingConfig", include_str!("../../alerting/src/config.rs")),
    ("telemetry", "TelemetryConfig", include_str!("mod.rs")),
    ("log", "LogConfig", include_str!("mod.rs")),
];

/// Every section in printing order.
pub fn sections() -> Vec<Section> {
    STRUCTS
        .iter()
        .map(|(name, declaration, source)| Section { name, keys: keys(declaration, source) })
        .collect()
}

/// The public fields of `struct declaration` with the doc comments above them.
fn keys(declaration: &str, source: &'static str) -> Vec<Key> {
    let opening = format!("pub struct {declaration} {{");
    let body = source.lines().skip_while(|line| *line != opening).skip(1);
    let mut keys = Vec::new();
    let mut words = Vec::new();
    for line in body.take_while(|line| *line != "}").map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            words.push(comment.trim());
        } else if let Some((name, _)) = line.strip_prefix("pub ").and_then(|l| l.split_once(':')) {
            keys.push(Key { name, words: std::mem::take(&mut words) });
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn every_key_has_words_and_every_word_a_key() {
        let defaults = toml::Table::try_from(Config::default()).unwrap();
        let sections = sections();
        let documented: Vec<&str> = sections.iter().map(|section| section.name).collect();
        assert_eq!(documented.len(), defaults.len(), "{documented:?}");
        for section in &sections {
            let values = defaults[section.name].as_table().unwrap();
            assert_eq!(section.keys.len(), values.len(), "keys of {}", section.name);
            for key in &section.keys {
                assert!(values.contains_key(key.name), "{}.{}", section.name, key.name);
                assert!(!key.words.is_empty(), "{}.{} has no words", section.name, key.name);
            }
        }
    }
}
