//! What must be on the machine, and where the pinned tools are.
//!
//! *In*: the machine. *Out*: [`Tools`]. *Refuses*: with one sentence that says what is missing and how to mend it.
//! *Never*: fetches anything but the packages of `package-lock.json`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use eyre::{Result, WrapErr, bail, eyre};
use serde_json::Value;

/// Oldest Rust that builds the workspace, as in `Cargo.toml`.
const RUST: (u32, u32, u32) = (1, 94, 1);
/// Oldest Node the pinned compiler runs on, as in `package.json`.
const NODE: (u32, u32, u32) = (20, 0, 0);

/// The tools of this checkout, found and of the right version.
pub(crate) struct Tools {
    /// The repository.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// The pinned forge.
    pub(crate) forge: PathBuf,
    /// The pinned anvil.
    pub(crate) anvil: PathBuf,
}

impl Tools {
    /// Checks the prerequisites, installs the npm packages of the lock file where they are not, and finds the tools.
    pub(crate) fn prepare() -> Result<Self> {
        let root = root();
        require_rust()?;
        require_node()?;
        install_packages(&root)?;
        let forge = foundry_tool(&root, "forge")?;
        let anvil = foundry_tool(&root, "anvil")?;
        foundry_tool(&root, "cast")?;
        Ok(Self {
            target: target(&root)?,
            root,
            forge,
            anvil,
        })
    }

    /// The folder of recordings: `HEARTH_DATA`, else `../shared/data` beside the repository; `None` where absent.
    pub(crate) fn recordings(&self) -> Option<PathBuf> {
        let folder =
            env::var_os("HEARTH_DATA").map_or_else(|| self.root.join("../shared/data"), PathBuf::from);
        folder.join("radar").is_dir().then_some(folder)
    }
}

/// The repository this crate was built from.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

fn require_rust() -> Result<()> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let given = version_of(&rustc, &["--version"]).ok_or_else(|| {
        eyre!(
            "rust is missing: install Rust {} or newer from https://rustup.rs",
            dotted(RUST)
        )
    })?;
    if given < RUST {
        bail!(
            "rust is {}, and {} or newer is needed: run `rustup update stable`",
            dotted(given),
            dotted(RUST)
        );
    }
    Ok(())
}

fn require_node() -> Result<()> {
    let mend = "install Node 20 or newer with npm, from https://nodejs.org or your system's packages";
    let given = version_of("node", &["--version"])
        .ok_or_else(|| eyre!("node is missing, and the Solidity compiler runs on it: {mend}"))?;
    if given < NODE {
        bail!(
            "node is {}, and {} or newer is needed: {mend}",
            dotted(given),
            dotted(NODE)
        );
    }
    version_of("npm", &["--version"]).ok_or_else(|| eyre!("npm is missing beside node: {mend}"))?;
    Ok(())
}

/// `npm ci` without scripts, unless every package of the lock file is there already.
fn install_packages(root: &Path) -> Result<()> {
    let Some(missing) = missing_package(root)? else {
        return Ok(());
    };
    println!("\u{2192} npm ci (for {missing})");
    let begun = Instant::now();
    let output = Command::new("npm")
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .wrap_err("failed to start npm")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // After what went wrong npm prints the whole of its usage.
        let said: Vec<_> = said
            .lines()
            .filter(|line| !line.contains("npm warn"))
            .take(12)
            .collect();
        bail!(
            "npm could not install the pinned packages; check the network and run this again. npm said:\n{}",
            said.join("\n")
        );
    }
    println!("\u{2713} npm ci, {:.1} s", begun.elapsed().as_secs_f32());
    match missing_package(root)? {
        None => Ok(()),
        Some(missing) => {
            bail!("npm finished and {missing} is still not installed: remove node_modules and try again")
        }
    }
}

/// The first package of the lock file that `node_modules` lacks or holds in another version. Packages for other
/// machines are optional and are asked for by [`foundry_tool`] only.
fn missing_package(root: &Path) -> Result<Option<String>> {
    let lock = read_json(&root.join("package-lock.json"))?;
    let wanted = lock["packages"]
        .as_object()
        .ok_or_else(|| eyre!("package-lock.json lists no packages"))?;
    for (place, package) in wanted.iter().filter(|(place, _)| !place.is_empty()) {
        if package["optional"] == true && !for_this_machine(package) {
            continue;
        }
        let given = read_json(&root.join(place).join("package.json")).unwrap_or_default();
        if given["version"] != package["version"] {
            let version = package["version"].as_str().unwrap_or("?");
            return Ok(Some(format!(
                "{} {version}",
                place.trim_start_matches("node_modules/")
            )));
        }
    }
    Ok(None)
}

fn for_this_machine(package: &Value) -> bool {
    let allows = |key: &str, ours: &str| {
        package[key]
            .as_array()
            .is_none_or(|list| list.iter().any(|entry| entry == ours))
    };
    let (system, cpu) = match node_platform() {
        Some(pair) => pair,
        None => return false,
    };
    allows("os", system) && allows("cpu", cpu)
}

/// This machine in npm's words.
fn node_platform() -> Option<(&'static str, &'static str)> {
    let system = match env::consts::OS {
        "linux" => "linux",
        "macos" => "darwin",
        _ => return None,
    };
    let cpu = match env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        _ => return None,
    };
    Some((system, cpu))
}

/// The tool of the pinned Foundry package for this machine, else one of the same version on PATH.
fn foundry_tool(root: &Path, tool: &str) -> Result<PathBuf> {
    let pinned = read_json(&root.join("package.json"))?;
    let packages = pinned["optionalDependencies"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let wanted = packages
        .iter()
        .find(|(name, _)| name.starts_with(&format!("@foundry-rs/{tool}-")))
        .and_then(|(_, version)| version.as_str())
        .ok_or_else(|| eyre!("package.json pins no {tool}"))?
        .to_owned();
    if let Some((system, cpu)) = node_platform() {
        let cpu = if cpu == "x64" { "amd64" } else { cpu };
        let packed = root
            .join("node_modules/@foundry-rs")
            .join(format!("{tool}-{system}-{cpu}"))
            .join("bin")
            .join(tool);
        if packed.is_file() {
            return Ok(packed);
        }
    }
    let found = version_of(tool, &["--version"]).map(dotted);
    if found.as_deref() == Some(wanted.as_str()) {
        return Ok(PathBuf::from(tool));
    }
    let found = found.map_or("none on PATH".to_owned(), |version| format!("{version} on PATH"));
    bail!(
        "{tool} {wanted} is needed and there is {found}; npm has no package of it for {}-{}: install Foundry {wanted}",
        env::consts::OS,
        env::consts::ARCH
    )
}

/// Where cargo builds, as cargo itself says.
fn target(root: &Path) -> Result<PathBuf> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .wrap_err("failed to ask cargo where it builds")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).wrap_err("failed to read cargo's answer")?;
    metadata["target_directory"]
        .as_str()
        .map(PathBuf::from)
        .ok_or_else(|| eyre!("cargo names no target directory"))
}

/// The cargo that runs this.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn read_json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).wrap_err_with(|| format!("failed to read {}", path.display()))?;
    serde_json::from_str(&text).wrap_err_with(|| format!("failed to parse {}", path.display()))
}

/// The first `a.b.c` a program prints; `None` where it does not start or prints none.
fn version_of(program: &str, arguments: &[&str]) -> Option<(u32, u32, u32)> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split(|c: char| c.is_whitespace()).find_map(parse_version)
}

fn parse_version(word: &str) -> Option<(u32, u32, u32)> {
    let mut parts = word.trim_start_matches('v').split(['.', '-', '+']);
    Some((
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
    ))
}

fn dotted((major, minor, patch): (u32, u32, u32)) -> String {
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_tools_print_them() {
        let check = |word: &str, expect| assert_eq!(parse_version(word), expect, "{word}");
        check("v20.20.2", Some((20, 20, 2)));
        check("1.95.0", Some((1, 95, 0)));
        check("1.7.1-stable", Some((1, 7, 1)));
        check("1.96.0-nightly", Some((1, 96, 0)));
        check("rustc", None);
        check("11", None);
    }

    #[test]
    fn the_pins_of_this_file_are_those_of_the_manifests() {
        let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("rust-version = \"{}\"", dotted(RUST))));
        let package = read_json(&root().join("package.json")).unwrap();
        assert_eq!(package["engines"]["node"], format!(">={}", NODE.0));
    }

    #[test]
    fn a_program_that_is_not_there_has_no_version() {
        assert_eq!(version_of("hearth-has-no-such-tool", &["--version"]), None);
    }
}
