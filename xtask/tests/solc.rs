//! Which compiler `script/solc` runs: a native one of the pinned version where the user has one, else npm's.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const INPUT: &str = r#"{
    "language": "Solidity",
    "sources": {"One.sol": {"content": "pragma solidity 0.8.37; contract One { uint256 public one = 1; }"}},
    "settings": {"outputSelection": {"*": {"*": ["evm.bytecode.object"]}}}
}"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Node's own path, since the tests leave nothing else on PATH.
fn node() -> String {
    let output = Command::new("node")
        .args(["-p", "process.execPath"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A folder with a `solc` that says it is of `version`, writes down how it is called, and compiles with npm's.
struct Native {
    folder: PathBuf,
}

impl Native {
    fn new(name: &str, version: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let script = format!(
            "#!{}\n\
             const fs = require('fs');\n\
             fs.appendFileSync(__dirname + '/calls', process.argv.slice(2).join(' ') + '\\n');\n\
             if (process.argv.includes('--version')) console.log('solc\\nVersion: {version}');\n\
             else process.stdout.write(require('{}').compile(fs.readFileSync(0, 'utf8')));\n",
            node(),
            root().join("node_modules/solc").display(),
        );
        let native = Self { folder };
        fs::write(native.program(), script).unwrap();
        fs::set_permissions(native.program(), fs::Permissions::from_mode(0o755)).unwrap();
        native
    }

    fn program(&self) -> PathBuf {
        self.folder.join("solc")
    }

    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.folder.join("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }
}

fn solc(option: &str, path: &Path, named: Option<&Path>) -> Output {
    let mut command = Command::new(node());
    command
        .args([root().join("script/solc"), option.into()])
        .env("PATH", path)
        .env_remove("HEARTH_SOLC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(named) = named {
        command.env("HEARTH_SOLC", named);
    }
    let mut child = command.spawn().unwrap();
    // A script that refuses does not read its input.
    let _ = child.stdin.take().unwrap().write_all(INPUT.as_bytes());
    child.wait_with_output().unwrap()
}

fn version(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().last().unwrap_or_default().to_owned()
}

const PINNED: &str = "0.8.37+commit.0badcafe.Linux.g++";

#[test]
fn without_a_native_one_npms_compiles() {
    let empty = Path::new("/var/empty");

    assert!(version(&solc("--version", empty, None)).contains("Emscripten"));
    let output = solc("--standard-json", empty, None);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("bytecode"));
}

#[test]
fn a_native_one_of_the_pinned_version_on_path_compiles() {
    let native = Native::new("pinned", PINNED);

    assert_eq!(
        version(&solc("--version", &native.folder, None)),
        format!("Version: {PINNED}")
    );
    let output = solc("--standard-json", &native.folder, None);

    assert!(output.status.success());
    assert!(native.calls().contains(&"--standard-json".to_owned()));
    let npms = solc("--standard-json", &native.folder, Some(Path::new("npm")));
    assert_eq!(output.stdout, npms.stdout);
}

#[test]
fn a_native_one_of_another_version_is_passed_over() {
    for (name, other) in [
        ("older", "0.8.36+commit.0badcafe.Linux.g++"),
        ("longer", "0.8.371+commit.0badcafe.Linux.g++"),
        ("unreleased", "0.8.37-develop.2026.1.1+commit.0badcafe.Linux.g++"),
    ] {
        let native = Native::new(name, other);

        assert!(
            version(&solc("--version", &native.folder, None)).contains("Emscripten"),
            "{name}"
        );
        assert!(solc("--standard-json", &native.folder, None).status.success());
        assert_eq!(native.calls(), ["--version", "--version"], "{name}");
    }
}

#[test]
fn what_hearth_solc_names_comes_first_and_must_be_of_the_pinned_version() {
    let named = Native::new("named", PINNED);
    let older = Native::new("named-older", "0.8.36+commit.0badcafe.Linux.g++");

    assert!(
        solc("--standard-json", &older.folder, Some(&named.program()))
            .status
            .success()
    );
    assert!(named.calls().contains(&"--standard-json".to_owned()));
    assert!(older.calls().is_empty());

    let refused = solc("--standard-json", &named.folder, Some(&older.program()));
    assert_eq!(refused.status.code(), Some(64));
    let says = String::from_utf8_lossy(&refused.stderr);
    assert!(
        says.contains("which is 0.8.36+commit.0badcafe.Linux.g++, wanted 0.8.37"),
        "{says}"
    );
}

#[test]
fn npm_in_hearth_solc_passes_native_ones_over() {
    let native = Native::new("unwanted", PINNED);

    assert!(version(&solc("--version", &native.folder, Some(Path::new("npm")))).contains("Emscripten"));
    assert!(native.calls().is_empty());
}

#[test]
fn the_script_itself_on_path_does_not_ask_itself_for_ever() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("itself");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(root().join("script/solc"), folder.join("solc")).unwrap();

    assert!(version(&solc("--version", &folder, None)).contains("Emscripten"));
}
