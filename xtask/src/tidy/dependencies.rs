//! The direction in which the crates of the workspace know each other.

use toml::{Table, Value};

use super::{File, Problem, Tree};

/// Each Cargo.toml and the crates of the workspace that it may name, in any kind of dependency.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("Cargo.toml", &["belljar-harness", "belljar-image", "belljar-sandbox"]),
    ("fuzz/Cargo.toml", &["belljar-harness", "belljar-image", "belljar-sandbox"]),
    ("harness/Cargo.toml", &["belljar-image", "belljar-sandbox"]),
    ("image/Cargo.toml", &[]),
    ("sandbox/Cargo.toml", &[]),
    ("xtask/Cargo.toml", &[]),
    ("xtask/probe/Cargo.toml", &[]),
];

/// The names of tables that hold dependencies.
const KINDS: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

/// Image and sandbox have never heard of each other; the chores have heard of nobody.
pub(super) fn point_one_way(tree: &Tree) -> Vec<Problem> {
    let is_manifest =
        |file: &&File| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml");
    tree.files.iter().filter(is_manifest).flat_map(problems_of).collect()
}

fn problems_of(file: &File) -> Vec<Problem> {
    let Some((_, may_name)) = MAY_NAME.iter().find(|(path, _)| *path == file.path) else {
        return vec![file.problem(None, "is not in the table of what each crate may depend on")];
    };
    let manifest = match file.text.parse::<Table>() {
        Ok(manifest) => manifest,
        Err(error) => return vec![file.problem(None, format!("is not TOML: {error}"))],
    };
    dependencies(&manifest)
        .into_iter()
        .filter(|name| is_ours(name) && !may_name.contains(&name.as_str()))
        .map(|name| file.problem(None, format!("must not depend on {name}")))
        .collect()
}

fn is_ours(name: &str) -> bool {
    name == "xtask" || name == "belljar" || name.starts_with("belljar-")
}

/// The packages named in every table of dependencies, those for one target only included.
fn dependencies(manifest: &Table) -> Vec<String> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let for_targets = targets.into_iter().flat_map(|targets| targets.values());
    let tables = std::iter::once(manifest).chain(for_targets.filter_map(Value::as_table));
    tables
        .flat_map(|table| KINDS.iter().filter_map(|kind| table.get(*kind)?.as_table()))
        .flatten()
        .map(|(name, dependency)| package(name, dependency))
        .collect()
}

/// A dependency may have another name than its package.
fn package(name: &str, dependency: &Value) -> String {
    let renamed = dependency.get("package").and_then(Value::as_str);
    renamed.unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, manifest: &str) -> usize {
        point_one_way(&Tree::of(path, manifest)).len()
    }

    #[test]
    fn a_dependency_against_the_direction_is_found() {
        let on_sandbox = "[dependencies]\nbelljar-sandbox.workspace = true\n";
        assert_eq!(count("image/Cargo.toml", on_sandbox), 1);
        assert_eq!(count("xtask/Cargo.toml", on_sandbox), 1);
        assert_eq!(count("harness/Cargo.toml", on_sandbox), 0);
        assert_eq!(count("harness/Cargo.toml", "[dependencies]\nbelljar = { path = \"..\" }\n"), 1);
    }

    #[test]
    fn no_table_and_no_name_hides_a_dependency() {
        let of_tests = "[dev-dependencies]\nbelljar-image.workspace = true\n";
        let of_a_target = "[target.'cfg(unix)'.dependencies]\nbelljar-image.workspace = true\n";
        let renamed =
            "[dependencies]\nother = { package = \"belljar-image\", version = \"0.1\" }\n";
        for manifest in [of_tests, of_a_target, renamed] {
            assert_eq!(count("sandbox/Cargo.toml", manifest), 1, "{manifest}");
        }
    }

    #[test]
    fn a_crate_that_nobody_has_placed_is_found() {
        assert_eq!(count("new/Cargo.toml", "[package]\n"), 1);
        assert_eq!(count("sandbox/Cargo.toml", "[package"), 1);
    }
}
