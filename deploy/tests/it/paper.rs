//! Scenarios settled on paper, apart from this project, must match to the unit (R1, R8).

use std::path::{Path, PathBuf};

use hearth::rehearse::{Outcome, read, rehearse};

/// Where recordings are: `HEARTH_DATA`, or beside the repository.
fn recordings() -> PathBuf {
    std::env::var_os("HEARTH_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    )
}

#[tokio::test]
async fn r8_every_paper_settlement_is_matched_to_the_unit() {
    let folder = recordings().join("settlements");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: no paper settlements at {}", folder.display());
        return;
    };
    let mut scenarios: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .filter(|path| !path.to_string_lossy().ends_with(".expected.json"))
        .collect();
    scenarios.sort();
    assert!(!scenarios.is_empty(), "{} holds no scenario", folder.display());
    for path in scenarios {
        let scenario = read(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let expected = std::fs::read_to_string(path.with_extension("expected.json")).unwrap();
        let expected: Outcome = serde_json::from_str(&expected).unwrap();
        let played = rehearse(&scenario, |_| {}).await.unwrap();
        assert_eq!(played, expected, "{}", path.display());
    }
}

#[test]
fn a_scenario_that_cannot_be_played_says_why() {
    let check = |text: &str, wanted: &str| {
        let says = read(text).unwrap_err().to_string();
        assert!(says.contains(wanted), "{says}");
    };
    check("{", "EOF");
    let mut scenario = serde_json::json!({
        "subcontract": "cold-evening",
        "parameters": {
            "p0": "1000000", "refGrams": 1000, "mu": [0, 1, 2, 3, 4, 5, 6, 7],
            "bands": ["0", "1", "2", "3", "4", "5", "6", "7"], "floor": "0", "warmth": "0"
        },
        "members": [],
        "provider": "ada",
        "weeks": []
    });
    check(&scenario.to_string(), "wanted \"firewood\"");
    scenario["subcontract"] = "firewood".into();
    check(&scenario.to_string(), "wanted 3 to 25");
    scenario["parameters"]["p0"] = "1.5".into();
    check(&scenario.to_string(), "whole units of H");
}
