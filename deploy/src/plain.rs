//! Text from outside, such as a node's or a token's words, shown so that it is read and does nothing else.
//!
//! *In*: any text. *Out*: the same, with what steers a terminal or turns the order of letters written as `\u001b`, which
//! in JSON too is the same letter. *Refuses*: nothing.

/// A text of our own with words from outside in it: its lines and tabs stay.
#[must_use]
pub fn text(given: &str) -> String {
    escaped(given, &['\n', '\t'])
}

/// Words from outside, or a cell of a table: one line, which begins no other.
#[must_use]
pub fn line(given: &str) -> String {
    escaped(given, &[])
}

fn escaped(given: &str, stay: &[char]) -> String {
    let mut plain = String::with_capacity(given.len());
    for letter in given.chars() {
        if steers(letter) && !stay.contains(&letter) {
            // All of them are below 10000.
            plain.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            plain.push(letter);
        }
    }
    plain
}

/// True for control characters, separators of lines, and what turns the order of letters (Unicode's `Bidi_Control`).
fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_clears_no_screen_and_begins_no_line() {
        let given = "a\u{1b}[2J\u{9b}b\r\nYou lose nothing\t\u{202e}H 02";

        let shown = line(given);

        assert_eq!(
            shown,
            "a\\u001b[2J\\u009bb\\u000d\\u000aYou lose nothing\\u0009\\u202eH 02"
        );
        assert_eq!(
            text("Éva's wood: 2 m³\n\tü\u{1b}"),
            "Éva's wood: 2 m³\n\tü\\u001b"
        );
        let json = serde_json::to_string_pretty(&[given]).expect("JSON");
        let read: Vec<String> = serde_json::from_str(&text(&json)).expect("JSON still");
        assert_eq!(read, [given]);
    }
}
