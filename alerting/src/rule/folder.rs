//! The rule files there are, read again when their text changes. A file that cannot be read keeps the groups it had.

use super::file::{Group, Reading, parse};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Largest rule file read.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// Files by their paths.
#[derive(Debug, Default)]
pub struct Folder {
    files: BTreeMap<String, Known>,
}

#[derive(Debug, Default)]
struct Known {
    text: Option<String>,
    groups: Vec<Group>,
    problems: Vec<String>,
}

/// What a look at the files brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    pub changed: bool,
    /// Everything that is wrong, with its place.
    pub problems: Vec<String>,
    /// The files that are not used as they are.
    pub broken: Vec<String>,
    pub groups: Vec<Group>,
}

impl Folder {
    /// Reads the files that the patterns name. Blocks.
    pub fn look(&mut self, patterns: &[String]) -> Looked {
        let (mut changed, mut problems) = (false, Vec::new());
        let (paths, missing) = list(patterns);
        problems.extend(missing);
        let before = self.files.len();
        self.files.retain(|path, _| paths.contains(path));
        changed |= self.files.len() != before;
        for path in paths {
            let known = self.files.entry(path.clone()).or_default();
            changed |= known.look(&path);
            problems.extend(known.problems.iter().cloned());
        }
        let is_broken =
            |(path, known): (&String, &Known)| (!known.problems.is_empty()).then(|| path.clone());
        let broken = self.files.iter().filter_map(is_broken).collect();
        let groups = self.files.values().flat_map(|known| known.groups.iter().cloned()).collect();
        Looked { changed, problems, broken, groups }
    }
}

impl Known {
    fn look(&mut self, path: &str) -> bool {
        let text = match read(path) {
            Ok(text) => text,
            Err(problem) => {
                self.problems = vec![problem];
                return false;
            }
        };
        if self.text.as_ref() == Some(&text) {
            return false;
        }
        let changed = match parse(path, &text, Reading::default()) {
            Ok(groups) => {
                self.problems.clear();
                self.groups = groups;
                true
            }
            Err(faults) => {
                self.problems = faults.iter().map(ToString::to_string).collect();
                false
            }
        };
        self.text = Some(text);
        changed
    }
}

fn read(path: &str) -> Result<String, String> {
    let wrong = |error: std::io::Error| format!("{path}: {error}");
    let length = std::fs::metadata(path).map_err(wrong)?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!("{path}: the file is larger than {FILE_BYTES_MAX} bytes"));
    }
    std::fs::read_to_string(path).map_err(wrong)
}

/// The paths that patterns stand for, sorted, and the names of files that are not there.
pub fn list(patterns: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut paths, mut missing) = (Vec::new(), Vec::new());
    for pattern in patterns {
        let found: Vec<PathBuf> = match glob::glob(pattern) {
            Ok(found) => found.flatten().collect(),
            Err(error) => {
                missing.push(format!("{pattern}: {error}"));
                continue;
            }
        };
        // A pattern may have no file yet; a name that is said is meant.
        if found.is_empty() && !pattern.contains(['*', '?', '[']) {
            missing.push(format!("{pattern}: no file has this name"));
        }
        paths.extend(found.into_iter().map(|path| path.to_string_lossy().into_owned()));
    }
    paths.sort();
    paths.dedup();
    (paths, missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_seen_and_broken_files_keep_their_groups() {
        let folder = tempfile::tempdir().unwrap();
        let pattern = vec![format!("{}/*.yml", folder.path().display())];
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let mut files = Folder::default();
        assert!(files.look(&pattern).problems.is_empty(), "there may be none yet");
        let named = vec![format!("{}/a.yml", folder.path().display())];
        assert_eq!(Folder::default().look(&named).problems.len(), 1);
        write("a.yml", "groups: [{name: a, rules: []}]");
        let first = files.look(&pattern);
        assert!(first.changed && first.problems.is_empty() && first.groups.len() == 1);
        assert!(!files.look(&pattern).changed);
        write("a.yml", "groups: [");
        let broken = files.look(&pattern);
        assert!(!broken.changed && broken.problems.len() == 1 && broken.groups.len() == 1);
        assert!(
            broken.broken[0].ends_with("a.yml") && broken.problems[0].contains("a.yml: line 2")
        );
        write("b.yml", "groups: [{name: b, rules: []}]");
        assert_eq!(files.look(&pattern).groups.len(), 2);
        std::fs::remove_file(folder.path().join("a.yml")).unwrap();
        let last = files.look(&pattern);
        assert!(last.changed && last.problems.is_empty() && last.groups.len() == 1);
    }
}
