//! `docs/rules.md` and the code it points to: from a rule's id to what keeps it and what guards it.
//!
//! A heading such as `### R1.2 Collecting` names a rule. Code cites it as `R1.2` in its documentation; a test names it
//! as `R1_2` (or `r1_2`) in its name, an invariant as `I2`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use eyre::{Result, WrapErr};

use crate::tools::root;

/// Where code is that keeps rules.
const CODE: &[&str] = &["contracts", "oracle/core/src", "oracle/src", "deploy/src"];
/// Where tests are that guard them.
const TESTS: &[&str] = &["test", "oracle", "deploy", "bindings", "xtask"];
/// How the names of both end.
const SOURCES: [&str; 2] = [".sol", ".rs"];
/// What is written where a rule has none of either; no rule may be left so.
const NONE: &str = "none yet";
/// More of either would not be read.
const MOST: usize = 12;

/// Writes the lines *code* and *tests* under every rule.
pub(crate) fn write() -> Result<()> {
    let path = root().join("docs/rules.md");
    let text = fs::read_to_string(&path).wrap_err("failed to read docs/rules.md")?;
    let index = Index::read(&root());
    let mut lines: Vec<String> = Vec::new();
    let mut rule: Option<String> = None;
    let finish = |lines: &mut Vec<String>, rule: &mut Option<String>| {
        if let Some(id) = rule.take() {
            while lines.last().is_some_and(String::is_empty) {
                lines.pop();
            }
            lines.push(String::new());
            lines.push(format!("- code: {}", listed(&index.code(&id))));
            lines.push(format!("- tests: {}", listed(&index.tests(&id))));
            lines.push(String::new());
        }
    };
    for line in text
        .lines()
        .filter(|line| !line.starts_with("- code: ") && !line.starts_with("- tests: "))
    {
        if line.starts_with('#') {
            finish(&mut lines, &mut rule);
            rule = id_of(line).map(str::to_owned);
        }
        lines.push(line.to_owned());
    }
    finish(&mut lines, &mut rule);
    fs::write(&path, lines.join("\n").trim_end().to_owned() + "\n").wrap_err("failed to write docs/rules.md")
}

fn listed(names: &[String]) -> String {
    match names {
        [] => NONE.to_owned(),
        _ if names.len() > MOST => {
            let shown: Vec<_> = names[..MOST].iter().map(|name| format!("`{name}`")).collect();
            format!("{} and {} more", shown.join(", "), names.len() - MOST)
        }
        _ => names
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// The id a heading names.
fn id_of(heading: &str) -> Option<&str> {
    let id = heading.strip_prefix("### ")?.split(' ').next()?;
    let rest = id.strip_prefix(['R', 'I'])?;
    (!rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || c == '.')).then_some(id)
}

/// What the repository says of rules.
struct Index {
    files: BTreeMap<String, String>,
    tests: Vec<String>,
}

impl Index {
    fn read(root: &Path) -> Self {
        let mut files = BTreeMap::new();
        for path in CODE
            .iter()
            .flat_map(|folder| sources(&root.join(folder), &SOURCES))
        {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            files.insert(name, fs::read_to_string(&path).unwrap_or_default());
        }
        let mut tests: Vec<String> = TESTS
            .iter()
            .flat_map(|folder| sources(&root.join(folder), &SOURCES))
            .flat_map(|path| test_names(&fs::read_to_string(path).unwrap_or_default()))
            .collect();
        tests.sort();
        tests.dedup();
        Self { files, tests }
    }

    /// Files that cite the id, those that do so most often first. What an interface cites, its contract keeps
    /// (`@inheritdoc`), so the contract is named.
    fn code(&self, id: &str) -> Vec<String> {
        let mut found: BTreeMap<&String, usize> = BTreeMap::new();
        for (name, text) in &self.files {
            let times = cited(text, id);
            if times > 0 {
                *found.entry(self.contract_of(name).unwrap_or(name)).or_default() += times;
            }
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        found.into_iter().map(|(name, _)| name.clone()).collect()
    }

    /// The contract whose interface a file is: `contracts/Docket.sol` of `contracts/interfaces/IDocket.sol`.
    fn contract_of(&self, name: &str) -> Option<&String> {
        let (folder, file) = name.rsplit_once('/')?;
        let file = file
            .strip_prefix('I')
            .filter(|file| file.ends_with(".sol") && file.starts_with(char::is_uppercase))?;
        let folder = folder.strip_suffix("/interfaces").unwrap_or(folder);
        let (contract, _) = self.files.get_key_value(&format!("{folder}/{file}"))?;
        Some(contract)
    }

    fn tests(&self, id: &str) -> Vec<String> {
        let id = id.replace('.', "_").to_lowercase();
        let names = |name: &&String| {
            let name = name.to_lowercase();
            name.match_indices(&id).any(|(at, _)| {
                let before = name[..at].chars().next_back();
                let mut after = name[at + id.len()..].chars();
                let next = after.next();
                // `r1_2` is not named by `r1_21`, and `r8` not by `r8_1` of another rule's numbering.
                before.is_none_or(|c| c == '_')
                    && next.is_none_or(|c| !c.is_ascii_digit())
                    && !(next == Some('_')
                        && !id.contains('_')
                        && id.starts_with('r')
                        && after.next().is_some_and(|c| c.is_ascii_digit())
                        && after.next().is_none_or(|c| c == '_'))
            })
        };
        self.tests.iter().filter(names).cloned().collect()
    }
}

/// How often a text cites an id, and not a longer one.
fn cited(text: &str, id: &str) -> usize {
    text.match_indices(id)
        .filter(|(at, _)| {
            let before = text[..*at].chars().next_back();
            let mut after = text[at + id.len()..].chars();
            let next = after.next();
            let longer = next.is_some_and(|c| c.is_ascii_digit() || c == '_')
                || (next == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit()));
            before.is_none_or(|c| !c.is_alphanumeric()) && !longer
        })
        .count()
}

/// Names of the test functions in a Solidity or Rust file.
pub(crate) fn test_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut tested = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            tested = true;
        }
        let name = |rest: &str| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        if let Some(rest) = line.strip_prefix("function ") {
            let name = name(rest);
            if ["test", "invariant", "statefulFuzz"]
                .iter()
                .any(|start| name.starts_with(start))
            {
                names.push(name);
            }
        } else if let Some(rest) = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ") {
            if tested {
                names.push(name(rest));
            }
            tested = false;
        }
    }
    names
}

/// The files below a folder whose names end so, in order; what tools put there is left out.
pub(crate) fn sources(folder: &Path, ends: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
        {
            if path.is_dir() {
                if !path.ends_with("target") && !path.ends_with("node_modules") {
                    open.push(path);
                }
            } else if ends.iter().any(|end| path.to_string_lossy().ends_with(end)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_not_taken_for_longer_ones() {
        assert_eq!(cited("see R1.2, R1.21, R1.2.3, XR1.2 and (R1.2)", "R1.2"), 2);
        assert_eq!(cited("R8 and R8.", "R8"), 2);
        assert_eq!(id_of("### R1.2 Collecting"), Some("R1.2"));
        assert_eq!(id_of("### Rust"), None);
    }

    #[test]
    fn tests_are_found_by_the_id_in_their_name() {
        let rust = format!(
            "#{}\nfn r7_2_two_contents_silence() {{}}\nfn r7_2_no_test() {{}}",
            "[test]"
        );
        let solidity =
            "function test_R1_2_CapsBind() external {}\nfunction invariant_I2_Conserved() external {}";
        let index = Index {
            files: BTreeMap::new(),
            tests: test_names(&rust)
                .into_iter()
                .chain(test_names(solidity))
                .collect(),
        };

        assert_eq!(index.tests("R7.2"), ["r7_2_two_contents_silence"]);
        assert_eq!(index.tests("R1.2"), ["test_R1_2_CapsBind"]);
        assert_eq!(index.tests("I2"), ["invariant_I2_Conserved"]);
        assert!(index.tests("R1").is_empty());
    }

    #[test]
    fn the_rules_name_only_what_is_there() {
        let text = fs::read_to_string(root().join("docs/rules.md")).unwrap();
        let index = Index::read(&root());

        for line in text
            .lines()
            .filter(|line| line.starts_with("- code: ") || line.starts_with("- tests: "))
        {
            assert!(
                !line.ends_with(NONE),
                "docs/rules.md has a rule without code or tests ({line}): cite its id where it is kept, name a test by it, \
                 then run `cargo xtask rules`"
            );
            for name in line.split('`').skip(1).step_by(2) {
                let there = root().join(name).is_file() || index.tests.iter().any(|test| test == name);
                assert!(
                    there,
                    "docs/rules.md names {name}, which is not there: run `cargo xtask rules`"
                );
            }
        }
    }
}
