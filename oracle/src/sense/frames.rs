//! Recorded radar frames: 512 numbers and a label a line.
//!
//! *In*: a comma-separated file whose first row names the columns `a1..h64,class`. *Out*: [`Frame`]s in fixed point with
//! their [`Label`]. *Refuses*: a row of another width, a number that is none or lies outside the radar's range; it names
//! file, line and column. *Never*: shows a frame's numbers in a message beyond the one cell that is wrong.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Antenna channels of one frame.
pub const CHANNELS: usize = 8;
/// Samples of one channel.
pub const SAMPLES: usize = 64;
/// Numbers of one frame.
pub const FRAME: usize = CHANNELS * SAMPLES;
/// Fixed-point units of one radar unit: samples are kept in thousandths, rounded half away from zero.
pub const UNITS: i32 = 1_000;
/// The largest magnitude of a sample, in thousandths (about 16,777 radar units; recordings stay below 3,100).
pub const SAMPLE_MAX: i32 = (1 << 24) - 1;

/// One frame: [`CHANNELS`] runs of [`SAMPLES`] numbers, in thousandths of a radar unit.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(Box<[i32; FRAME]>);

impl Frame {
    /// Wraps samples that are already in thousandths. Returns `None` if one exceeds [`SAMPLE_MAX`] in magnitude.
    pub fn new(samples: [i32; FRAME]) -> Option<Self> {
        samples
            .iter()
            .all(|sample| (-SAMPLE_MAX..=SAMPLE_MAX).contains(sample))
            .then(|| Self(Box::new(samples)))
    }

    /// The samples, channel after channel.
    pub fn samples(&self) -> &[i32; FRAME] {
        &self.0
    }

    /// The samples of each channel.
    pub fn channels(&self) -> impl Iterator<Item = &[i32]> {
        self.0.chunks_exact(SAMPLES)
    }
}

impl fmt::Debug for Frame {
    /// A frame is raw sensor output and stays out of logs (D0, R20).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({FRAME} samples)")
    }
}

/// What a recording says stood before the radar.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// So many items; `air`, nothing there, is none.
    Count(u16),
    /// A person. The meter counts things and never learns these (R7.8).
    Person(String),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(0) => f.write_str("air"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Person(name) => f.write_str(name),
        }
    }
}

/// One labelled frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The frame.
    pub frame: Frame,
    /// What stood there.
    pub label: Label,
}

/// One file of labelled frames, in the order they were recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The file's name without its folder.
    pub name: String,
    /// Its frames.
    pub samples: Vec<Sample>,
}

/// Why a file of frames was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FramesError {
    /// The file or folder could not be read.
    #[error("cannot read frames from {path}: check that it exists and may be read", path = path.display())]
    Unreadable {
        /// The path asked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A folder without a `.csv` file.
    #[error("no frames in {path}: wanted at least one .csv file of counts", path = path.display())]
    Empty {
        /// The path asked for.
        path: PathBuf,
    },
    /// The file is not UTF-8 text.
    #[error("{file}: not a text file: wanted UTF-8 lines of {FRAME} numbers and a label")]
    NotText {
        /// The file.
        file: String,
    },
    /// The first row does not name the columns.
    #[error("{file}, line 1: wanted a row naming {wanted} columns, a1 to h64 and class, got {given} columns")]
    Header {
        /// The file.
        file: String,
        /// Columns found.
        given: usize,
        /// Columns wanted.
        wanted: usize,
    },
    /// A file that names its columns and holds nothing else.
    #[error(
        "{file}: no frames below line 1: was it cut off? wanted a line of {FRAME} numbers and a label for each"
    )]
    Bare {
        /// The file.
        file: String,
    },
    /// A row has too few or too many columns.
    #[error("{file}, line {line}: wanted {wanted} columns ({FRAME} numbers and a label), got {given}")]
    Width {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// Columns found.
        given: usize,
        /// Columns wanted.
        wanted: usize,
    },
    /// A cell that should hold a number does not.
    #[error("{file}, line {line}, column {column}: wanted a number within ±{}, got \"{given}\"", SAMPLE_MAX / UNITS)]
    Number {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// The cell, cut to 32 characters.
        given: String,
    },
    /// The label is empty or a count out of range.
    #[error("{file}, line {line}, column {}: wanted air, a count up to {max} or a person's label, got \"{given}\"", FRAME + 1, max = u16::MAX)]
    Label {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The cell, cut to 32 characters.
        given: String,
    },
    /// A file labels persons where things are to be counted.
    #[error(
        "{file}, line {line}: the label \"{given}\" names a person: a meter learns counts only, leave this file out"
    )]
    Persons {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The label.
        given: String,
    },
}

/// Reads one file.
pub fn read_file(path: &Path) -> Result<Recording, FramesError> {
    let bytes = std::fs::read(path).map_err(|source| FramesError::Unreadable {
        path: path.into(),
        source,
    })?;
    let name = path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into(),
    );
    parse(&name, &bytes)
}

/// Reads files and folders of counted things, in the order given and by name inside a folder, so that the same set of
/// files always gives the same order. A file of persons inside a folder is passed over; `passed_over` names it. Given by
/// itself it is refused.
pub fn read_counts(
    paths: &[PathBuf],
    mut passed_over: impl FnMut(&str),
) -> Result<Vec<Recording>, FramesError> {
    let mut recordings = Vec::new();
    for path in paths {
        if !path.is_dir() {
            let recording = read_file(path)?;
            refuse_persons(&recording)?;
            recordings.push(recording);
            continue;
        }
        let unreadable = |source| FramesError::Unreadable {
            path: path.clone(),
            source,
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            if file.extension().is_some_and(|extension| extension == "csv") {
                files.push(file);
            }
        }
        files.sort();
        let before = recordings.len();
        for file in files {
            let recording = read_file(&file)?;
            match refuse_persons(&recording) {
                Ok(()) => recordings.push(recording),
                Err(_) => passed_over(&recording.name),
            }
        }
        if recordings.len() == before {
            return Err(FramesError::Empty { path: path.clone() });
        }
    }
    Ok(recordings)
}

fn refuse_persons(recording: &Recording) -> Result<(), FramesError> {
    let person = recording
        .samples
        .iter()
        .enumerate()
        .find_map(|(row, sample)| match &sample.label {
            Label::Person(name) => Some((row, name)),
            Label::Count(_) => None,
        });
    person.map_or(Ok(()), |(row, name)| {
        Err(FramesError::Persons {
            file: recording.name.clone(),
            line: row + 2,
            given: name.clone(),
        })
    })
}

/// Reads the text of one file. `name` is used in messages only.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Recording, FramesError> {
    const WANTED: usize = FRAME + 1;
    let text = std::str::from_utf8(bytes).map_err(|_| FramesError::NotText { file: name.into() })?;
    let mut lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    let header: Vec<&str> = lines
        .next()
        .map(|(_, line)| line.trim().split(',').collect())
        .unwrap_or_default();
    // A file without its first row would silently lose a frame, so the row must be names, not numbers.
    if header.len() != WANTED || header.iter().any(|column| thousandths(column.trim()).is_some()) {
        return Err(FramesError::Header {
            file: name.into(),
            given: header.len(),
            wanted: WANTED,
        });
    }

    let mut samples = Vec::new();
    for (row, line) in lines {
        let line_number = row + 1;
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if cells.len() != WANTED {
            let given = cells.len();
            return Err(FramesError::Width {
                file: name.into(),
                line: line_number,
                given,
                wanted: WANTED,
            });
        }
        let mut numbers = Box::new([0; FRAME]);
        for (column, cell) in cells[..FRAME].iter().enumerate() {
            numbers[column] = thousandths(cell).ok_or_else(|| FramesError::Number {
                file: name.into(),
                line: line_number,
                column: column + 1,
                given: shortened(cell),
            })?;
        }
        let label = label(cells[FRAME]).ok_or_else(|| FramesError::Label {
            file: name.into(),
            line: line_number,
            given: shortened(cells[FRAME]),
        })?;
        samples.push(Sample {
            frame: Frame(numbers),
            label,
        });
    }
    if samples.is_empty() {
        return Err(FramesError::Bare { file: name.into() });
    }
    Ok(Recording {
        name: name.into(),
        samples,
    })
}

/// Reads one frame as a radar gives it: [`FRAME`] numbers separated by commas, without a label.
pub fn parse_frame(line: &str) -> Option<Frame> {
    let mut numbers = Box::new([0; FRAME]);
    let mut cells = line.trim().split(',');
    for number in numbers.iter_mut() {
        *number = thousandths(cells.next()?.trim())?;
    }
    cells.next().is_none().then_some(Frame(numbers))
}

fn shortened(cell: &str) -> String {
    cell.chars().take(32).collect()
}

fn label(cell: &str) -> Option<Label> {
    match cell {
        "" => None,
        "air" => Some(Label::Count(0)),
        // Digits are a count and nothing else, so that "70000" is refused rather than taken for somebody's name.
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok().map(Label::Count),
        name if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => Some(Label::Person(name.into())),
        _ => None,
    }
}

/// A decimal text in thousandths, rounded half away from zero, exactly and without floats.
fn thousandths(text: &str) -> Option<i32> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i16>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.as_bytes().first()? {
        b'-' => (true, &mantissa[1..]),
        b'+' => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // Digits to the left of `kept` are whole thousandths; the one after it rounds.
    let kept = i32::try_from(whole.len()).ok()? + i32::from(exponent) + 3;
    let mut magnitude: i64 = 0;
    for (place, digit) in whole.bytes().chain(fraction.bytes()).enumerate() {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        let place = i32::try_from(place).ok()?;
        if place < kept {
            magnitude = magnitude * 10 + digit;
        } else if place == kept && digit >= 5 {
            magnitude += 1;
        }
        if magnitude > i64::from(SAMPLE_MAX) {
            return None;
        }
    }
    let given = i32::try_from(whole.len() + fraction.len()).ok()?;
    if magnitude != 0 {
        for _ in given..kept {
            magnitude = magnitude
                .checked_mul(10)
                .filter(|magnitude| *magnitude <= i64::from(SAMPLE_MAX))?;
        }
    }
    let magnitude = i32::try_from(magnitude).ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expect: Option<i32>) {
        assert_eq!(thousandths(text), expect, "{text}");
    }

    #[test]
    fn decimals_become_thousandths() {
        check("0", Some(0));
        check("-6.93788331", Some(-6_938));
        check("1.0005", Some(1_001));
        check("-1.0005", Some(-1_001));
        check("1.0004999", Some(1_000));
        check("5.0E-4", Some(1));
        check("4.9e-4", Some(0));
        check("1.5e2", Some(150_000));
        check("12e-1", Some(1_200));
        check("+.5", Some(500));
        check("7.", Some(7_000));
        check("16777.215", Some(SAMPLE_MAX));
        check("16777.216", None);
        check("1e30000", None);
        check("0e300", Some(0));
        for none in [
            "", "-", ".", "e5", "1,5", "nan", "inf", "0x10", "1e", "1e1.5", "--1", "1 2",
        ] {
            check(none, None);
        }
    }

    fn file(rows: &[(String, &str)]) -> String {
        let mut text = String::new();
        for channel in 'a'..='h' {
            for sample in 1..=SAMPLES {
                text.push_str(&format!("{channel}{sample},"));
            }
        }
        text.push_str("class\n");
        for (numbers, label) in rows {
            text.push_str(&format!("{numbers},{label}\n"));
        }
        text
    }

    fn refused(text: &str) -> String {
        parse("f.csv", text.as_bytes())
            .expect_err("must be refused")
            .to_string()
    }

    #[test]
    fn a_file_is_read_in_order() {
        let row = vec!["0.5"; FRAME].join(",");
        let recording = parse(
            "f.csv",
            file(&[(row.clone(), "air"), (row.clone(), "52"), (row, "p1")]).as_bytes(),
        );
        let labels: Vec<Label> = recording
            .expect("valid")
            .samples
            .into_iter()
            .map(|sample| sample.label)
            .collect();
        assert_eq!(
            labels,
            [Label::Count(0), Label::Count(52), Label::Person("p1".into())]
        );
    }

    #[test]
    fn a_wrong_cell_is_named_by_line_and_column() {
        let row = vec!["0.5"; FRAME].join(",");
        let mut cells = vec!["1"; FRAME];
        cells[9] = "x";
        assert_eq!(
            refused(&file(&[(row.clone(), "1"), (cells.join(","), "2")])),
            "f.csv, line 3, column 10: wanted a number within ±16777, got \"x\""
        );
        assert_eq!(
            refused(&file(&[("1,2".into(), "3")])),
            "f.csv, line 2: wanted 513 columns (512 numbers and a label), got 3"
        );
        for label in ["70000", "-3", "1.5", "", "two chips"] {
            let named = format!(
                "f.csv, line 2, column 513: wanted air, a count up to 65535 or a person's label, got \"{label}\""
            );
            assert_eq!(refused(&file(&[(row.clone(), label)])), named);
        }
        cells[9] = "NaN";
        assert!(refused(&file(&[(cells.join(","), "2")])).contains("line 2, column 10"));
        // A file cut off in the middle of a line, and one cut off after its first.
        let whole = file(&[(row.clone(), "1"), (row.clone(), "2")]);
        assert!(refused(&whole[..whole.len() - 900]).starts_with("f.csv, line 3: wanted 513 columns"));
        assert!(refused(&file(&[])).starts_with("f.csv: no frames below line 1"));
        assert!(refused("").starts_with("f.csv, line 1"));
        assert!(refused(&format!("{row},1\n")).starts_with("f.csv, line 1"));
        assert!(matches!(
            parse("f", &[0xff, 0xfe]),
            Err(FramesError::NotText { .. })
        ));
    }

    #[test]
    fn test_r7_8_persons_are_passed_over_in_a_folder_and_refused_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let row = vec!["0.5"; FRAME].join(",");
        std::fs::write(folder.path().join("users.csv"), file(&[(row.clone(), "p1")])).expect("written");
        std::fs::write(folder.path().join("cards.csv"), file(&[(row, "3")])).expect("written");
        let mut passed = Vec::new();
        let read = read_counts(&[folder.path().into()], |name| passed.push(name.to_owned())).expect("counts");
        assert_eq!(read.len(), 1);
        assert_eq!(passed, ["users.csv"]);
        let alone = read_counts(&[folder.path().join("users.csv")], |_| ());
        assert!(matches!(alone, Err(FramesError::Persons { line: 2, .. })));
    }

    proptest! {
        #[test]
        fn every_thousandth_survives_its_own_text(units in -SAMPLE_MAX..=SAMPLE_MAX) {
            let sign = if units < 0 { "-" } else { "" };
            let text = format!("{sign}{}.{:03}", units.abs() / UNITS, units.abs() % UNITS);
            prop_assert_eq!(thousandths(&text), Some(units));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = thousandths(&text);
        }
    }
}
