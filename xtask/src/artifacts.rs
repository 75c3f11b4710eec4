//! Forge's output, slimmed to what the binaries carry: name, ABI and creation code.
//!
//! *In*: `out/`, as forge wrote it. *Out*: `bindings/artifacts/<Name>.json`, committed, so that cargo builds without
//! forge. *Refuses*: code that still asks for a library's address.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use eyre::{Result, WrapErr, bail};
use serde_json::{Value, json};

use crate::tools::{Tools, root};

/// Compiles the contracts and writes their artifacts, or with `check` compares them with the committed ones.
pub(crate) fn run(check: bool, to: Option<&Path>) -> Result<ExitCode> {
    let tools = Tools::prepare()?;
    let status = std::process::Command::new(&tools.forge)
        .arg("build")
        .current_dir(&tools.root)
        .stdin(Stdio::null())
        .status()
        .wrap_err("failed to start forge")?;
    if !status.success() {
        bail!("forge could not build the contracts; its errors are above");
    }
    if check {
        compare()?;
        println!("the committed artifacts are those of the contracts");
    } else {
        let folder = to.map_or_else(folder, Path::to_path_buf);
        let written = write(&folder)?;
        println!("{written} artifacts written to {}", folder.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the committed artifacts are.
fn folder() -> PathBuf {
    root().join("bindings/artifacts")
}

fn write(folder: &Path) -> Result<usize> {
    let fresh = slim(&root())?;
    fs::create_dir_all(folder).wrap_err_with(|| format!("failed to make {}", folder.display()))?;
    for name in committed(folder)?
        .keys()
        .filter(|name| !fresh.contains_key(*name))
    {
        fs::remove_file(folder.join(format!("{name}.json"))).wrap_err_with(|| {
            format!("failed to remove the artifact of {name}, which is no contract any more")
        })?;
    }
    for (name, text) in &fresh {
        let path = folder.join(format!("{name}.json"));
        if fs::read_to_string(&path).is_ok_and(|old| old == *text) {
            continue; // untouched, so that cargo does not rebuild for it
        }
        fs::write(&path, text).wrap_err_with(|| format!("failed to write {}", path.display()))?;
    }
    Ok(fresh.len())
}

/// Fails where the committed artifacts are not those of the contracts as forge last built them.
pub(crate) fn compare() -> Result<()> {
    let (fresh, old) = (slim(&root())?, committed(&folder())?);
    let mut stale: Vec<&str> = Vec::new();
    stale.extend(
        fresh
            .iter()
            .filter(|(name, text)| old.get(*name) != Some(text))
            .map(|(name, _)| name.as_str()),
    );
    stale.extend(
        old.keys()
            .filter(|name| !fresh.contains_key(*name))
            .map(String::as_str),
    );
    if !stale.is_empty() {
        bail!(
            "bindings/artifacts is stale for {}: run `cargo xtask artifacts` and commit it",
            stale.join(", ")
        );
    }
    Ok(())
}

fn committed(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for path in files(folder, "json") {
        let text =
            fs::read_to_string(&path).wrap_err_with(|| format!("failed to read {}", path.display()))?;
        found.insert(stem(&path), text);
    }
    Ok(found)
}

/// Every contract under `contracts/` that can be deployed, by name.
fn slim(root: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for source in files(&root.join("contracts"), "sol") {
        let Some(file) = source.file_name() else { continue };
        for path in files(&root.join("out").join(file), "json") {
            let text =
                fs::read_to_string(&path).wrap_err_with(|| format!("failed to read {}", path.display()))?;
            let built: Value = serde_json::from_str(&text)
                .wrap_err_with(|| format!("failed to parse {}", path.display()))?;
            let name = stem(&path);
            if let Some(artifact) = slimmed(&name, &built)? {
                found.insert(name, artifact);
            }
        }
    }
    Ok(found)
}

/// Name, ABI and creation code; `None` for what cannot be deployed or has no function to call.
fn slimmed(name: &str, built: &Value) -> Result<Option<String>> {
    let code = built["bytecode"]["object"].as_str().unwrap_or("0x");
    let callable = built["abi"]
        .as_array()
        .is_some_and(|abi| abi.iter().any(|entry| entry["type"] == "function"));
    if code == "0x" || !callable {
        return Ok(None);
    }
    if code.contains("__$") {
        bail!("{name} links a library by address: make the library's functions internal");
    }
    let slim = json!({ "contractName": name, "abi": built["abi"], "bytecode": { "object": code } });
    Ok(Some(format!("{slim}\n")))
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(code: &str, entry: &str) -> Value {
        json!({ "abi": [{ "type": entry, "name": "x" }], "bytecode": { "object": code, "sourceMap": "1:2" } })
    }

    #[test]
    fn only_what_can_be_deployed_and_called_is_kept() {
        let kept = slimmed("Ledger", &built("0x60", "function")).unwrap().unwrap();
        assert!(kept.contains("\"0x60\"") && !kept.contains("sourceMap"));

        assert!(slimmed("ILedger", &built("0x", "function")).unwrap().is_none());
        assert!(slimmed("Errors", &built("0x60", "error")).unwrap().is_none());
    }

    #[test]
    fn unlinked_code_is_refused() {
        let refusal = slimmed("Ledger", &built("0x60__$ab$__", "function")).unwrap_err();
        assert!(refusal.to_string().contains("links a library"));
    }
}
