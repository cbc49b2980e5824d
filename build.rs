//! Lists what the binary contains: the built web UI (`ui/dist/app`, as a table of paths, bytes and compressed bytes; without a
//! built UI the table is empty, and the server says how to build it), and the dashboards (`dashboards/*.json`).

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // The folder is always there, so that Cargo looks again when something is built into it, and only then.
    println!("cargo:rerun-if-changed=ui/dist");
    println!("cargo:rerun-if-changed=build.rs");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let dist = root.join("ui/dist/app");
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        list(&dist, &mut files)?;
    }
    files.sort();
    let mut table = String::from("&[\n");
    for file in files {
        let path = file
            .strip_prefix(&dist)
            .map_err(io::Error::other)?
            .to_string_lossy()
            .replace('\\', "/");
        let mut hasher = DefaultHasher::new();
        hasher.write(&fs::read(&file)?);
        let (brotli, gzip) = (compressed(&file, "br"), compressed(&file, "gz"));
        let _ = writeln!(
            table,
            "    Asset {{ path: {path:?}, etag: \"\\\"{:016x}\\\"\", bytes: include_bytes!({file:?}), brotli: {brotli}, gzip: {gzip} }},",
            hasher.finish()
        );
    }
    table.push(']');
    fs::write(out.join("ui_assets.rs"), table)?;
    fs::write(out.join("dashboards.rs"), dashboards(&root.join("dashboards"))?)
}

/// Name and text of each.
fn dashboards(directory: &Path) -> io::Result<String> {
    println!("cargo:rerun-if-changed=dashboards");
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    let mut table = String::from("&[\n");
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let _ = writeln!(table, "    ({name:?}, include_str!({file:?})),");
    }
    table.push(']');
    Ok(table)
}

/// All files that are served; names with a dot in front and compressed copies are not.
fn list(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        if name.starts_with('.') || name.ends_with(".br") || name.ends_with(".gz") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn compressed(file: &Path, extension: &str) -> String {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    let path = PathBuf::from(name);
    match path.is_file() {
        true => format!("Some(include_bytes!({path:?}))"),
        false => "None".to_owned(),
    }
}
