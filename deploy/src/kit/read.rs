//! Reads one TOML document and keeps every problem with its place.
//!
//! *In*: the text of a kit or charter. *Out*: typed values by key, and all problems at once.
//! *Refuses*: unknown keys, wrong types, values out of range; each is a [`Problem`] with line and column.

use std::cell::RefCell;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing wrong in a kit, and where.
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
    /// Parses as far as the text can be parsed; what cannot is a problem already.
    pub(super) fn parse(text: &'a str) -> (Rc<Self>, Table<'a>) {
        let source = Rc::new(Self {
            text,
            problems: RefCell::default(),
        });
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            source.problem(error.span().unwrap_or(0..0), error.message().to_owned());
        }
        let table = Table {
            source: source.clone(),
            path: String::new(),
            span: 0..0,
            keys: document.into_inner(),
        };
        (source, table)
    }

    pub(super) fn problem(&self, span: Range<usize>, says: String) {
        let before = &self.text[..span.start.min(self.text.len())];
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

/// A value with its place, so that checks across values can point at it.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// One table of the document; each key is taken once, and what is left at the end was not known.
pub(super) struct Table<'a> {
    source: Rc<Source<'a>>,
    path: String,
    span: Range<usize>,
    keys: DeTable<'a>,
}

impl<'a> Table<'a> {
    fn take(&mut self, key: &str) -> Option<Spanned<DeValue<'a>>> {
        self.keys.remove(key)
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// True where the key is there, whatever it holds.
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// What the table is read from; it outlives the table.
    pub(super) fn source(&self) -> Rc<Source<'a>> {
        self.source.clone()
    }

    /// Where the table begins.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub(super) fn problem(&self, span: Range<usize>, says: String) {
        self.source.problem(span, says);
    }

    /// Says that a key is missing and what it should hold.
    pub(super) fn missing(&self, key: &str, wanted: &str) {
        self.problem(
            self.span(),
            format!("{} is missing, wanted {wanted}", self.name(key)),
        );
    }

    fn wrong(&self, key: &str, span: Range<usize>, given: &str, wanted: &str) {
        self.problem(
            span,
            format!("{}: given {given}, wanted {wanted}", self.name(key)),
        );
    }

    /// A text, turned into `T`; its error says what was wanted.
    pub(super) fn text<T: FromStr>(&mut self, key: &str, wanted: &str) -> Option<Placed<T>>
    where
        T::Err: fmt::Display,
    {
        let value = self.take(key)?;
        let span = value.span();
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(key, span, article(value.get_ref()), wanted);
            return None;
        };
        match text.parse() {
            Ok(value) => Some(Placed { value, span }),
            Err(error) => {
                let says = error.to_string();
                let says = if says.contains("wanted") {
                    says
                } else {
                    format!("given {text:?}, wanted {wanted}")
                };
                self.problem(span, format!("{}: {says}", self.name(key)));
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn must<T: FromStr>(&mut self, key: &str, wanted: &str) -> Option<Placed<T>>
    where
        T::Err: fmt::Display,
    {
        if !self.keys.contains_key(key) {
            self.missing(key, wanted);
        }
        self.text(key, wanted)
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, key: &str, bounds: RangeInclusive<u64>) -> Option<Placed<u64>> {
        let value = self.take(key)?;
        self.whole(key, &value, bounds)
    }

    fn whole(
        &self,
        key: &str,
        value: &Spanned<DeValue<'a>>,
        bounds: RangeInclusive<u64>,
    ) -> Option<Placed<u64>> {
        let wanted = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong(key, value.span(), article(value.get_ref()), &wanted);
            return None;
        };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if bounds.contains(&number) => Some(Placed {
                value: number,
                span: value.span(),
            }),
            _ => {
                self.wrong(key, value.span(), integer.as_str(), &wanted);
                None
            }
        }
    }

    /// A whole number that must be there.
    pub(super) fn must_number(&mut self, key: &str, bounds: RangeInclusive<u64>) -> Option<Placed<u64>> {
        if !self.keys.contains_key(key) {
            self.missing(
                key,
                &format!("a whole number from {} to {}", bounds.start(), bounds.end()),
            );
        }
        self.number(key, bounds)
    }

    /// Whole numbers, exactly `count` of them.
    pub(super) fn numbers(
        &mut self,
        key: &str,
        count: usize,
        bounds: RangeInclusive<u64>,
    ) -> Option<Placed<Vec<u64>>> {
        self.exactly(key, count, "whole numbers", |table, value| {
            table.whole(key, value, bounds.clone()).map(|placed| placed.value)
        })
    }

    /// Texts, exactly `count` of them, each turned into `T`.
    pub(super) fn texts<T: FromStr>(&mut self, key: &str, count: usize, what: &str) -> Option<Placed<Vec<T>>>
    where
        T::Err: fmt::Display,
    {
        self.exactly(key, count, what, |table, value| table.parsed(key, value, what))
    }

    fn exactly<T>(
        &mut self,
        key: &str,
        count: usize,
        what: &str,
        one: impl Fn(&Self, &Spanned<DeValue<'a>>) -> Option<T>,
    ) -> Option<Placed<Vec<T>>> {
        let wanted = format!("{count} {what}");
        let Some(value) = self.take(key) else {
            self.missing(key, &wanted);
            return None;
        };
        let span = value.span();
        let list = match value.get_ref().as_array() {
            Some(list) if list.len() == count => list,
            Some(list) => {
                self.wrong(key, span, &list.len().to_string(), &wanted);
                return None;
            }
            None => {
                self.wrong(key, span, article(value.get_ref()), &wanted);
                return None;
            }
        };
        let all: Vec<T> = list.iter().filter_map(|item| one(self, item)).collect();
        (all.len() == count).then_some(Placed { value: all, span })
    }

    fn parsed<T: FromStr>(&self, key: &str, value: &Spanned<DeValue<'a>>, wanted: &str) -> Option<T>
    where
        T::Err: fmt::Display,
    {
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(key, value.span(), article(value.get_ref()), wanted);
            return None;
        };
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.problem(value.span(), format!("{}: {error}", self.name(key)));
                None
            }
        }
    }

    /// Texts, as many as there are.
    pub(super) fn names(&mut self, key: &str) -> Vec<Placed<String>> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(key, value.span(), article(value.get_ref()), "a list of names");
            return Vec::new();
        };
        list.iter()
            .filter_map(|item| {
                self.parsed(key, item, "a name").map(|value| Placed {
                    value,
                    span: item.span(),
                })
            })
            .collect()
    }

    /// A table under this one.
    pub(super) fn table(&mut self, key: &str) -> Option<Table<'a>> {
        let value = self.take(key)?;
        self.open(key, value)
    }

    /// Every table of a list of tables.
    pub(super) fn tables(&mut self, key: &str) -> Vec<Table<'a>> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(list) => list
                .into_iter()
                .enumerate()
                .filter_map(|(index, item)| self.open(&format!("{key}[{index}]"), item))
                .collect(),
            other => {
                self.wrong(key, span, article(&other), &format!("[[{key}]] tables"));
                Vec::new()
            }
        }
    }

    fn open(&self, key: &str, value: Spanned<DeValue<'a>>) -> Option<Table<'a>> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(keys) => Some(Table {
                source: self.source.clone(),
                path: self.name(key),
                span,
                keys,
            }),
            other => {
                self.wrong(key, span, article(&other), "a table");
                None
            }
        }
    }

    /// All keys that hold texts, with their keys; for tables whose keys are names.
    pub(super) fn entries(&mut self) -> Vec<(Placed<String>, Placed<String>)> {
        let keys = std::mem::take(&mut self.keys);
        keys.into_iter()
            .filter_map(|(key, value)| {
                let name = Placed {
                    value: key.get_ref().to_string(),
                    span: key.span(),
                };
                let text = self.parsed(&name.value, &value, "a text")?;
                Some((
                    name,
                    Placed {
                        value: text,
                        span: value.span(),
                    },
                ))
            })
            .collect()
    }

    /// Every key must have been taken.
    pub(super) fn close(self, known: &[&str]) {
        for key in self.keys.keys() {
            let given = self.name(key.get_ref());
            let wanted = nearest(key.get_ref(), known).map_or_else(
                || format!("one of {}", known.join(", ")),
                |near| format!("perhaps {near}"),
            );
            self.source
                .problem(key.span(), format!("unknown key {given}, wanted {wanted}"));
        }
    }
}

fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The known key within two edits of the one given, if one is.
fn nearest<'k>(given: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|key| (edits(given, key), *key))
        .filter(|(far, _)| *far <= 2)
        .min()
        .map(|(_, key)| key)
}

fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let swap = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = swap.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
