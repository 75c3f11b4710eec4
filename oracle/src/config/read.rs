//! Reads one TOML document and keeps every problem with its place.

use std::cell::RefCell;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use toml::de::{DeTable, DeValue};

/// One thing wrong in the configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What was given, what was wanted, how to mend it.
    pub says: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.says)
    }
}

/// The text being read, and what was found wrong in it.
pub(super) struct Source<'a> {
    text: &'a str,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            problems: RefCell::default(),
        }
    }

    /// Parses as far as the text can be parsed; what cannot is a problem already.
    pub(super) fn parse(&self) -> Table<'_, 'a> {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            self.problem(error.span().unwrap_or(0..0), error.message().to_owned());
        }
        Table {
            source: self,
            path: String::new(),
            span: 0..0,
            keys: document.into_inner(),
        }
    }

    pub(super) fn problem(&self, span: Range<usize>, says: String) {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &self.text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        self.problems.borrow_mut().push(Problem { line, column, says });
    }

    /// All problems in the order of their places.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut all = self.problems.take();
        all.sort_by_key(|problem| (problem.line, problem.column));
        all.dedup();
        all
    }
}

/// One table of the document; each key is taken once, and what is left at the end was not known.
pub(super) struct Table<'s, 'a> {
    source: &'s Source<'a>,
    path: String,
    span: Range<usize>,
    keys: DeTable<'a>,
}

impl<'s, 'a> Table<'s, 'a> {
    fn name(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn wrong(&self, key: &str, span: Range<usize>, given: &str, wanted: &str) {
        self.source.problem(
            span,
            format!("{}: given {given}, wanted {wanted}", self.name(key)),
        );
    }

    /// Says that a key is missing and what it should hold.
    pub(super) fn missing(&self, key: &str, wanted: &str) {
        self.source.problem(
            self.span.clone(),
            format!("{} is missing, wanted {wanted}", self.name(key)),
        );
    }

    /// A table under this one; one that is not there reads as empty, placed where this one begins.
    pub(super) fn table(&mut self, key: &str) -> Table<'s, 'a> {
        let path = self.name(key);
        let (keys, span) = match self.keys.remove(key) {
            None => (DeTable::new(), self.span.clone()),
            Some(value) => {
                let span = value.span();
                match value.into_inner() {
                    DeValue::Table(keys) => (keys, span),
                    other => {
                        self.wrong(key, span.clone(), article(&other), "a table");
                        (DeTable::new(), span)
                    }
                }
            }
        };
        Table {
            source: self.source,
            path,
            span,
            keys,
        }
    }

    /// A text turned into `T`.
    pub(super) fn text<T: FromStr>(&mut self, key: &str, wanted: &str) -> Option<T> {
        let value = self.keys.remove(key)?;
        let span = value.span();
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(key, span, article(value.get_ref()), wanted);
            return None;
        };
        match text.parse() {
            Ok(read) => Some(read),
            Err(_) => {
                self.wrong(key, span, &format!("{text:?}"), wanted);
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn must<T: FromStr>(&mut self, key: &str, wanted: &str) -> Option<T> {
        if !self.keys.contains_key(key) {
            self.missing(key, wanted);
        }
        self.text(key, wanted)
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, key: &str, bounds: RangeInclusive<u64>) -> Option<u64> {
        let value = self.keys.remove(key)?;
        let wanted = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong(key, value.span(), article(value.get_ref()), &wanted);
            return None;
        };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if bounds.contains(&number) => Some(number),
            _ => {
                self.wrong(key, value.span(), integer.as_str(), &wanted);
                None
            }
        }
    }

    /// A whole number that must be there.
    pub(super) fn must_number(&mut self, key: &str, bounds: RangeInclusive<u64>) -> Option<u64> {
        if !self.keys.contains_key(key) {
            self.missing(
                key,
                &format!("a whole number from {} to {}", bounds.start(), bounds.end()),
            );
        }
        self.number(key, bounds)
    }

    /// Every key that nobody took is unknown.
    pub(super) fn end(self, known: &[&str]) {
        for (key, _) in &self.keys {
            let says = format!(
                "{} is not known here; known are {}",
                self.name(key.get_ref()),
                known.join(", ")
            );
            self.source.problem(key.span(), says);
        }
    }
}

fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
