//! The contracts compiled without forge, by the settings forge reads: `foundry.toml`'s default profile.
//!
//! *In*: the repository's root. *Out*: creation code by contract. *Refuses*: a profile without the settings it needs, a
//! source that does not compile. Founding itself never compiles: it installs what the binary carries
//! ([`crate::artifacts`]); this is how anybody checks that those bytes come from these sources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alloy::primitives::Bytes;
use foundry_compilers::artifacts::{
    BytecodeHash, EvmVersion, Optimizer, Remapping, Settings, SettingsMetadata, Severity,
};
use foundry_compilers::solc::{Solc, SolcCompiler, SolcSettings};
use foundry_compilers::{ConfigurableArtifacts, ProjectBuilder, ProjectPathsConfig};
use serde::Deserialize;
use thiserror::Error;

/// Why nothing was compiled.
#[derive(Debug, Error)]
pub enum CompileError {
    /// The profile could not be read.
    #[error("{path} could not be read: {says}")]
    Profile {
        /// Which file.
        path: PathBuf,
        /// What was found.
        says: String,
    },
    /// The compiler could not be started.
    #[error("the compiler {path} could not be started; run npm ci in the repository")]
    Compiler {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Box<foundry_compilers::error::SolcError>,
    },
    /// The project could not be laid out or compiled.
    #[error("the contracts could not be compiled")]
    Project(#[source] Box<foundry_compilers::error::SolcError>),
    /// The sources have errors.
    #[error("the contracts do not compile:\n{0}")]
    Sources(String),
}

#[derive(Deserialize)]
struct Foundry {
    profile: Profiles,
}

#[derive(Deserialize)]
struct Profiles {
    default: Profile,
}

/// The settings that decide the bytecode; each must be there, so that neither side falls back on a default of its own.
#[derive(Deserialize)]
struct Profile {
    src: PathBuf,
    libs: Vec<PathBuf>,
    remappings: Vec<String>,
    solc: PathBuf,
    evm_version: String,
    optimizer: bool,
    optimizer_runs: usize,
    bytecode_hash: String,
    cbor_metadata: bool,
    #[serde(default)]
    via_ir: bool,
}

/// Compiles every contract under the profile's `src`.
///
/// # Errors
/// See [`CompileError`].
pub fn compile(root: &Path) -> Result<BTreeMap<String, Bytes>, CompileError> {
    let path = root.join("foundry.toml");
    let failed = |says: String| CompileError::Profile {
        path: path.clone(),
        says,
    };
    let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
    let Profiles { default: profile } = toml::from_str::<Foundry>(&text)
        .map_err(|error| failed(error.to_string()))?
        .profile;
    let settings = settings(&profile).map_err(failed)?;
    let remappings = profile.remappings.iter().map(|line| {
        let mut remapping: Remapping = line
            .parse()
            .map_err(|_| failed(format!("{line:?} is no remapping")))?;
        remapping.path = root.join(&remapping.path).to_string_lossy().into_owned();
        Ok(remapping)
    });
    let paths = ProjectPathsConfig::builder()
        .sources(root.join(&profile.src))
        .libs(profile.libs.iter().map(|lib| root.join(lib)))
        .remappings(remappings.collect::<Result<Vec<_>, CompileError>>()?)
        .build_with_root(root);
    // The script that forge starts too, so a native compiler is chosen for both or for neither.
    let solc = root.join(&profile.solc);
    let compiler = Solc::new(&solc).map_err(|source| CompileError::Compiler {
        path: solc,
        source: Box::new(source),
    })?;
    let wrong = |source| CompileError::Project(Box::new(source));
    let project =
        ProjectBuilder::<SolcCompiler, ConfigurableArtifacts>::new(ConfigurableArtifacts::default())
            .paths(paths)
            .settings(SolcSettings {
                settings,
                ..SolcSettings::default()
            })
            .ephemeral()
            .no_artifacts()
            .offline()
            .single_solc_jobs()
            .set_compiler_severity_filter(Severity::Error)
            .build(SolcCompiler::Specific(compiler))
            .map_err(wrong)?;
    let output = project.compile().map_err(wrong)?;
    if output.has_compiler_errors() {
        return Err(CompileError::Sources(output.to_string()));
    }
    Ok(output
        .into_artifacts()
        .filter_map(|(id, artifact)| Some((id.name, artifact.bytecode?.into_bytes()?)))
        .filter(|(_, code)| !code.is_empty())
        .collect())
}

fn settings(profile: &Profile) -> Result<Settings, String> {
    let evm_version: EvmVersion = profile
        .evm_version
        .parse()
        .map_err(|_| format!("evm_version: given {:?}", profile.evm_version))?;
    let bytecode_hash: BytecodeHash = profile
        .bytecode_hash
        .parse()
        .map_err(|_| format!("bytecode_hash: given {:?}", profile.bytecode_hash))?;
    Ok(Settings {
        optimizer: Optimizer {
            enabled: Some(profile.optimizer),
            runs: Some(profile.optimizer_runs),
            details: None,
        },
        metadata: Some(SettingsMetadata {
            use_literal_content: None,
            bytecode_hash: Some(bytecode_hash),
            cbor_metadata: Some(profile.cbor_metadata),
        }),
        evm_version: Some(evm_version),
        via_ir: Some(profile.via_ir),
        ..Settings::default()
    })
}
