//! `cargo xtask trees`: the branch trees of the Solidity tests, held against the tests.
//!
//! A tree belongs to the test file beside it that has its name, but for the case of the first letter:
//! `docket/settle.tree` to `docket/Settle.t.sol`. Each test file with a test has one.
//!
//! The first line says what the tree is about. Below it stand branches (`given` a state, `when` an input, or a part of
//! the subject) and leaves, which begin with `it should` and end with the tests that show it, `· test_R3_Passes`, on the
//! leaf's own line or on lines of their own below it. Every test and invariant of the file stands at some leaf.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use eyre::{Result, WrapErr, bail};

use crate::rules::{sources, test_names};
use crate::tools::root;

/// What begins a leaf.
const LEAF: &str = "it should ";
/// What begins each name of a test.
const NAME: &str = "· ";
/// Characters by which a line is drawn deeper than the one above it.
const STEP: usize = 4;

/// Compares every tree with its test file.
///
/// # Errors
///
/// Every problem, each with its tree and line.
pub(crate) fn check() -> Result<()> {
    let pairs = Pair::read(&root().join("test"))?;
    let problems: Vec<String> = pairs.values().flat_map(Pair::problems).collect();
    if !problems.is_empty() {
        bail!(
            "trees and tests disagree (the form of a tree heads xtask/src/trees.rs):\n  {}",
            problems.join("\n  ")
        );
    }
    Ok(())
}

/// A tree and the test file it belongs to.
#[derive(Default)]
struct Pair {
    tree: Option<(PathBuf, String)>,
    file: Option<(PathBuf, Vec<String>)>,
}

impl Pair {
    /// All pairs below a folder, by the path without its ending, the name's first letter in lower case.
    fn read(folder: &Path) -> Result<BTreeMap<PathBuf, Self>> {
        let mut pairs: BTreeMap<PathBuf, Self> = BTreeMap::new();
        for path in sources(folder, &[".tree", ".t.sol"]) {
            let text =
                fs::read_to_string(&path).wrap_err_with(|| format!("failed to read {}", path.display()))?;
            let shown = path.strip_prefix(root()).unwrap_or(&path).to_path_buf();
            let pair = pairs.entry(stem(&path)).or_default();
            if path.extension().is_some_and(|end| end == "tree") {
                pair.tree = Some((shown, text));
            } else {
                pair.file = Some((shown, test_names(&text)));
            }
        }
        // A base of other tests has none of its own.
        pairs.retain(|_, pair| {
            pair.tree.is_some() || pair.file.as_ref().is_some_and(|file| !file.1.is_empty())
        });
        Ok(pairs)
    }

    fn problems(&self) -> Vec<String> {
        match (&self.tree, &self.file) {
            (Some((tree, text)), Some((_, tests))) => compare(text, tests)
                .iter()
                .map(|(line, problem)| format!("{}:{line}: {problem}", tree.display()))
                .collect(),
            (Some((tree, _)), None) => vec![format!(
                "{}: no test file of this name beside it: rename one of them",
                tree.display()
            )],
            (None, Some((file, tests))) => vec![format!(
                "{}: {} tests and no tree: write a .tree of this name beside it",
                file.display(),
                tests.len()
            )],
            (None, None) => Vec::new(),
        }
    }
}

fn stem(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.split('.').next().unwrap_or_default();
    let mut letters = name.chars();
    let first = letters.next().into_iter().flat_map(char::to_lowercase);
    path.with_file_name(first.chain(letters).collect::<String>())
}

/// What is wrong at a line of a tree.
#[derive(Debug, PartialEq, Eq)]
enum Problem {
    /// The first line is empty or drawn as a branch.
    Subject,
    /// A line's drawing is not what its place among the others wants.
    Drawing { given: String, wanted: String },
    /// A branch that ends without a leaf.
    Bare { branch: String },
    /// Tests at a branch.
    Names { branch: String },
    /// A branch below a leaf.
    Below { leaf: String },
    /// A leaf without a test.
    Unshown { leaf: String },
    /// A test that the file does not have.
    Unknown { test: String },
    /// A test of the file at no leaf; the line is the tree's last.
    Missing { test: String },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject => write!(
                f,
                "the first line says nothing; it should say what the tree is about"
            ),
            Self::Drawing { given, wanted } => write!(
                f,
                "the line begins with {given:?}, it should begin with {wanted:?}"
            ),
            Self::Bare { branch } => write!(f, "the branch {branch:?} has no leaf; one begins with {LEAF:?}"),
            Self::Names { branch } => write!(f, "the branch {branch:?} names tests; only a leaf does"),
            Self::Below { leaf } => write!(
                f,
                "something stands below the leaf {leaf:?}; make it a branch beside it"
            ),
            Self::Unshown { leaf } => write!(
                f,
                "no test shows {leaf:?}; write one and name it, \"{NAME}test_…\""
            ),
            Self::Unknown { test } => write!(f, "{test} is named, but the test file has no such test"),
            Self::Missing { test } => write!(f, "{test} stands at no leaf; name it at the leaf it shows"),
        }
    }
}

/// A branch or leaf.
struct Node {
    line: usize,
    depth: usize,
    words: String,
    tests: Vec<String>,
}

impl Node {
    fn is_leaf(&self) -> bool {
        self.words.starts_with(LEAF)
    }
}

/// Every problem of a tree whose test file has these tests, with its line from 1.
fn compare(text: &str, tests: &[String]) -> Vec<(usize, Problem)> {
    let mut problems = Vec::new();
    let subject = text.lines().next().unwrap_or_default();
    if !drawing(subject).is_empty() || subject.is_empty() {
        problems.push((1, Problem::Subject));
    }
    let nodes = nodes(text);
    problems.extend(drawn_otherwise(text, &nodes));

    for (i, node) in nodes.iter().enumerate() {
        let words = node.words.clone();
        let has_more = nodes.get(i + 1).is_some_and(|next| next.depth > node.depth);
        let problem = match (node.is_leaf(), has_more, node.tests.is_empty()) {
            (true, true, _) => Problem::Below { leaf: words },
            (true, false, true) => Problem::Unshown { leaf: words },
            (false, false, _) => Problem::Bare { branch: words },
            (false, true, false) => Problem::Names { branch: words },
            (true, false, false) | (false, true, true) => continue,
        };
        problems.push((node.line, problem));
    }
    for node in &nodes {
        let unknown = node.tests.iter().filter(|test| !tests.contains(test));
        problems.extend(unknown.map(|test| (node.line, Problem::Unknown { test: test.clone() })));
    }
    let missing = tests
        .iter()
        .filter(|test| !nodes.iter().any(|node| node.tests.contains(test)));
    problems.extend(missing.map(|test| (text.lines().count(), Problem::Missing { test: test.clone() })));
    problems
}

/// Branches and leaves in their order; a line of names alone goes on with the node above it.
fn nodes(text: &str) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for (i, line) in text.lines().enumerate().skip(1) {
        let rest = &line[drawing(line).len()..];
        let (words, names) = match rest.find(NAME) {
            Some(at) => (rest[..at].trim_end(), &rest[at..]),
            None => (rest, ""),
        };
        let tests = names
            .split(NAME)
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty());
        match nodes.last_mut() {
            Some(above) if words.is_empty() && !names.is_empty() => above.tests.extend(tests),
            _ => nodes.push(Node {
                line: i + 1,
                depth: drawing(line).chars().count() / STEP,
                words: words.to_owned(),
                tests: tests.collect(),
            }),
        }
    }
    nodes
}

/// What a line begins with before its words.
fn drawing(line: &str) -> &str {
    let end = line.find(|c| !"│├└─ ".contains(c)).unwrap_or(line.len());
    &line[..end]
}

/// Lines whose drawing is not what the depths of all say.
fn drawn_otherwise(text: &str, nodes: &[Node]) -> Vec<(usize, Problem)> {
    let mut problems = Vec::new();
    let mut node = nodes.iter().enumerate().peekable();
    let mut current = None;
    for (i, line) in text.lines().enumerate().skip(1) {
        let begins = node.next_if(|(_, next)| next.line == i + 1);
        current = begins.or(current);
        let Some((at, _)) = current else { continue };
        let wanted = wanted(nodes, at, begins.is_some());
        if drawing(line) != wanted {
            let given = drawing(line).to_owned();
            problems.push((i + 1, Problem::Drawing { given, wanted }));
        }
    }
    problems
}

/// The drawing of a node's own line, or of a line of names below it.
fn wanted(nodes: &[Node], at: usize, own: bool) -> String {
    let deepest = if at == 0 { 1 } else { nodes[at - 1].depth + 1 };
    let depth = nodes[at].depth.clamp(1, deepest);
    let goes_on = |level: usize| {
        nodes[at + 1..]
            .iter()
            .find(|next| next.depth <= level)
            .is_some_and(|next| next.depth == level)
    };
    (1..=depth)
        .map(|level| match (level == depth && own, goes_on(level)) {
            (true, true) => "├── ",
            (true, false) => "└── ",
            (false, true) => "│   ",
            (false, false) => "    ",
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Problems of a tree as they are told, for a file of the tests `test_a` and `test_b`.
    fn told(tree: &str) -> Vec<String> {
        let tests = ["test_a".to_owned(), "test_b".to_owned()];
        compare(tree, &tests)
            .iter()
            .map(|(line, problem)| format!("{line}: {problem}"))
            .collect()
    }

    #[test]
    fn a_tree_of_the_form_has_no_problem() {
        let tree = "Docket.settle\n\
                    ├── given a state\n\
                    │   ├── when an input\n\
                    │   │   └── it should refuse · test_a\n\
                    │   └── it should say so, at such length\n\
                    │       · test_a\n\
                    │       · test_b\n\
                    └── it should settle · test_a · test_b\n";

        assert!(told(tree).is_empty(), "{:?}", told(tree));
    }

    #[test]
    fn a_leaf_names_a_test() {
        let told = told("settle\n├── it should refuse\n└── it should settle · test_a · test_b\n");

        assert_eq!(
            told,
            ["2: no test shows \"it should refuse\"; write one and name it, \"· test_…\""]
        );
    }

    #[test]
    fn a_test_that_is_named_is_there() {
        let told = told("settle\n└── it should settle · test_a · test_b · test_c\n");

        assert_eq!(told, ["2: test_c is named, but the test file has no such test"]);
    }

    #[test]
    fn a_test_that_is_there_is_named() {
        let told = told("settle\n└── it should settle\n    · test_a\n");

        assert_eq!(
            told,
            ["3: test_b stands at no leaf; name it at the leaf it shows"]
        );
    }

    #[test]
    fn a_branch_ends_in_leaves() {
        let told = told("settle\n├── given a state · test_b\n└── it should settle · test_a · test_b\n");

        assert_eq!(
            told,
            ["2: the branch \"given a state\" has no leaf; one begins with \"it should \""]
        );
    }

    #[test]
    fn a_branch_names_no_test() {
        let told = told("settle\n└── given a state · test_b\n    └── it should settle · test_a\n");

        assert_eq!(
            told,
            ["2: the branch \"given a state\" names tests; only a leaf does"]
        );
    }

    #[test]
    fn nothing_stands_below_a_leaf() {
        let told = told("settle\n└── it should settle · test_a\n    └── it should tell · test_b\n");

        assert_eq!(
            told,
            ["2: something stands below the leaf \"it should settle\"; make it a branch beside it"]
        );
    }

    #[test]
    fn the_first_line_is_the_subject() {
        let told = told("└── it should settle · test_a · test_b\n");

        assert_eq!(
            told[0],
            "1: the first line says nothing; it should say what the tree is about"
        );
    }

    #[test]
    fn lines_are_drawn_by_their_depth() {
        let last = "settle\n├── it should refuse · test_a\n├── it should settle · test_b\n";
        let deep = "settle\n├── given a state\n│   │   └── it should refuse · test_a\n└── it should settle · test_b\n";
        let names = "settle\n├── it should refuse\n    · test_a\n└── it should settle · test_b\n";

        assert_eq!(
            told(last),
            ["3: the line begins with \"├── \", it should begin with \"└── \""]
        );
        assert_eq!(
            told(deep),
            ["3: the line begins with \"│   │   └── \", it should begin with \"│   └── \""]
        );
        assert_eq!(
            told(names),
            ["3: the line begins with \"    \", it should begin with \"│   \""]
        );
    }

    #[test]
    fn a_line_of_prose_is_no_branch() {
        let told = told("settle\n└── it should settle · test_a · test_b\nThe rest is elsewhere.\n");

        assert_eq!(
            told,
            [
                "3: the line begins with \"\", it should begin with \"└── \"",
                "3: the branch \"The rest is elsewhere.\" has no leaf; one begins with \"it should \"",
            ]
        );
    }

    #[test]
    fn a_tree_belongs_to_the_file_of_its_name() {
        assert_eq!(
            stem(Path::new("test/docket/settle.tree")),
            stem(Path::new("test/docket/Settle.t.sol"))
        );
        assert_ne!(
            stem(Path::new("test/gas/settle.tree")),
            stem(Path::new("test/docket/Settle.t.sol"))
        );
        assert_ne!(
            stem(Path::new("test/seal.tree")),
            stem(Path::new("test/sealed.t.sol"))
        );

        let alone = |tree, file| Pair { tree, file }.problems();
        assert_eq!(
            alone(Some((PathBuf::from("test/a.tree"), "a".to_owned())), None),
            ["test/a.tree: no test file of this name beside it: rename one of them"]
        );
        assert_eq!(
            alone(
                None,
                Some((PathBuf::from("test/a.t.sol"), vec!["test_a".to_owned()]))
            ),
            ["test/a.t.sol: 1 tests and no tree: write a .tree of this name beside it"]
        );
    }
}
