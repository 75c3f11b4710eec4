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
fn a_scenario_that_cannot_be_played_names_the_field() {
    let page = include_str!("../../../docs/rehearsing.md");
    let (_, rest) = page.split_once("```json\n").unwrap();
    let (sound, _) = rest.split_once("```").unwrap();
    read(sound).unwrap();
    let check = |from: &str, to: &str, wanted: &str| {
        assert!(sound.contains(from), "{from}");
        let says = read(&sound.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(says.starts_with(wanted), "{from} -> {to}: {says}");
    };
    check("{", "", "the scenario: ");
    check(
        "\"firewood\"",
        "\"cold-evening\"",
        "subcontract: given \"cold-evening\", wanted \"firewood\"",
    );
    check(
        "\"subcontract\"",
        "\"subcontracts\"",
        "subcontracts: unknown field",
    );
    let units = "parameters.p0: invalid type: integer `5`, expected whole units of H as text";
    check("\"800000\"", "5", units);
    let units = "parameters.p0: invalid value: string \"0.8 H\", expected whole units of H as text";
    check("\"800000\"", "\"0.8 H\"", units);
    check(
        "\"800000\"",
        "\"0\"",
        "parameters.p0: given 0, wanted 1 to 1000000000000",
    );
    check("\"refGrams\": 1000,", "", "parameters: missing field `refGrams`");
    check("1000,", "0,", "parameters.refGrams: given 0, wanted 1 to ");
    check(
        "2500, 5000",
        "5000, 2500",
        "parameters.mu[2]: given 2500, wanted 5000 to 200000",
    );
    check(", 160000]", "]", "parameters.mu: invalid length 7");
    check("[\"0\"", "[\"1\"", "parameters.bands[0]: given 1, wanted 0 to 0");
    check(
        "\"10000000\", \"20000000\"",
        "\"5000000\", \"20000000\"",
        "parameters.bands[2]: given 5000000",
    );
    check(
        "\"bo\", \"band\": 2",
        "\"bo\", \"band\": 8",
        "members[1].band: given 8, wanted 0 to 7",
    );
    check(
        "\"name\": \"bo\"",
        "\"name\": \"ada\"",
        "members[1].name: given \"ada\" twice",
    );
    check(
        "\"perEvent\": \"10000000\", ",
        "",
        "members[0].mandate: missing field `perEvent`",
    );
    let names = "provider: given \"zoe\", wanted one of the members ada, bo, cleo";
    check("\"provider\": \"bo\"", "\"provider\": \"zoe\"", names);
    check(
        "\"OK\"",
        "\"FINE\"",
        "weeks[0].verdict: unknown variant `FINE`, expected one of",
    );
    let names = "weeks[0].lines[1].member: given \"zoe\", wanted one of";
    check("{\"member\": \"cleo\"", "{\"member\": \"zoe\"", names);
    let twice = "weeks[0].lines[1].member: given \"ada\" twice";
    check("{\"member\": \"cleo\"", "{\"member\": \"ada\"", twice);
    check(
        "\"grams\": 2900",
        "\"grams\": -1",
        "weeks[0].lines[1].grams: invalid value",
    );
    check(
        "\"grams\": 1000}",
        "\"gram\": 1000}",
        "weeks[0].unattributed.gram: unknown field",
    );
    check("\"amount\"", "\"sum\"", "weeks[1].deposits[0].sum: unknown field");
    let mut few: serde_json::Value = serde_json::from_str(sound).unwrap();
    few["members"].as_array_mut().unwrap().pop();
    let says = read(&few.to_string()).unwrap_err().to_string();
    assert!(says.starts_with("members: given 2, wanted 3 to 25"), "{says}");
}
