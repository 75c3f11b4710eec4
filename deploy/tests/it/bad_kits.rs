//! The door through which founders hand a kit or a card: each kind of bad input is refused by `hearth check` with its
//! file and place, and none is read beyond its bound.

use std::process::Command;

use hearth::card::Card;
use hearth::kit::Kit;

const KIT: &str = include_str!("../../../kits/firewood.toml");

/// What `hearth check` says of a file, and its exit code.
fn check(content: &[u8]) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
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
    Card::read(&path).unwrap();
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
        let refused = Card::read(&path).unwrap_err();
        let source = std::error::Error::source(&refused).map(ToString::to_string);
        let told = format!("{refused}: {}", source.unwrap_or_default());
        assert!(told.contains(wanted), "{name}: {told}");
    }
}
