//! Two compilers' drivers, one bytecode: what the binary carries (forge's) and what foundry-compilers makes.

use std::path::Path;

use hearth::artifacts::{Artifacts, MODULES};
use hearth::compile::compile;

#[test]
fn what_the_binary_carries_is_what_these_sources_compile_to() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap();
    let compiled = compile(&root).unwrap_or_else(|error| panic!("{error}"));
    let carried = Artifacts::embedded();
    let check = |name: &str, code: &[u8]| {
        let made = compiled
            .get(name)
            .unwrap_or_else(|| panic!("{name} was not compiled"));
        assert!(
            made[..] == *code,
            "{name}: the bytecode differs ({} and {} bytes); run script/slim-artifacts after forge build",
            made.len(),
            code.len()
        );
    };
    check("Charter", &carried.charter);
    check("Firewood", &carried.firewood);
    check("PracticeToken", &carried.practice_token);
    for (name, code) in MODULES.iter().zip(&carried.modules) {
        check(&format!("{}{}", name[..1].to_uppercase(), &name[1..]), code);
    }
}
