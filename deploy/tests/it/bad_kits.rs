//! The door through which founders hand a kit or a card: each kind of bad input is refused by `hearth check` with its
//! file and place, and none is read beyond its bound.

use std::process::Command;

use hearth::card;
use hearth::kit::Kit;

const KIT: &str = include_str!("../../../kits/firewood.toml");

const MODEL: &str = include_str!("../../../fuzz/corpus/model/three.json");

/// What `hearth check` says of a file, and its exit code.
fn check(content: &[u8]) -> (String, Option<i32>) {
    check_beside(content, b"")
}

/// The same, with this model beside it as `pile.model`.
fn check_beside(content: &[u8], model: &[u8]) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pile.model"), model).unwrap();
    let path = folder.path().join("village.toml");
    std::fs::write(&path, content).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_hearth"))
        .arg("check")
        .arg(&path)
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    (String::from_utf8(told).unwrap(), output.status.code())
}

#[test]
fn each_bad_kit_is_refused_with_its_place() {
    let sound = check(KIT.as_bytes());
    assert_eq!(sound.1, Some(0), "{}", sound.0);
    let cut = KIT.find("\"5 H\"").unwrap() + 3;
    for (name, content, wanted) in [
        ("truncated", KIT.as_bytes()[..cut].to_vec(), "village.toml:11:"),
        (
            "not UTF-8",
            [KIT.as_bytes(), b"# \xff\xfe\n"].concat(),
            "valid UTF-8",
        ),
        (
            "oversized",
            vec![b'#'; (1 << 20) + 1],
            "larger than 1048576 bytes",
        ),
        (
            "stale: a key of another release",
            KIT.replacen("floor =", "minimum =", 1).into_bytes(),
            "village.toml:11:1: unknown key minimum",
        ),
        (
            "future: a table nobody knows yet",
            format!("{KIT}\n[[juries]]\nseats = 5\n").into_bytes(),
            "juries",
        ),
        (
            "replayed: a key given twice",
            KIT.replacen("floor = \"5 H\"", "floor = \"5 H\"\nfloor = \"6 H\"", 1)
                .into_bytes(),
            "village.toml:12:1: ",
        ),
    ] {
        let (told, code) = check(&content);
        assert!(told.contains(wanted), "{name}: {told}");
        assert_eq!(code, Some(64), "{name}: {told}");
    }
}

/// Line and column, from 1, of the first `part` of `text`.
fn place(text: &str, part: &str) -> String {
    let before = &text[..text.find(part).unwrap()];
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
    format!("village.toml:{}:{column}: ", before.matches('\n').count() + 1)
}

/// The tables of the page on founding, for a subcontract opened later, with its device written out and without a model.
fn opening() -> String {
    let page = include_str!("../../../docs/founding.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let device = format!(
        "key = \"0x{}\"\nkind = \"radar\"\ninterval_seconds = 60\ncalibrated_until = 0",
        "21".repeat(32)
    );
    text.replacen("card = \"cards/radar-2.card.json\"", &device, 1)
        .replacen("[models]\nwillow-pile = \"willow.model\"\n", "", 1)
}

#[test]
fn parameters_an_estimator_cannot_read_are_refused() {
    const SOUND: &str = "\"0x1f40000000fa000001f409c40000\"";
    for text in [KIT.to_owned(), opening()] {
        let (told, code) = check(text.as_bytes());
        assert_eq!(code, Some(0), "{told}");
        let with = |from: &str, to: &str| {
            let (told, code) = check(text.replacen(from, to, 1).as_bytes());
            assert_eq!(code, Some(64), "{told}");
            told
        };
        let wants = |told: String, at: &str, says: &str| {
            assert!(told.contains(&format!("{}{says}", place(&text, at))), "{told}");
        };
        let short = "parameters: the parameters of estimator `wood` have 2 bytes, wanted 14";
        wants(with(SOUND, "\"0x1f40\""), SOUND, short);
        let none = "parameters: the parameters of estimator `wood` have 0 bytes, wanted 14";
        wants(with(&format!("parameters = {SOUND}"), ""), "\"wood\"", none);
        let other = "parameters: the parameters of estimator `value` have 14 bytes, wanted 1";
        wants(with("\"wood\"", "\"value\""), SOUND, other);
        let unknown = "estimator: no estimator is named `wod`; wanted one of value, wood";
        wants(with("\"wood\"", "\"wod\""), "\"wood\"", unknown);
    }
}

#[test]
fn r7_6_a_model_no_week_could_settle_by_is_refused() {
    let text = format!("{KIT}\n[models]\nwood-pile = \"pile.model\"\n");
    let erring = |bps: &str| {
        let stated = format!("\"calibration_error_bps\":{bps}");
        let model = MODEL.replacen("\"calibration_error_bps\":0", &stated, 1);
        assert!(model.contains(&stated));
        check_beside(text.as_bytes(), model.as_bytes())
    };
    let (told, code) = erring("300");
    assert_eq!(code, Some(0), "{told}");
    let other = MODEL.replacen("hearth-meter-1", "hearth-meter-2", 1);
    for ((told, code), wanted) in [
        (erring("301"), "calibration error of 301 bps, wanted at most 300"),
        (
            check_beside(text.as_bytes(), b"correct horse\n"),
            "given a file that is no model",
        ),
        (
            check_beside(text.as_bytes(), b"{\"password\":1}"),
            "given a file that is no model",
        ),
        (
            check_beside(text.as_bytes(), other.as_bytes()),
            "given format \"hearth-meter-2\", wanted \"hearth-meter-1\"",
        ),
    ] {
        let at = place(&text, "\"pile.model\"");
        assert!(told.contains(&format!("{at}models.wood-pile: ")), "{told}");
        assert!(told.contains(wanted), "{told}");
        assert_eq!(code, Some(64), "{told}");
    }
    // What has no end is not read for one.
    let endless = text.replacen("pile.model", "/dev/zero", 1);
    let (told, code) = check(endless.as_bytes());
    assert!(told.contains("it is no file"), "{told}");
    assert_eq!(code, Some(64), "{told}");
}

#[test]
fn the_order_of_a_kits_tables_means_nothing() {
    let at = KIT.find("[committee]").unwrap();
    let end = at + 1 + KIT[at + 1..].find("\n[").unwrap();
    let moved = format!("{}\n{}\n{}", &KIT[..at], &KIT[end..], &KIT[at..end]);
    let read = |text: &str| Kit::parse(text, std::path::Path::new("")).unwrap();
    let (sound, moved) = (read(KIT), read(&moved));
    assert_eq!(moved.committee, sound.committee);
    assert_eq!(moved.subcontracts, sound.subcontracts);
}

#[test]
fn each_bad_card_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ada.json");
    let key = "0x0101010101010101010101010101010101010101";
    let sound = format!(r#"{{"card":"member","v":1,"name":"ada","key":"{key}"}}"#);
    std::fs::write(&path, &sound).unwrap();
    card::read(&path).unwrap();
    for (name, content, wanted) in [
        ("truncated", sound.as_bytes()[..40].to_vec(), "EOF"),
        ("not UTF-8", [sound.as_bytes(), b"\xff"].concat(), "valid UTF-8"),
        (
            "oversized",
            vec![b' '; (1 << 20) + 1],
            "larger than 1048576 bytes",
        ),
        (
            "of another version",
            sound.replace("\"v\":1", "\"v\":2").into_bytes(),
            "version 2",
        ),
        (
            "with a key of a later release",
            sound.replace("\"v\"", "\"photo\":\"\",\"v\"").into_bytes(),
            "photo",
        ),
    ] {
        std::fs::write(&path, content).unwrap();
        let refused = card::read(&path).unwrap_err();
        let source = std::error::Error::source(&refused).map(ToString::to_string);
        let told = format!("{refused}: {}", source.unwrap_or_default());
        assert!(told.contains(wanted), "{name}: {told}");
    }
}
